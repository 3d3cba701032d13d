import { useEffect, useState } from "react";
import { t } from "./i18n";
import { usePlatform } from "./platform/context";
import { Toasts, tellProblem } from "./ui/toasts";
import { countShared } from "./upload/shared";

/** Before signing in. */
export function Welcome({ problem }: { problem: string | null }) {
  const { session, config } = usePlatform();
  const [isBusy, setBusy] = useState(false);
  const [shared, setShared] = useState(0);
  useEffect(() => void countShared().then(setShared).catch(tellProblem), []);
  const run = (signIn: () => Promise<void>) => {
    setBusy(true);
    signIn()
      .catch(tellProblem)
      .finally(() => setBusy(false));
  };
  return (
    <main className="page grid min-h-dvh items-center gap-10 py-10 lg:grid-cols-2">
      <div>
        <p className="mb-8 flex items-center gap-3 text-lg font-bold">
          <img src="/mark.svg" width="36" height="36" alt="" />
          {t("app.name")}
        </p>
        <h1 className="text-4xl leading-tight font-bold tracking-tight text-balance sm:text-5xl">
          {t("welcome.title")}
        </h1>
        <p className="mt-4 max-w-xl text-lg text-soft">{t("welcome.lead")}</p>
        {problem && (
          <p role="alert" className="mt-6 rounded-2xl bg-danger-tint px-4 py-3">
            {problem}
          </p>
        )}
        {shared > 0 && (
          <p role="status" className="mt-6 rounded-2xl bg-tint px-4 py-3">
            {t("welcome.shared", { count: shared })}
          </p>
        )}
        <div className="mt-8 flex flex-wrap gap-3">
          {config.demo && (
            <button
              type="button"
              className="button button-primary min-h-13 px-6 text-lg"
              disabled={isBusy}
              onClick={() => run(() => session.signInAsDemo())}
            >
              {t("welcome.demo")}
            </button>
          )}
          <button
            type="button"
            className={`button min-h-13 px-6 text-lg ${config.demo ? "" : "button-primary"}`}
            disabled={isBusy}
            onClick={() => run(() => session.signIn())}
          >
            {t("welcome.signIn")}
          </button>
          {session.canSignUp && (
            <button
              type="button"
              className="button min-h-13 px-6 text-lg"
              disabled={isBusy}
              onClick={() => run(() => session.signUp())}
            >
              {t("welcome.signUp")}
            </button>
          )}
        </div>
        {config.demo && <p className="mt-4 text-sm text-soft">{t("welcome.demoHint")}</p>}
      </div>
      <img src="/welcome.svg" width="440" height="360" alt="" className="mx-auto max-lg:hidden" />
      <Toasts />
    </main>
  );
}
