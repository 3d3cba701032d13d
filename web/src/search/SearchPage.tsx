import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { FilterBar } from "../collection/FilterBar";
import { asQuery, isNarrowed } from "../collection/filters";
import { useStaying } from "../collection/leaving";
import { setTrail, takeClosed } from "../item/trail";
import { isKey, t } from "../i18n";
import { data, type Schemas, type SearchResult } from "../platform/api";
import { useApi } from "../platform/context";
import { Empty, Problem } from "../ui/Problem";
import { useTitle } from "../ui/useTitle";
import { MODES, type Mode, type Search } from "./address";
import { hasMark, plain } from "./marked";
import { Marked } from "./Marked";

const route = getRouteApi("/search");
const idOf = (result: SearchResult): string => result.item_id;

export function SearchPage() {
  const asked = route.useSearch();
  const navigate = route.useNavigate();
  const { q, mode = MODES[0], ...filters } = asked;
  const query = useSearch(asked, mode);
  const [withScores, setScores] = useState(false);
  const go = (search: Search) => void navigate({ search });
  const found = query.data;
  const results = useStaying(found?.results, idOf);
  useEffect(() => setTrail(results.map((result) => result.item_id)), [results]);
  useTitle(q);
  useEffect(() => {
    const closed = results.length > 0 && takeClosed();
    // Whoever closes a picture goes on where they were.
    if (closed) document.getElementById(`result-${closed}`)?.focus({ preventScroll: true });
  }, [results]);
  return (
    <>
      <div className="my-5 flex flex-wrap items-center justify-between gap-3">
        <h1 className="text-2xl font-bold tracking-tight">{t("search.title", { query: q })}</h1>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2 text-sm text-soft max-sm:w-full">
          <span aria-live="polite" className="whitespace-nowrap max-sm:grow">
            {found && <Count found={found} />}
          </span>
          <select
            aria-label={t("search.mode")}
            className="field min-h-9 w-auto py-1 text-ink"
            value={mode}
            onChange={(event) => go({ ...filters, q, mode: event.target.value as Mode })}
          >
            {MODES.map((each) => (
              <option key={each} value={each}>
                {t(`search.${each}`)}
              </option>
            ))}
          </select>
          <label className="flex items-center gap-1.5 whitespace-nowrap">
            <input type="checkbox" checked={withScores} onChange={(event) => setScores(event.target.checked)} />
            {t("search.scores")}
          </label>
        </div>
      </div>
      <FilterBar
        withSort={false}
        filters={filters}
        onChange={({ sort: _, status: __, ...narrow }) => go({ ...narrow, q, ...(asked.mode && { mode }) })}
      />
      {found && found.degraded.length > 0 && (
        <p role="status" className="mb-4 rounded-2xl bg-mark px-4 py-2">
          {found.degraded
            .map((part) => `search.degraded.${part}`)
            .filter(isKey)
            .map((key) => t(key))
            .join(" ")}
        </p>
      )}
      {found?.agent_reasoning && <Steps steps={found.agent_reasoning} />}
      {query.isPending && <Skeleton />}
      {query.isError && <Problem error={query.error} onRetry={() => void query.refetch()} />}
      {found && results.length === 0 && (
        <Empty title={t("search.abstained", { query: q })} hint={t("search.abstainedHint")}>
          {mode !== "bm25" && (
            <button type="button" className="button" onClick={() => go({ ...filters, q, mode: "bm25" })}>
              {t("search.tryWords")}
            </button>
          )}
          {isNarrowed(filters) && (
            <button type="button" className="button" onClick={() => go({ q })}>
              {t("search.clearFilters")}
            </button>
          )}
        </Empty>
      )}
      <ol className={`grid gap-3 lg:grid-cols-2 ${query.isPlaceholderData ? "opacity-60" : ""}`}>
        {results.map((result) => (
          <Result key={result.item_id} result={result} withScores={withScores} />
        ))}
      </ol>
    </>
  );
}

function useSearch({ q, category, tag, favorite, from, to }: Search, mode: Mode) {
  const api = useApi();
  const { from: since, to: until } = asQuery({ ...(from && { from }), ...(to && { to }) });
  return useQuery({
    queryKey: ["search", q, mode, category, tag, favorite, from, to],
    queryFn: ({ signal }) =>
      data(
        api.POST("/search", {
          body: {
            query: q,
            search_type: mode,
            top_k: 30,
            ...(category && { category_filter: category }),
            ...(tag && { tags: [tag] }),
            ...(favorite && { favorite }),
            ...(since && { from: since }),
            ...(until && { to: until }),
          } as Schemas["SearchIn"],
          signal,
        }),
      ),
    enabled: q.trim() !== "",
    placeholderData: (previous) => previous,
    // Planned once for a question: each time counts, and may be paid for.
    staleTime: mode === "agentic" ? Infinity : 60_000,
    ...(mode === "agentic" && { retry: false }),
  });
}

/** How many, and how fast: on a phone there is no room for both. */
function Count({ found }: { found: Schemas["SearchOut"] }) {
  const ms = Math.max(1, Math.round(found.retrieval_time_ms));
  return (
    <>
      {t("search.count", { count: found.total_results })}{" "}
      <span className="max-sm:hidden">{t("search.took", { ms })}</span>
    </>
  );
}

function Steps({ steps }: { steps: string[] }) {
  return (
    <details className="mb-4 rounded-2xl bg-sunk px-4 py-2 text-sm">
      <summary className="cursor-pointer">{t("search.steps")}</summary>
      <ol className="mt-2 list-decimal pl-5 text-soft">
        {steps.map((step, place) => (
          <li key={place}>{step}</li>
        ))}
      </ol>
    </details>
  );
}

function Result({ result, withScores }: { result: SearchResult; withScores: boolean }) {
  const [first, ...others] = result.highlights;
  const title = first && plain(first) === result.headline ? first : result.headline;
  const reasons = (title === first ? others : result.highlights).filter(hasMark).slice(0, 3);
  return (
    <li>
      <Link
        to="/items/$itemId"
        params={{ itemId: result.item_id }}
        id={`result-${result.item_id}`}
        className="flex h-full gap-4 rounded-2xl border border-line bg-card p-3 hover:border-soft"
      >
        <img
          src={result.thumbnail_url}
          alt=""
          loading="lazy"
          className="h-32 w-28 shrink-0 rounded-xl bg-sunk object-cover sm:w-36"
        />
        <div className="flex min-w-0 flex-col gap-1">
          <h2 className="line-clamp-2 font-bold">
            <Marked text={title} />
          </h2>
          {reasons.length > 0 ? (
            reasons.map((text, place) => (
              <p key={place} className="line-clamp-2 text-sm text-soft">
                <Marked text={text} />
              </p>
            ))
          ) : (
            <p className="line-clamp-2 text-sm text-soft">{result.summary}</p>
          )}
          <p className="mt-auto flex flex-wrap gap-x-2 gap-y-1 text-xs text-soft">
            {result.category && <span className="rounded-full bg-sunk px-2 py-0.5">{result.category}</span>}
            <span className="py-0.5">{why(result)}</span>
          </p>
          {withScores && <Scores result={result} />}
        </div>
      </Link>
    </li>
  );
}

function why(result: SearchResult): string {
  if (result.matched_terms.length === 0) return t("search.similarTo");
  return t("search.matched", { terms: result.matched_terms.slice(0, 5).join(", ") });
}

function Scores({ result }: { result: SearchResult }) {
  const scores = [
    [result.score_type, result.score],
    ["bm25", result.bm25_score],
    ["cosine", result.similarity],
  ] as const;
  return (
    <p className="font-mono text-xs text-soft">
      {scores
        .filter(([, score]) => typeof score === "number")
        .map(([name, score]) => `${name} ${score?.toFixed(3)}`)
        .join(" · ")}
    </p>
  );
}

function Skeleton() {
  return (
    <div role="status" aria-label={t("common.loading")} className="grid gap-3 lg:grid-cols-2">
      {Array.from({ length: 6 }, (_, place) => (
        <div key={place} className="skeleton h-38" />
      ))}
    </div>
  );
}
