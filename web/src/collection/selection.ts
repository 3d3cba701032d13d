import { useCallback, useMemo, useRef, useState } from "react";
import type { Item } from "../platform/api";

/** Which pictures are selected. With shift everything from the last choice to this one is. */
export function useSelection(items: readonly Item[]) {
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const last = useRef<string | null>(null);
  const shown = useRef(items);
  shown.current = items;

  const toggle = useCallback((item: Item, range: boolean) => {
    setSelected((before) => {
      const next = new Set(before);
      if (range && last.current) for (const id of between(shown.current, last.current, item.id)) next.add(id);
      else if (!next.delete(item.id)) next.add(item.id);
      return next;
    });
    last.current = item.id;
  }, []);
  const clear = useCallback(() => setSelected(new Set()), []);
  const all = useCallback(() => setSelected(new Set(shown.current.map(({ id }) => id))), []);
  return useMemo(() => ({ selected, toggle, clear, all }), [selected, toggle, clear, all]);
}

export function between(items: readonly { id: string }[], one: string, other: string): string[] {
  const places = [one, other].map((id) => items.findIndex((item) => item.id === id)).toSorted((a, b) => a - b);
  const [first = -1, end = -1] = places;
  return first < 0 ? [other] : items.slice(first, end + 1).map(({ id }) => id);
}
