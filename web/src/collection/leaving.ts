import { useMemo, useSyncExternalStore } from "react";
import type { Item, Schemas } from "../platform/api";
import type { Filters } from "./filters";

/**
 * Items that were deleted here, by id. While that can be undone the server has them still, and whatever is fetched
 * brings them: nothing shows them until they come back. What is known of an item is kept until the server has deleted
 * it too, so that it is not counted meanwhile.
 */
type Leaving = ReadonlyMap<string, Item | undefined>;

let leaving: Leaving = new Map();
const listeners = new Set<() => void>();

export function leave(items: Iterable<readonly [string, Item | undefined]>): void {
  change([...leaving, ...items]);
}

/** The server has deleted them. They stay out of sight: an answer that is older than that may yet arrive. */
export function left(ids: readonly string[]): void {
  change([...leaving, ...ids.map((id) => [id, undefined] as const)]);
}

export function comeBack(ids: readonly string[]): void {
  const back = new Set(ids);
  change([...leaving].filter(([id]) => !back.has(id)));
}

function change(to: Iterable<readonly [string, Item | undefined]>): void {
  leaving = new Map(to);
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

function useLeaving(): Leaving {
  return useSyncExternalStore(subscribe, () => leaving);
}

export function useIsLeaving(itemId: string): boolean {
  return useLeaving().has(itemId);
}

/** Of what was fetched, that which is to be seen. */
export function useStaying<T>(fetched: readonly T[] | undefined, idOf: (each: T) => string): readonly T[] {
  const gone = useLeaving();
  return useMemo(() => (fetched ?? []).filter((each) => !gone.has(idOf(each))), [fetched, gone, idOf]);
}

/** Counts without those that the server counts still. */
export function useStayingFacets(
  facets: Schemas["FacetsOut"] | undefined,
  filters: Filters,
): Schemas["FacetsOut"] | undefined {
  const gone = useLeaving();
  return useMemo(() => {
    const items = [...gone.values()].filter((item) => item !== undefined).filter((item) => matches(item, filters));
    if (!facets || items.length === 0) return facets;
    return {
      categories: without(
        facets.categories,
        items.map(({ category }) => category),
      ),
      tags: without(
        facets.tags,
        items.flatMap(({ tags }) => tags),
      ),
      statuses: without(
        facets.statuses,
        items.map(({ status }) => status),
      ),
    };
  }, [facets, filters, gone]);
}

type Facet = Schemas["FacetOut"];

function without(facets: Facet[], values: (string | null)[]): Facet[] {
  return facets
    .map(({ value, count }) => ({ value, count: count - values.filter((each) => each === value).length }))
    .filter(({ count }) => count > 0);
}

function matches(item: Item, { category, tag, status, favorite, from, to }: Filters): boolean {
  const day = (item.taken_at ?? item.created_at).slice(0, 10);
  return (
    (!category || item.category === category) &&
    (!tag || item.tags.includes(tag)) &&
    (!status || item.status === status) &&
    (!favorite || item.favorite) &&
    (!from || day >= from) &&
    (!to || day <= to)
  );
}
