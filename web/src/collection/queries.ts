import {
  infiniteQueryOptions,
  queryOptions,
  useMutation,
  useQueryClient,
  type InfiniteData,
  type QueryClient,
} from "@tanstack/react-query";
import { t } from "../i18n";
import { ApiError, data, type Api, type Item, type Schemas } from "../platform/api";
import { useApi } from "../platform/context";
import { tellProblem, toast } from "../ui/toasts";
import { asQuery, type Filters } from "./filters";

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

export const facetsQuery = (api: Api, filters: Filters) => {
  const { sort: _, ...narrow } = filters;
  return queryOptions({
    queryKey: ["facets", narrow],
    queryFn: ({ signal }) => data(api.GET("/items/facets", { params: { query: asQuery(narrow) }, signal })),
    staleTime: 30_000,
    placeholderData: (previous) => previous,
  });
};

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

/** Takes items out of every list, before the server has. */
export function takeOut(client: QueryClient, ids: ReadonlySet<string>): void {
  changePages(client, (page) => {
    const items = page.items.filter(({ id }) => !ids.has(id));
    return { ...page, items, total: page.total - (page.items.length - items.length) };
  });
}

export function knownItem(client: QueryClient, itemId: string): Item | undefined {
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

const UNDO_MS = 6500;

/** Deletes after a moment in which it can be undone; a page that is left deletes at once. */
export function useDelete() {
  const api = useApi();
  const client = useQueryClient();
  return (ids: string[]) => {
    takeOut(client, new Set(ids));
    let isUndone = false;
    const run = async () => {
      removeEventListener("pagehide", leave);
      if (isUndone) return;
      isUndone = true;
      await deleteAll(api, ids).catch(tellProblem);
      await refreshLists(client);
    };
    const leave = () => void run();
    addEventListener("pagehide", leave);
    setTimeout(() => void run(), UNDO_MS);
    toast(ids.length === 1 ? t("item.deleted") : t("item.deletedMany", { count: ids.length }), {
      action: {
        label: t("common.undo"),
        run: () => {
          isUndone = true;
          void refreshLists(client);
        },
      },
    });
  };
}

const BATCH = 100;

async function deleteAll(api: Api, ids: string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += BATCH) {
    const body = { ids: ids.slice(start, start + BATCH), action: "delete" as const, tags: [] };
    await api.POST("/items/batch", { body, keepalive: true });
  }
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
      return refreshLists(client);
    },
    onError: tellProblem,
  });
}
