import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from "react";
import { t } from "../i18n";
import type { Item } from "../platform/api";
import { Card } from "./Card";
import { justify } from "./rows";

const GAP = 10;
const SMALL = 640;

export interface GridProps {
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
  const rows = useMemo(
    () => justify(items, ratioOf, { width, target: width < SMALL ? 140 : 220, gap: GAP }),
    [items, width],
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
  useEffect(() => virtual.measure(), [rows, virtual]);
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (last >= rows.length - 6) onEnd();
  }, [last, rows.length, onEnd]);

  const focus = (index: number) => {
    const row = firstOfRow.findLastIndex((first) => first <= index);
    virtual.scrollToIndex(row, { align: "auto" });
    // The row may have to be put into the document first.
    requestAnimationFrame(() => list.current?.querySelector<HTMLElement>(`[data-card="${index}"]`)?.focus());
  };

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

const ratioOf = (item: Item): number => (item.width && item.height ? item.width / item.height : 1);

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
