import { useQuery } from "@tanstack/react-query";
import { asMoment, t } from "../i18n";
import { data, type Item } from "../platform/api";
import { useApi } from "../platform/context";

/** Earlier analyses, newest first; shown when there are any. */
export function Versions({ item }: { item: Item }) {
  const api = useApi();
  const latest = item.latest_analysis?.version ?? 0;
  const { data: found } = useQuery({
    queryKey: ["analyses", item.id, latest],
    queryFn: ({ signal }) =>
      data(api.GET("/items/{item_id}/analyses", { params: { path: { item_id: item.id } }, signal })),
    enabled: latest > 1,
  });
  if (!found) return null;
  return (
    <details className="rounded-2xl border border-line p-4">
      <summary className="font-semibold">{t("item.versions")}</summary>
      <ol className="mt-3 flex flex-col gap-3 text-sm">
        {found.items.map((analysis) => (
          <li key={analysis.id}>
            <p className="font-semibold">
              {t("item.version", { version: analysis.version })} · {analysis.provider_used} ·{" "}
              {asMoment(analysis.created_at)}
            </p>
            <p className="text-soft">{analysis.headline}</p>
          </li>
        ))}
      </ol>
    </details>
  );
}
