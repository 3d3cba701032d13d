import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQuery,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { t } from "../i18n";
import { ApiError, data, type Api, type Item, type Schemas } from "../platform/api";
import { useApi } from "../platform/context";
import { tellProblem, toast } from "../ui/toasts";
import { asQuery, type Filters } from "./filters";
import { comeBack, leave, left, useStayingFacets } from "./leaving";

type Pages = InfiniteData<Schemas["ItemPage"], string | null>;
const PAGE = 100;
// Presigned links live for 15 minutes; what is older than this is fetched again when somebody comes back to it.
const FRESH_MS = 10 * 60_000;
const LOST_PUSH_MS = 8000;

export const itemsQuery = (api: Api, filters: Filters) =>
  infiniteQueryOptions({
    queryKey: ["items", filters],
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/items", {
          params: { query: { ...asQuery(filters), limit: PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: FRESH_MS,
    // Pushes tell what moves; one that was lost must not leave a picture "reading" for ever.
    refetchInterval: (query) => (isMoving(query.state.data) ? LOST_PUSH_MS : false),
  });

const isMoving = (pages: Pages | undefined): boolean =>
  pages?.pages.some((page) => page.items.some(({ status }) => status !== "ready" && status !== "failed")) ?? false;

const facetsQuery = (api: Api, filters: Filters) => {
  const { sort: _, ...narrow } = filters;
  return queryOptions({
    queryKey: ["facets", narrow],
    queryFn: ({ signal }) => data(api.GET("/items/facets", { params: { query: asQuery(narrow) }, signal })),
    staleTime: 30_000,
    placeholderData: (previous) => previous,
  });
};

/** What there is to narrow by, with counts. */
export function useFacets(filters: Filters): Schemas["FacetsOut"] | undefined {
  return useStayingFacets(useQuery(facetsQuery(useApi(), filters)).data, filters);
}

export const itemQuery = (api: Api, itemId: string) =>
  queryOptions({
    queryKey: ["item", itemId],
    queryFn: ({ signal }) => data(api.GET("/items/{item_id}", { params: { path: { item_id: itemId } }, signal })),
    staleTime: FRESH_MS,
    retry: (failures, error) => !(error instanceof ApiError && error.status === 404) && failures < 2,
  });

// --- one item, wherever it is shown ---------------------------------------------------------------------------------

/** Puts a newer representation of an item into every list and page that shows it. */
export function renew(client: QueryClient, item: Item): void {
  client.setQueryData(["item", item.id], item);
  mapItems(client, (each) => (each.id === item.id ? item : each));
}

export function renewPart(client: QueryClient, itemId: string, part: Partial<Item>): void {
  client.setQueryData<Item>(["item", itemId], (item) => item && { ...item, ...part });
  mapItems(client, (item) => (item.id === itemId ? { ...item, ...part } : item));
}

/** Takes items out of every list. */
export function takeOut(client: QueryClient, ids: ReadonlySet<string>): void {
  changePages(client, (page) => {
    const items = page.items.filter(({ id }) => !ids.has(id));
    return { ...page, items, total: page.total - (page.items.length - items.length) };
  });
}

export function knownItem(client: QueryClient, itemId: string): Item | undefined {
  const fetched = client.getQueryData<Item>(["item", itemId]);
  if (fetched) return fetched;
  for (const [, pages] of client.getQueriesData<Pages>({ queryKey: ["items"] })) {
    for (const page of pages?.pages ?? []) {
      const found = page.items.find(({ id }) => id === itemId);
      if (found) return found;
    }
  }
  return undefined;
}

export function refreshLists(client: QueryClient): Promise<void[]> {
  return Promise.all([
    client.invalidateQueries({ queryKey: ["items"] }),
    client.invalidateQueries({ queryKey: ["facets"] }),
    client.invalidateQueries({ queryKey: ["me"] }),
  ]);
}

function mapItems(client: QueryClient, change: (item: Item) => Item): void {
  changePages(client, (page) => ({ ...page, items: page.items.map(change) }));
}

function changePages(client: QueryClient, change: (page: Schemas["ItemPage"]) => Schemas["ItemPage"]): void {
  client.setQueriesData<Pages>(
    { queryKey: ["items"] },
    (found) => found && { ...found, pages: found.pages.map(change) },
  );
}

// --- changes --------------------------------------------------------------------------------------------------------

export type Edit = Schemas["ItemEdit"];

/** Saves the user's own fields; shown at once, taken back if the server refuses. */
export function useEdit(item: Item) {
  const api = useApi();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (edit: Partial<Edit>) =>
      data(api.PATCH("/items/{item_id}", { params: { path: { item_id: item.id } }, body: edit as Edit })),
    onMutate: (edit) => renewPart(client, item.id, edit as Partial<Item>),
    onSuccess: (saved) => {
      renew(client, saved);
      void client.invalidateQueries({ queryKey: ["facets"] });
    },
    onError: (error) => {
      renew(client, item);
      tellProblem(error);
    },
  });
}

/** Has a picture read again; says so, or why not. */
export function useReanalyze(item: Item): () => void {
  const api = useApi();
  const client = useQueryClient();
  return () =>
    void data(
      api.POST("/items/{item_id}/analyze", {
        params: { path: { item_id: item.id } },
        body: { force_reanalyze: true },
      }),
    )
      .then((moved) => {
        renew(client, moved as Item);
        toast(t("item.reanalyzing"));
      })
      .catch(tellProblem);
}

/** Deletes when the toast that offers to undo it goes: it is the only clock. Until then, nothing shows the items. */
export function useDelete() {
  const api = useApi();
  const client = useQueryClient();
  return (ids: string[]) => deleteLater(api, client, ids);
}

export function deleteLater(api: Pick<Api, "POST">, client: QueryClient, ids: string[]): void {
  leave(ids.map((id) => [id, knownItem(client, id)]));
  toast(ids.length === 1 ? t("item.deleted") : t("item.deletedMany", { count: ids.length }), {
    action: { label: t("common.undo"), run: () => comeBack(ids) },
    onGone: () => deleteNow(api, client, ids),
  });
}

async function deleteNow(api: Pick<Api, "POST">, client: QueryClient, ids: string[]): Promise<void> {
  try {
    const kept = await deleteAll(api, ids);
    const deleted = ids.filter((id) => !kept.includes(id));
    takeOut(client, new Set(deleted));
    left(deleted);
    comeBack(kept);
    if (kept.length > 0) tellProblem(t("collection.batchNot", { count: kept.length }));
  } catch (error) {
    comeBack(ids);
    tellProblem(error);
  }
  await refreshLists(client);
}

const BATCH = 100;
// Browsers let pages that are being left send 64 KiB (Fetch Standard, "keepalive"); a batch of ids is 4.
const LAST_BATCHES = 12;

/** Returns the items that cannot be deleted now. All batches at once: a page that is left cannot send one after another. */
async function deleteAll(api: Pick<Api, "POST">, ids: string[]): Promise<string[]> {
  const batches = Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, place) =>
    ids.slice(place * BATCH, (place + 1) * BATCH),
  );
  const keepalive = batches.length <= LAST_BATCHES;
  const answers = await Promise.all(
    batches.map((each) =>
      data(api.POST("/items/batch", { body: { ids: each, action: "delete", tags: [] }, keepalive })),
    ),
  );
  return answers.flatMap((answer) => answer.not_possible);
}

export type BatchAction = Exclude<Schemas["BatchIn"]["action"], "delete">;

/** One thing to many items. */
export function useBatch() {
  const api = useApi();
  const client = useQueryClient();
  return useMutation({
    mutationFn: async ({ ids, action, tags = [] }: { ids: string[]; action: BatchAction; tags?: string[] }) => {
      const answers = [];
      for (let start = 0; start < ids.length; start += BATCH) {
        const body = { ids: ids.slice(start, start + BATCH), action, tags };
        answers.push(await data(api.POST("/items/batch", { body })));
      }
      return {
        done: answers.flatMap((answer) => answer.done),
        not: answers.flatMap((answer) => [...answer.not_found, ...answer.not_possible]),
      };
    },
    onSuccess: ({ done, not }) => {
      toast(
        not.length === 0
          ? t("collection.batchDone", { count: done.length })
          : t("collection.batchNot", { count: not.length }),
      );
      for (const id of done) void client.invalidateQueries({ queryKey: ["item", id] });
      void refreshLists(client);
    },
    onError: tellProblem,
  });
}
