import { t } from "../i18n";
import { Icon } from "./Icon";

/** A failure in place of what was to be shown, with the way on. */
export function Problem({ error, onRetry }: { error: Error; onRetry?: () => void }) {
  return (
    <div role="alert" className="mx-auto my-16 flex max-w-md flex-col items-center gap-3 text-center">
      <Icon name="warning" size={32} />
      <h2 className="text-xl font-bold">{t("error.title")}</h2>
      <p className="text-soft">{error.message}</p>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          {t("error.retry")}
        </button>
      )}
    </div>
  );
}

/** Nothing to show, and what to do about it. */
export function Empty({ title, hint, children }: { title: string; hint: string; children?: React.ReactNode }) {
  return (
    <div className="mx-auto my-12 flex max-w-lg flex-col items-center gap-3 text-center">
      <img src="/welcome.svg" width="220" height="180" alt="" />
      <h2 className="text-xl font-bold">{title}</h2>
      <p className="text-soft">{hint}</p>
      <div className="mt-2 flex flex-wrap justify-center gap-2">{children}</div>
    </div>
  );
}
