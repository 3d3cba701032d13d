/** The list somebody is walking through, so that an item knows its neighbours in it. */
let trail: readonly string[] = [];

export function setTrail(ids: readonly string[]): void {
  trail = ids;
}

let closed: string | null = null;

/** The picture that was just closed: its place in the list takes the focus back. */
export function setClosed(itemId: string): void {
  closed = itemId;
}

/** That picture, once; null: none was. */
export function takeClosed(): string | null {
  const itemId = closed;
  closed = null;
  return itemId;
}

export function neighbours(itemId: string): { previous: string | undefined; next: string | undefined } {
  const place = trail.indexOf(itemId);
  if (place < 0) return { previous: undefined, next: undefined };
  return { previous: trail[place - 1], next: trail[place + 1] };
}
