import { describe, expect, it } from "vitest";
import { asQuery, isNarrowed, readFilters } from "./filters";
import { between } from "./selection";

describe("filters in the address", () => {
  it("keeps what makes sense and drops what does not", () => {
    const filters = readFilters({
      category: "receipt",
      tag: 2026,
      status: "exploded",
      favorite: "true",
      from: "2026-01-01",
      to: "yesterday",
      sort: "title",
      evil: "<script>",
    });

    expect(filters).toEqual({ category: "receipt", tag: "2026", favorite: true, from: "2026-01-01", sort: "title" });
  });

  it("leaves the default order out of the address", () => {
    expect(readFilters({ sort: "-created_at" })).toEqual({});
  });

  it("asks for the whole last day", () => {
    const { from, to } = asQuery({ from: "2026-03-01", to: "2026-03-01" });

    expect(new Date(to!).getTime() - new Date(from!).getTime()).toBe(86_400_000);
  });

  it("does not take an order for a filter", () => {
    expect(isNarrowed({ sort: "title" })).toBe(false);
    expect(isNarrowed({ favorite: true })).toBe(true);
  });
});

describe("selecting a range", () => {
  const items = ["a", "b", "c", "d"].map((id) => ({ id }));

  it("takes everything between, in either direction", () => {
    expect(between(items, "b", "d")).toEqual(["b", "c", "d"]);
    expect(between(items, "d", "b")).toEqual(["b", "c", "d"]);
  });

  it("takes the one alone when the other is gone", () => {
    expect(between(items, "gone", "c")).toEqual(["c"]);
  });
});
