import { Link } from "@tanstack/react-router";
import { t } from "./i18n";

export function NotFound() {
  return (
    <div className="my-24 flex flex-col items-center gap-4 text-center">
      <h1 className="text-2xl font-bold">{t("error.notFound")}</h1>
      <Link to="/" className="button">
        {t("error.home")}
      </Link>
    </div>
  );
}
