import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useStaying } from "../collection/leaving";
import { t } from "../i18n";
import { data, type SimilarResult } from "../platform/api";
import { useApi } from "../platform/context";

const idOf = (result: SimilarResult): string => result.item_id;

export function Similar({ itemId }: { itemId: string }) {
  const api = useApi();
  const { data: found } = useQuery({
    queryKey: ["similar", itemId],
    queryFn: ({ signal }) =>
      data(
        api.GET("/items/{item_id}/similar", { params: { path: { item_id: itemId }, query: { top_k: 12 } }, signal }),
      ),
    staleTime: 5 * 60_000,
  });
  const results = useStaying(found?.results, idOf);
  if (results.length === 0) return null;
  return (
    <section>
      <h2 className="mb-3 text-lg font-bold">{t("item.similar")}</h2>
      <ul className="grid grid-cols-3 gap-2.5 sm:grid-cols-4 lg:grid-cols-6">
        {results.map((result) => (
          <li key={result.item_id}>
            <Link
              to="/items/$itemId"
              params={{ itemId: result.item_id }}
              className="block"
              aria-label={result.headline}
            >
              <img
                src={result.thumbnail_url}
                alt=""
                loading="lazy"
                className="aspect-square w-full rounded-2xl border border-line bg-sunk object-cover"
              />
              <span className="line-clamp-1 text-sm text-soft">
                {result.near_duplicate ? t("item.nearDuplicate") : result.headline}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
