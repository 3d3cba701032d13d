import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { asDollars, asMoment, asNumber, asSize, t } from "../i18n";
import { ApiError, data, type Api, type Schemas } from "../platform/api";
import { useApi, usePlatform } from "../platform/context";
import { setTheme, theme, type Theme } from "../platform/theme";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { Problem } from "../ui/Problem";
import { dismissAll, tellProblem } from "../ui/toasts";
import { useTitle } from "../ui/useTitle";
import { forgetExport, rememberedExport, rememberExport } from "./exports";

export function AccountPage() {
  const { session } = usePlatform();
  const signOut = useSignOut();
  useTitle(t("account.title"));
  return (
    <div className="mx-auto my-6 flex max-w-2xl flex-col gap-6">
      <h1 className="text-2xl font-bold tracking-tight">{t("account.title")}</h1>
      <Card>
        <div className="flex flex-wrap items-center justify-between gap-3">
          <p>
            <span className="text-soft">{t("account.signedInAs")}</span> <strong>{session.email}</strong>
          </p>
          <button type="button" className="button" onClick={() => void dismissAll().then(signOut)}>
            {t("account.signOut")}
          </button>
        </div>
      </Card>
      <Usage />
      <Providers />
      <Appearance />
      <Export />
      <DeleteAll />
    </div>
  );
}

/** What this browser has kept for somebody goes with them. */
function useSignOut(): () => Promise<void> {
  const { session } = usePlatform();
  return () => {
    forgetExport();
    return session.signOut();
  };
}

function Card({ title, hint, children }: { title?: string; hint?: string; children: React.ReactNode }) {
  return (
    <section className="rounded-3xl border border-line bg-card p-5">
      {title && <h2 className="font-bold">{title}</h2>}
      {hint && <p className="mb-3 text-sm text-soft">{hint}</p>}
      {children}
    </section>
  );
}

function Usage() {
  const api = useApi();
  const me = useQuery({ queryKey: ["me"], queryFn: ({ signal }) => data(api.GET("/me", { signal })) });
  if (me.isError) return <Problem error={me.error} onRetry={() => void me.refetch()} />;
  if (!me.data)
    return <div className="skeleton h-[31rem] rounded-3xl" role="status" aria-label={t("common.loading")} />;
  const { items, bytes, usage_today: today, usage_month: month, limits } = me.data;
  return (
    <Card title={t("account.usage")}>
      <h3 className="mt-4 mb-1 text-sm text-soft">{t("account.kept")}</h3>
      <Meter name={t("account.items")} used={items} limit={limits.items} shown={asNumber} />
      <Meter name={t("account.storage")} used={bytes} limit={limits.bytes} shown={asSize} />
      <h3 className="mt-5 mb-1 text-sm text-soft">{t("account.today")}</h3>
      <Meter name={t("account.analyses")} used={today.analyses} limit={limits.analyses_per_day} shown={asNumber} />
      <Meter
        name={t("account.embeddings")}
        used={today.embeddings}
        limit={limits.embeddings_per_day}
        shown={asNumber}
      />
      <Meter name={t("account.chats")} used={today.chats} limit={limits.chats_per_day} shown={asNumber} />
      <h3 className="mt-5 mb-1 text-sm text-soft">{t("account.month")}</h3>
      <Facts>
        <Fact name={t("account.analyses")} value={asNumber(month.analyses)} />
        <Fact name={t("account.embeddings")} value={asNumber(month.embeddings)} />
        <Fact name={t("account.chats")} value={asNumber(month.chats)} />
        <Fact name={t("account.cost")} value={asDollars(month.cost_usd)} />
      </Facts>
      <p className="mt-3 text-sm text-soft">
        {t("account.largest", { size: asSize(limits.upload_max_bytes), count: limits.items_under_way })}
      </p>
    </Card>
  );
}

function Meter({
  name,
  used,
  limit,
  shown,
}: {
  name: string;
  used: number;
  limit: number;
  shown: (value: number) => string;
}) {
  return (
    <div className="grid grid-cols-[1fr_auto] items-center gap-x-4 py-1.5">
      <span>{name}</span>
      <span className="text-right tabular-nums">{t("account.of", { used: shown(used), limit: shown(limit) })}</span>
      <progress className="meter col-span-2 mt-1" max={limit} value={Math.min(used, limit)} aria-label={name} />
    </div>
  );
}

function Facts({ children }: { children: React.ReactNode }) {
  return <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">{children}</dl>;
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="text-right tabular-nums">{value}</dd>
    </>
  );
}

/** Who reads the pictures, and how many of them are found by meaning. */
function Providers() {
  const api = useApi();
  const config = useQuery({
    queryKey: ["search-config"],
    queryFn: ({ signal }) => data(api.GET("/search/config", { signal })),
    staleTime: Infinity,
  });
  const newest = useQuery({
    queryKey: ["newest-analysis"],
    queryFn: ({ signal }) => data(api.GET("/items", { params: { query: { status: "ready", limit: 1 } }, signal })),
  });
  const index = useQuery({
    queryKey: ["vector-index"],
    queryFn: ({ signal }) => data(api.GET("/vector-index/status", { signal })),
  });
  const problem = config.error ?? newest.error ?? index.error;
  if (problem) return <Problem error={problem} onRetry={() => void Promise.all([config.refetch(), index.refetch()])} />;
  if (!config.data || !newest.data || !index.data) {
    return <div className="skeleton h-48 rounded-3xl" role="status" aria-label={t("common.loading")} />;
  }
  const read = newest.data.items[0]?.latest_analysis;
  const { items, embedded, pending, failed } = index.data;
  return (
    <Card title={t("account.provider")}>
      <div className="mt-3">
        <Facts>
          <Fact
            name={t("account.provider.analysis")}
            value={read ? `${read.provider_used} · ${read.model_used}` : t("account.provider.none")}
          />
          <Fact
            name={t("account.provider.embedding")}
            value={`${config.data.embedding_provider} · ${config.data.embedding_model}`}
          />
          <Fact
            name={t("account.index")}
            value={t("account.of", { used: asNumber(embedded), limit: asNumber(items) })}
          />
          {pending > 0 && <Fact name={t("account.indexPending")} value={asNumber(pending)} />}
          {failed > 0 && <Fact name={t("account.indexFailed")} value={asNumber(failed)} />}
        </Facts>
      </div>
      {pending + failed > 0 && <Rebuild />}
    </Card>
  );
}

function Rebuild() {
  const api = useApi();
  const client = useQueryClient();
  const [jobId, setJobId] = useState<string | null>(null);
  const job = useJob(api, jobId).data;
  const isOver = job?.status === "done" || job?.status === "failed";
  useEffect(() => {
    if (isOver) void client.invalidateQueries({ queryKey: ["vector-index"] });
  }, [isOver, client]);
  const start = () =>
    void data(api.POST("/vector-index/rebuild"))
      .then(({ job_id }) => setJobId(job_id))
      .catch(tellProblem);
  if (jobId === null || isOver) {
    return (
      <>
        {job?.error && <p role="alert">{job.error.message}</p>}
        <button type="button" className="button mt-3" onClick={start}>
          {t("account.rebuild")}
        </button>
      </>
    );
  }
  return <progress className="meter mt-3" max={1} value={job?.progress ?? 0} aria-label={t("account.rebuild")} />;
}

const THEMES: Theme[] = ["system", "light", "dark"];

function Appearance() {
  const [chosen, setChosen] = useState(theme());
  return (
    <Card title={t("account.theme")}>
      <div className="mt-3 flex flex-wrap gap-2" role="group" aria-label={t("account.theme")}>
        {THEMES.map((each) => (
          <button
            key={each}
            type="button"
            className="chip"
            aria-pressed={chosen === each}
            onClick={() => {
              setTheme(each);
              setChosen(each);
            }}
          >
            {t(`account.theme.${each}`)}
          </button>
        ))}
      </div>
    </Card>
  );
}

const POLL_MS = 1500;

/** A job of the account, asked for until it has ended. */
function useJob(api: Api, jobId: string | null) {
  return useQuery({
    queryKey: ["job", jobId],
    queryFn: ({ signal }) => data(api.GET("/jobs/{job_id}", { params: { path: { job_id: jobId ?? "" } }, signal })),
    enabled: jobId !== null,
    refetchInterval: (query) => (["done", "failed"].includes(query.state.data?.status ?? "") ? false : POLL_MS),
  });
}

function Export() {
  const api = useApi();
  const { session } = usePlatform();
  const [jobId, setJobId] = useState(() => rememberedExport(session.userId));
  const query = useJob(api, jobId);
  const start = () =>
    void data(api.GET("/me/export"))
      .then(({ job_id }) => {
        rememberExport(session.userId, job_id);
        setJobId(job_id);
      })
      .catch(tellProblem);
  // Exports are kept for some days.
  const isGone = query.error instanceof ApiError && query.error.status === 404;
  if (query.isLoadingError && !isGone) return <Problem error={query.error} onRetry={() => void query.refetch()} />;
  return (
    <Card title={t("account.export")} hint={t("account.exportHint")}>
      {jobId === null || isGone ? (
        <button type="button" className="button" onClick={start}>
          {t("account.exportStart")}
        </button>
      ) : (
        <ExportJob job={query.data} onAgain={start} />
      )}
    </Card>
  );
}

function ExportJob({ job, onAgain }: { job: Schemas["JobOut"] | undefined; onAgain: () => void }) {
  if (job?.status !== "done" && job?.status !== "failed") {
    return (
      <label className="flex min-h-10.5 flex-col gap-2">
        {t("account.exportRunning")}
        <progress className="meter" max={1} value={job?.progress ?? 0} />
      </label>
    );
  }
  const again = (
    <button type="button" className="button" onClick={onAgain}>
      {t("account.exportAgain")}
    </button>
  );
  if (job.status === "failed") {
    return (
      <div className="flex flex-col items-start gap-3">
        <p role="alert">{t("account.exportFailed", { reason: job.error?.message ?? "" })}</p>
        {again}
      </div>
    );
  }
  return (
    <>
      <div className="flex flex-wrap gap-2">
        <a className="button button-primary" href={job.result?.["url"] as string} download>
          <Icon name="download" size={18} />
          {t("account.exportReady")}
        </a>
        {again}
      </div>
      {job.expires_at && (
        <p className="mt-3 text-sm text-soft">
          {t("account.exportKept", { when: asMoment(job.created_at), until: asMoment(job.expires_at) })}
        </p>
      )}
    </>
  );
}

function DeleteAll() {
  const api = useApi();
  const client = useQueryClient();
  const signOut = useSignOut();
  const [isAsking, setAsking] = useState(false);
  const [typed, setTyped] = useState("");
  const [jobId, setJobId] = useState<string | null>(null);
  const job = useJob(api, jobId).data;
  const isDone = job?.status === "done";
  const start = () =>
    void data(api.DELETE("/me"))
      .then(({ job_id }) => setJobId(job_id))
      .catch(tellProblem);
  const leave = () => {
    client.clear();
    void signOut();
  };
  return (
    <Card title={t("account.delete")} hint={t("account.deleteHint")}>
      <button type="button" className="button button-danger" onClick={() => setAsking(true)}>
        {t("account.delete")}
      </button>
      {isAsking && (
        <Dialog title={t("account.delete")} onClose={() => (isDone ? leave() : setAsking(false))}>
          {job?.status === "failed" ? (
            <div className="flex flex-col gap-4">
              <p role="alert">{t("account.deleteFailed", { reason: job.error?.message ?? "" })}</p>
              <button type="button" className="button button-danger" onClick={start}>
                {t("error.retry")}
              </button>
            </div>
          ) : jobId === null ? (
            <form
              className="flex flex-col gap-4"
              onSubmit={(event) => {
                event.preventDefault();
                start();
              }}
            >
              <p>{t("account.deleteHint")}</p>
              <label className="flex flex-col gap-1">
                {t("account.deleteConfirm", { word: t("account.deleteWord") })}
                <input
                  className="field"
                  autoComplete="off"
                  value={typed}
                  onChange={(event) => setTyped(event.target.value)}
                />
              </label>
              <button
                type="submit"
                className="button button-danger"
                disabled={typed.trim().toLowerCase() !== t("account.deleteWord")}
              >
                {t("account.deleteStart")}
              </button>
            </form>
          ) : (
            <div className="flex flex-col gap-4" role="status">
              <p>{t(isDone ? "account.deleted" : "account.deleteRunning")}</p>
              <progress className="meter" max={1} value={isDone ? 1 : (job?.progress ?? 0)} />
              {isDone && (
                <button type="button" className="button" onClick={leave}>
                  {t("common.done")}
                </button>
              )}
            </div>
          )}
        </Dialog>
      )}
    </Card>
  );
}
