import { describe, expect, it } from "vitest";
import { MOST, moved, WHOLE, within, zoomed } from "./pan";

const frame = { width: 400, height: 300 };
// Upright: at twice its size it is as wide as the frame, and twice as high.
const picture = { width: 200, height: 300 };

describe("a picture in its frame", () => {
  it("is zoomed around the middle, or on a place that comes to the middle", () => {
    expect(zoomed({ zoom: 2, offset: { x: 10, y: -20 } }, 4)).toEqual({ zoom: 4, offset: { x: 20, y: -40 } });
    expect(zoomed(WHOLE, 2, { x: 50, y: 30 })).toEqual({ zoom: 2, offset: { x: -100, y: -60 } });
  });

  it("is centred on a place without being zoomed", () => {
    const view = { zoom: 3, offset: { x: 5, y: 5 } };

    expect(zoomed(view, 3, { x: 50, y: -30 })).toEqual({ zoom: 3, offset: { x: -45, y: 35 } });
  });

  it("is zoomed so far and no further", () => {
    expect(zoomed(WHOLE, 100).zoom).toBe(MOST);
    expect(zoomed({ zoom: 2, offset: { x: 0, y: 0 } }, 0.1).zoom).toBe(1);
  });

  it("is moved no further than to its edges, and stays in the middle where it fits", () => {
    const far = moved({ zoom: 2, offset: { x: 0, y: 0 } }, { x: 90, y: -1000 });

    expect(within(far, picture, frame).offset).toEqual({ x: 0, y: -150 });
    expect(within({ ...far, zoom: 4 }, picture, frame).offset).toEqual({ x: 90, y: -450 });
  });

  it("is where it was when it is whole again", () => {
    const back = zoomed({ zoom: 4, offset: { x: 90, y: -450 } }, 1);

    expect(within(back, picture, frame)).toEqual(WHOLE);
  });

  it("is whole after as many steps out as in", () => {
    let view = WHOLE;
    for (let steps = 0; steps < 7; steps++) view = zoomed(view, view.zoom * 1.15);
    for (let steps = 0; steps < 7; steps++) view = zoomed(view, view.zoom / 1.15);

    expect(view.zoom).toBe(1);
  });
});
