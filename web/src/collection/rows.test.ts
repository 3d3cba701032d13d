import { describe, expect, it } from "vitest";
import { justify } from "./rows";

const box = { width: 1000, target: 200, gap: 10 };
const widthOf = (row: { items: { width: number }[] }) =>
  row.items.reduce((sum, { width }) => sum + width, 0) + box.gap * (row.items.length - 1);

describe("the justified grid", () => {
  it("fills every row but the last to the full width", () => {
    const rows = justify(
      Array.from({ length: 40 }, (_, index) => 0.6 + (index % 5) * 0.4),
      (ratio) => ratio,
      box,
    );

    for (const row of rows.slice(0, -1)) expect(widthOf(row)).toBeCloseTo(1000, 6);
    expect(widthOf(rows.at(-1)!)).toBeLessThanOrEqual(1000.001);
  });

  it("keeps every picture once and in order", () => {
    const items = Array.from({ length: 33 }, (_, index) => index);

    const rows = justify(items, (index) => 0.5 + (index % 7) / 3, box);

    expect(rows.flatMap((row) => row.items.map(({ item }) => item))).toEqual(items);
  });

  it("does not let a panorama or a tall screenshot take the page", () => {
    const [first] = justify([12], (ratio) => ratio, box);
    const [second] = justify([0.05], (ratio) => ratio, box);

    expect(first!.height).toBeGreaterThan(190);
    expect(second!.items[0]!.width).toBeGreaterThan(100);
  });

  it("has no rows for no pictures", () => {
    expect(justify([], () => 1, box)).toEqual([]);
  });
});
