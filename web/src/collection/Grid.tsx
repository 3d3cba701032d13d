import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { t } from "../i18n";
import type { Item } from "../platform/api";
import { takeClosed } from "../item/trail";
import { Card } from "./Card";
import { justify } from "./rows";

const GAP = 10;
const SMALL = 640;

interface GridProps {
  items: readonly Item[];
  selected: ReadonlySet<string>;
  isSelecting: boolean;
  onSelect: (item: Item, range: boolean) => void;
  onFavorite: (item: Item) => void;
  onDelete: (item: Item) => void;
  /** Called when the end comes into view. */
  onEnd: () => void;
}

/** The justified grid. Only the rows in view are in the document, however many pictures there are. */
export function Grid(props: GridProps) {
  const { items, onEnd } = props;
  const list = useRef<HTMLDivElement>(null);
  const { width, top } = usePlace(list);
  const ratioOf = useRatios();
  const rows = useMemo(
    () => justify(items, ratioOf, { width, target: width < SMALL ? 140 : 220, gap: GAP }),
    [items, ratioOf, width],
  );
  const firstOfRow = useMemo(() => {
    let first = 0;
    return rows.map((row) => (first += row.items.length) - row.items.length);
  }, [rows]);
  const virtual = useWindowVirtualizer({
    count: width > 0 ? rows.length : 0,
    estimateSize: (index) => (rows[index]?.height ?? 0) + GAP,
    overscan: 4,
    scrollMargin: top,
  });
  // Before anything is painted: rows in their old places would be seen to jump.
  useLayoutEffect(() => virtual.measure(), [rows, virtual]);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - 6) onEnd();
  }, [last, rows.length, onEnd]);

  const focus = (index: number) => {
    const row = firstOfRow.findLastIndex((first) => first <= index);
    virtual.scrollToIndex(row, { align: "auto" });
    const card = () => list.current?.querySelector<HTMLElement>(`[data-card="${index}"]`);
    // At once, or the next key would still be for the one before; unless its row is not in the document yet.
    if (card()) card()?.focus({ preventScroll: true });
    else requestAnimationFrame(() => card()?.focus());
  };
  const hasRows = shown.length > 0;
  useEffect(() => {
    if (!hasRows) return;
    const closed = takeClosed();
    const index = closed === null ? -1 : items.findIndex(({ id }) => id === closed);
    // Whoever closes a picture goes on where they were.
    if (index >= 0) focus(index);
    // oxlint-disable-next-line react-hooks/exhaustive-deps -- when the list is there again, and only then
  }, [hasRows]);

  return (
    <div
      ref={list}
      role="list"
      aria-label={t("collection.grid")}
      className="relative"
      style={{ height: virtual.getTotalSize() }}
      onKeyDown={(event) => onKey(event, props, firstOfRow, focus)}
    >
      {shown.map(({ index, start }) => (
        <div
          key={index}
          role="presentation"
          className="absolute inset-x-0 top-0 flex"
          style={{ gap: GAP, transform: `translateY(${start - virtual.options.scrollMargin}px)` }}
        >
          {rows[index]?.items.map(({ item, width: cardWidth }, place) => (
            <Card
              key={item.id}
              item={item}
              index={(firstOfRow[index] ?? 0) + place}
              width={cardWidth}
              height={rows[index]?.height ?? 0}
              isSelected={props.selected.has(item.id)}
              isSelecting={props.isSelecting}
              onSelect={props.onSelect}
            />
          ))}
        </div>
      ))}
    </div>
  );
}

/**
 * The shape that each picture has in this grid, from first to last: one whose size becomes known while somebody looks
 * on fills the place that it has, and moves none of the others. The next grid has it in its own shape.
 */
function useRatios(): (item: Item) => number {
  const [known] = useState(() => new Map<string, number>());
  return useCallback(
    (item) => {
      const ratio = known.get(item.id) ?? (item.width && item.height ? item.width / item.height : 1);
      known.set(item.id, ratio);
      return ratio;
    },
    [known],
  );
}

/** Where the list is. Read when the page changes its size, not at every frame: reading it makes the browser lay out. */
function usePlace(element: React.RefObject<HTMLElement | null>): { width: number; top: number } {
  const [place, setPlace] = useState({ width: 0, top: 0 });
  useLayoutEffect(() => {
    const node = element.current;
    if (!node) return;
    const look = () =>
      setPlace((before) => {
        const now = { width: node.clientWidth, top: node.offsetTop };
        return now.width === before.width && now.top === before.top ? before : now;
      });
    const observer = new ResizeObserver(look);
    observer.observe(node);
    observer.observe(document.body);
    look();
    return () => observer.disconnect();
  }, [element]);
  return place;
}

/** Arrows walk through the pictures; x selects, f marks a favourite, Delete deletes. */
function onKey(
  event: KeyboardEvent,
  { items, onSelect, onFavorite, onDelete }: GridProps,
  firstOfRow: number[],
  focus: (index: number) => void,
): void {
  const card = (event.target as HTMLElement).dataset["card"];
  if (card === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  const index = Number(card);
  const item = items[index];
  const to = walk(event.key, index, firstOfRow, items.length);
  if (to !== null) focus(to);
  else if (item && event.key === "x") onSelect(item, false);
  else if (item && event.key === "f") onFavorite(item);
  else if (item && event.key === "Delete") {
    onDelete(item);
    // The one that moves into its place, or the last one.
    focus(Math.max(0, Math.min(index, items.length - 2)));
  } else return;
  event.preventDefault();
}

/** Where an arrow key leads from a picture; null for other keys. */
export function walk(key: string, index: number, firstOfRow: number[], count: number): number | null {
  const row = firstOfRow.findLastIndex((first) => first <= index);
  const place = index - (firstOfRow[row] ?? 0);
  const inRow = (to: number): number => {
    const first = firstOfRow[to];
    if (first === undefined) return index;
    return Math.min(first + place, (firstOfRow[to + 1] ?? count) - 1);
  };
  switch (key) {
    case "ArrowRight":
      return Math.min(index + 1, count - 1);
    case "ArrowLeft":
      return Math.max(index - 1, 0);
    case "ArrowDown":
      return inRow(row + 1);
    case "ArrowUp":
      return inRow(row - 1);
    case "Home":
      return 0;
    case "End":
      return count - 1;
    default:
      return null;
  }
}
