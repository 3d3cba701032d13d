import { readFilters, type Filters } from "../collection/filters";

export const MODES = ["hybrid", "bm25", "vector", "agentic"] as const;
export type Mode = (typeof MODES)[number];

/** A search as it stands in the address. */
export interface Search extends Pick<Filters, "category" | "tag" | "favorite" | "from" | "to"> {
  q: string;
  mode?: Mode;
}

export function readSearch(search: Record<string, unknown>): Search {
  const { status: _, sort: __, ...filters } = readFilters(search);
  const mode = MODES.find((each) => each === search["mode"]);
  const q = search["q"];
  return {
    ...filters,
    q: typeof q === "string" || typeof q === "number" || typeof q === "boolean" ? String(q).slice(0, 1000) : "",
    ...(mode && mode !== MODES[0] && { mode }),
  };
}
