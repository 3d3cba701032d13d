/** What a list is narrowed to and ordered by: the page's address, and the API's query. */
export interface Filters {
  category?: string;
  tag?: string;
  status?: Status;
  favorite?: boolean;
  from?: string;
  to?: string;
  sort?: Sort;
}

export const STATUSES = ["uploading", "processing", "analyzing", "embedding", "ready", "failed"] as const;
export type Status = (typeof STATUSES)[number];

export const SORTS = ["-created_at", "created_at", "-taken_at", "taken_at", "title"] as const;
export type Sort = (typeof SORTS)[number];

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Filters from an address somebody may have typed: what makes no sense is left out. */
export function readFilters(search: Record<string, unknown>): Filters {
  const filters: Filters = {};
  const text = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
  if (text(search["category"])) filters.category = text(search["category"]);
  if (text(search["tag"])) filters.tag = text(search["tag"]);
  if (search["favorite"] === true || search["favorite"] === "true") filters.favorite = true;
  const status = STATUSES.find((each) => each === search["status"]);
  if (status) filters.status = status;
  const sort = SORTS.find((each) => each === search["sort"]);
  if (sort && sort !== SORTS[0]) filters.sort = sort;
  for (const end of ["from", "to"] as const) if (DAY.test(text(search[end]))) filters[end] = text(search[end]);
  return filters;
}

/** As the API takes them: days are the reader's own, `to` includes its whole day. */
export function asQuery({ from, to, ...rest }: Filters) {
  return {
    ...rest,
    ...(from && { from: new Date(`${from}T00:00:00`).toISOString() }),
    ...(to && { to: new Date(new Date(`${to}T00:00:00`).getTime() + 86_400_000).toISOString() }),
  };
}

export const isNarrowed = ({ sort: _, ...filters }: Filters): boolean => Object.keys(filters).length > 0;
