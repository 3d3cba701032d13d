import { useEffect } from "react";
import { t } from "../i18n";

/** The title of the page's tab and of its entry in the history, as long as the page is shown. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${t("app.name")}`;
    return () => void (document.title = t("app.name"));
  }, [title]);
}
