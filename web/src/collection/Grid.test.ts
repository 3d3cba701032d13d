import { describe, expect, it } from "vitest";
import { walk } from "./Grid";

// Three rows: 0 1 2 | 3 4 | 5 6 7 8
const rows = [0, 3, 5];

describe("walking through the grid by keys", () => {
  it.each([
    ["ArrowRight", 2, 3],
    ["ArrowRight", 8, 8],
    ["ArrowLeft", 0, 0],
    ["ArrowDown", 1, 4],
    ["ArrowDown", 2, 4],
    ["ArrowDown", 7, 7],
    ["ArrowUp", 8, 4],
    ["ArrowUp", 3, 0],
    ["Home", 6, 0],
    ["End", 0, 8],
  ])("%s from %i leads to %i", (key, from, to) => {
    expect(walk(key, from, rows, 9)).toBe(to);
  });

  it("leaves other keys alone", () => {
    expect(walk("a", 3, rows, 9)).toBeNull();
  });
});
