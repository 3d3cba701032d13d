import { describe, expect, it } from "vitest";
import { hasMark, pieces, plain } from "./marked";
import { readSearch } from "./address";

describe("highlighted texts", () => {
  it("are cut at their marks", () => {
    expect(pieces("flat [[bread]] and [[butter]]")).toEqual([
      { text: "flat ", isMarked: false },
      { text: "bread", isMarked: true },
      { text: " and ", isMarked: false },
      { text: "butter", isMarked: true },
    ]);
  });

  it("keep markup as text", () => {
    expect(pieces("<img src=x> [[<b>]]").map(({ text }) => text)).toEqual(["<img src=x> ", "<b>"]);
  });

  it("keep single and unfinished brackets", () => {
    expect(plain("a [b] [[c")).toBe("a [b] [[c");
    expect(hasMark("a [b] [[c")).toBe(false);
  });

  it("lose only their marks as plain text", () => {
    expect(plain("[[Sour]]dough\n[[loaf]]")).toBe("Sourdough\nloaf");
  });
});

describe("a search in the address", () => {
  it("takes a query that looks like a number or a truth value as words", () => {
    expect(readSearch({ q: 2026 }).q).toBe("2026");
    expect(readSearch({ q: true }).q).toBe("true");
  });

  it("ignores modes that do not exist and leaves out the default", () => {
    expect(readSearch({ q: "x", mode: "psychic" })).toEqual({ q: "x" });
    expect(readSearch({ q: "x", mode: "hybrid" })).toEqual({ q: "x" });
    expect(readSearch({ q: "x", mode: "bm25" })).toEqual({ q: "x", mode: "bm25" });
  });
});
