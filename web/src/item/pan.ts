/** A picture in its frame. Lengths are CSS pixels; places and the offset are measured from the middle of the frame. */
export interface View {
  /** 1 to `MOST`; at 1, all of the picture is in the frame. */
  zoom: number;
  offset: Point;
}

export interface Point {
  x: number;
  y: number;
}

interface Size {
  width: number;
  height: number;
}

export const MOST = 6;
export const WHOLE: View = { zoom: 1, offset: { x: 0, y: 0 } };

/** Another zoom, with what was at this place in the middle. */
export function zoomed({ zoom, offset }: View, to: number, place: Point = { x: 0, y: 0 }): View {
  // Rounded: in and out again by the same factor is the whole picture, and not nearly.
  const next = Math.min(Math.max(Math.round(to * 1000) / 1000, 1), MOST);
  const growth = next / zoom;
  return { zoom: next, offset: { x: (offset.x - place.x) * growth, y: (offset.y - place.y) * growth } };
}

export function moved({ zoom, offset }: View, by: Point): View {
  return { zoom, offset: { x: offset.x + by.x, y: offset.y + by.y } };
}

/** No further than to the picture's edges, and not at all in a direction in which it fits into the frame. */
export function within({ zoom, offset }: View, picture: Size, frame: Size): View {
  return {
    zoom,
    offset: {
      x: bounded(offset.x, picture.width * zoom - frame.width),
      y: bounded(offset.y, picture.height * zoom - frame.height),
    },
  };
}

function bounded(offset: number, overhang: number): number {
  if (overhang <= 0) return 0;
  const most = overhang / 2;
  return Math.min(Math.max(offset, -most), most);
}
