import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useCallback, useEffect, useMemo, useState } from "react";
import { t } from "../i18n";
import { data, type Item } from "../platform/api";
import { useApi } from "../platform/context";
import { Empty, Problem } from "../ui/Problem";
import { tellProblem } from "../ui/toasts";
import { setTrail } from "../item/trail";
import { AddButton } from "../upload/AddPictures";
import { FilterBar } from "./FilterBar";
import { isNarrowed, type Filters } from "./filters";
import { Grid } from "./Grid";
import { useStaying } from "./leaving";
import { itemsQuery, renew, renewPart, useDelete } from "./queries";
import { SelectionBar } from "./SelectionBar";
import { useSelection } from "./selection";

const route = getRouteApi("/");
const idOf = (item: Item): string => item.id;

/** Everything, newest first unless asked otherwise, narrowed by what the address says. */
export function CollectionPage() {
  const filters = route.useSearch();
  const navigate = route.useNavigate();
  const api = useApi();
  const client = useQueryClient();
  const query = useInfiniteQuery(itemsQuery(api, filters));
  const fetched = useMemo(() => query.data?.pages.flatMap((page) => page.items) ?? [], [query.data]);
  const items = useStaying(fetched, idOf);
  useEffect(() => setTrail(items.map(({ id }) => id)), [items]);
  const { selected, toggle, clear, all } = useSelection(items);
  const remove = useDelete();
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;

  const onEnd = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  const onFavorite = useCallback(
    (item: Item) => {
      const body = { favorite: !item.favorite };
      renewPart(client, item.id, body);
      void data(api.PATCH("/items/{item_id}", { params: { path: { item_id: item.id } }, body: body as never }))
        .then((saved) => renew(client, saved))
        .catch((error: unknown) => {
          renew(client, item);
          tellProblem(error);
        });
    },
    [api, client],
  );
  const [isChoosing, setChoosing] = useState(false);
  const isSelecting = isChoosing || selected.size > 0;
  const endSelecting = useCallback(() => {
    setChoosing(false);
    clear();
  }, [clear]);
  useEffect(() => {
    if (!isSelecting) return;
    const onKey = (event: KeyboardEvent) => event.key === "Escape" && endSelecting();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [isSelecting, endSelecting]);

  const total = (query.data?.pages.at(-1)?.total ?? 0) - (fetched.length - items.length);
  const change = (search: Filters) => void navigate({ search, replace: true });
  return (
    <>
      <div className="my-4 flex min-h-9 items-center gap-4 whitespace-nowrap max-sm:gap-2.5">
        <h1 className="text-2xl font-bold tracking-tight max-sm:text-xl">{t("collection.title")}</h1>
        <p className="ml-auto text-soft max-sm:text-sm" aria-live="polite">
          {query.data && t("collection.count", { count: total })}
        </p>
        {items.length > 0 && (
          <button
            type="button"
            className="button button-small"
            aria-pressed={isSelecting}
            onClick={() => (isSelecting ? endSelecting() : setChoosing(true))}
          >
            {t("collection.select")}
          </button>
        )}
      </div>
      {(total > 0 || isNarrowed(filters)) && <FilterBar filters={filters} onChange={change} />}
      {isSelecting && <SelectionBar selected={selected} onAll={all} onClear={endSelecting} />}
      {query.isPending && <Skeleton />}
      {query.isError && <Problem error={query.error} onRetry={() => void query.refetch()} />}
      {query.isSuccess && items.length === 0 && <Nothing filters={filters} onClear={() => change({})} />}
      {items.length > 0 && (
        <Grid
          items={items}
          selected={selected}
          isSelecting={isSelecting}
          onSelect={toggle}
          onFavorite={onFavorite}
          onDelete={(item) => remove([item.id])}
          onEnd={onEnd}
        />
      )}
    </>
  );
}

/** Where fingers do it, nothing is dropped or pasted. */
const isTouched = (): boolean => matchMedia("(hover: none)").matches;

function Nothing({ filters, onClear }: { filters: Filters; onClear: () => void }) {
  if (!isNarrowed(filters)) {
    return (
      <Empty title={t("collection.empty")} hint={t(isTouched() ? "collection.emptyHintTouch" : "collection.emptyHint")}>
        <AddButton />
      </Empty>
    );
  }
  return (
    <Empty title={t("collection.nothing")} hint={t("collection.nothingHint")}>
      <button type="button" className="button" onClick={onClear}>
        {t("collection.clear")}
      </button>
    </Empty>
  );
}

const SKELETON = [
  [3, 2, 4, 2.4],
  [2.2, 4, 3, 2],
  [4, 2, 2.6, 3],
];

function Skeleton() {
  return (
    <div role="status" aria-label={t("common.loading")} className="flex flex-col gap-2.5">
      {SKELETON.map((row, index) => (
        <div key={index} className="flex h-[220px] gap-2.5 max-sm:h-[140px]">
          {row.map((grow, place) => (
            <div key={place} className="skeleton" style={{ flex: grow }} />
          ))}
        </div>
      ))}
    </div>
  );
}
