import { useQuery } from "@tanstack/react-query";
import { useDeferredValue } from "react";
import { data } from "../platform/api";
import { useApi } from "../platform/context";
import { useFacets } from "./queries";

const EVERYTHING = {};

/**
 * The tags in use that what is being typed may mean, the most frequent first: the hundred most frequent are known, the
 * server is asked for the others.
 */
export function useTags(typed: string): string[] {
  const api = useApi();
  const q = useDeferredValue(typed.trim().slice(0, 64));
  const facets = useFacets(EVERYTHING);
  const { data: found } = useQuery({
    queryKey: ["suggest", "tag", q],
    queryFn: ({ signal }) =>
      data(api.GET("/search/suggest", { params: { query: { q, kind: "tag", limit: 20 } }, signal })),
    enabled: q !== "",
    staleTime: 60_000,
    placeholderData: (previous) => previous,
    retry: false,
  });
  const rare = found?.suggestions.map(({ text }) => text) ?? [];
  return offered(typed, [...(facets?.tags.map(({ value }) => value) ?? []), ...rare]);
}

/** Those of `tags` that have what was typed in them; those that begin with it come first. */
export function offered(typed: string, tags: readonly string[]): string[] {
  const wanted = typed.trim().toLowerCase();
  const fitting = [...new Set(tags)].filter((tag) => tag.toLowerCase().includes(wanted));
  const begins = (tag: string) => Number(!tag.toLowerCase().startsWith(wanted));
  return fitting.toSorted((one, other) => begins(one) - begins(other));
}

/** A tag as it is spelled already, if it is: no second "Receipt" beside "receipt". */
export function asSpelled(tag: string, tags: readonly string[]): string {
  return tags.find((each) => each.toLowerCase() === tag.toLowerCase()) ?? tag;
}
