/** One row of a justified grid: pictures of one height that fill the width together. */
interface Row<T> {
  items: { item: T; width: number }[];
  height: number;
}

const NARROWEST = 0.55;
const WIDEST = 2.4;

/**
 * Lays pictures out in rows of about `target` pixels' height, each row `width` pixels wide, `gap` between.
 *
 * Panoramas and tall screenshots are cropped to ratios between .55 and 2.4; the last row keeps the target height.
 */
export function justify<T>(
  items: readonly T[],
  ratio: (item: T) => number,
  { width, target, gap }: { width: number; target: number; gap: number },
): Row<T>[] {
  const rows: Row<T>[] = [];
  let row: { item: T; ratio: number }[] = [];
  let sum = 0;
  const close = (height: number) => {
    rows.push({ height, items: row.map((each) => ({ item: each.item, width: each.ratio * height })) });
    row = [];
    sum = 0;
  };
  for (const item of items) {
    const bounded = Math.min(Math.max(ratio(item), NARROWEST), WIDEST);
    row.push({ item, ratio: bounded });
    sum += bounded;
    const height = (width - gap * (row.length - 1)) / sum;
    if (height <= target * 1.15) close(height);
  }
  if (row.length > 0) close(Math.min(target, (width - gap * (row.length - 1)) / sum));
  return rows;
}
