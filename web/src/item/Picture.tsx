import { useEffect, useRef, useState, type MouseEvent, type PointerEvent } from "react";
import { t } from "../i18n";
import type { Item } from "../platform/api";
import { Icon } from "../ui/Icon";
import { isForPage } from "../ui/keys";
import { MOST, moved, WHOLE, within, zoomed, type Point, type View } from "./pan";

const NEAR = 2.5;
const BY_BUTTON = 1.5;
const BY_WHEEL = 1.15;
const STEP_PX = 80;
// A hand that clicks is not quite still.
const STILL_PX = 4;
// Where the picture goes: to the right of it is seen by moving it to the left.
const STEPS: Record<string, Point> = {
  ArrowLeft: { x: STEP_PX, y: 0 },
  ArrowRight: { x: -STEP_PX, y: 0 },
  ArrowUp: { x: 0, y: STEP_PX },
  ArrowDown: { x: 0, y: -STEP_PX },
};

/** The picture; zoomed by wheel, buttons or double click, moved by dragging, by a click on a place, or by arrow keys. */
export function Picture({ item, alt }: { item: Item; alt: string }) {
  const frame = useRef<HTMLDivElement>(null);
  const picture = useRef<HTMLImageElement>(null);
  const [{ zoom, offset }, setView] = useState(WHOLE);
  const change = (to: (view: View) => View) =>
    setView((view) => within(to(view), sizeOf(picture.current), sizeOf(frame.current)));
  const scale = (to: (zoom: number) => number) => change((view) => zoomed(view, to(view.zoom)));
  const isZoomed = zoom > 1;
  const hand = useHand(
    (by) => change((view) => moved(view, by)),
    (place) => change((view) => zoomed(view, view.zoom, place)),
  );
  useEffect(() => {
    const element = frame.current;
    const onKey = (event: KeyboardEvent) => {
      const step = STEPS[event.key];
      if (!isZoomed || !step || !isForPage(event)) return;
      event.preventDefault();
      change((view) => moved(view, step));
    };
    const onWheel = (event: WheelEvent) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      scale((now) => (event.deltaY < 0 ? now * BY_WHEEL : now / BY_WHEEL));
    };
    // Before the page's own, where arrows lead to the next picture.
    addEventListener("keydown", onKey, { capture: true });
    // Not React's, which cannot keep the browser from zooming the page.
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => {
      removeEventListener("keydown", onKey, { capture: true });
      element?.removeEventListener("wheel", onWheel);
    };
  });
  const ratio = item.width && item.height ? `${item.width} / ${item.height}` : "4 / 3";
  return (
    <figure className="relative overflow-hidden rounded-3xl border border-line bg-sunk">
      <div
        ref={frame}
        className={`group grid max-h-[78vh] w-full place-items-center ${isZoomed ? "cursor-grab touch-none active:cursor-grabbing" : "cursor-zoom-in"}`}
        style={{ aspectRatio: ratio }}
        onDoubleClick={(event) => {
          const place = placeOf(event);
          change((view) => (isZoomed ? WHOLE : zoomed(view, NEAR, place)));
        }}
        {...(isZoomed && hand)}
      >
        {item.urls.display ? (
          <img
            ref={picture}
            src={item.urls.display}
            alt={alt}
            draggable={false}
            className="max-h-[78vh] max-w-full object-contain transition-transform group-active:transition-none"
            style={{ transform: `translate(${offset.x}px, ${offset.y}px) scale(${zoom})` }}
          />
        ) : (
          <span className="p-16 text-soft">{t(`status.${item.status}`)}</span>
        )}
      </div>
      {item.urls.display && (
        <div className="pointer-events-none absolute inset-x-3 bottom-3 flex items-end justify-between gap-3">
          <p role="status" className="min-w-0 text-sm">
            {isZoomed && (
              <span className="block rounded-xl bg-card/90 px-3 py-1.5 shadow-lift">{t("item.zoomMove")}</span>
            )}
          </p>
          <div className="pointer-events-auto flex shrink-0 rounded-2xl bg-card/90 shadow-lift">
            <button
              type="button"
              className="icon-button"
              aria-label={t("item.zoomOut")}
              disabled={!isZoomed}
              onClick={() => scale((now) => now / BY_BUTTON)}
            >
              <Icon name="zoomOut" />
            </button>
            <button
              type="button"
              className="icon-button"
              aria-label={t("item.zoomIn")}
              disabled={zoom === MOST}
              onClick={() => scale((now) => now * BY_BUTTON)}
            >
              <Icon name="zoomIn" />
            </button>
          </div>
        </div>
      )}
    </figure>
  );
}

/** The events of a pointer: `onMove` gets how far each part of dragging went, `onTap` where it was let go without. */
function useHand(onMove: (by: Point) => void, onTap: (place: Point) => void) {
  const at = useRef<Point | null>(null);
  const start = useRef<Point>({ x: 0, y: 0 });
  const isDragging = useRef(false);
  return {
    onPointerDown: (event: PointerEvent) => {
      if (!event.isPrimary || event.button !== 0) return;
      at.current = start.current = placeOf(event);
      isDragging.current = false;
      event.currentTarget.setPointerCapture(event.pointerId);
    },
    onPointerMove: (event: PointerEvent) => {
      if (!at.current || !event.isPrimary) return;
      const to = placeOf(event);
      isDragging.current ||= Math.hypot(to.x - start.current.x, to.y - start.current.y) > STILL_PX;
      if (!isDragging.current) return;
      onMove({ x: to.x - at.current.x, y: to.y - at.current.y });
      at.current = to;
    },
    onPointerUp: (event: PointerEvent) => {
      if (at.current && !isDragging.current) onTap(placeOf(event));
    },
    onLostPointerCapture: () => {
      at.current = null;
    },
  };
}

/** Where the pointer is, from the middle of the frame. */
function placeOf({ clientX, clientY, currentTarget }: MouseEvent): Point {
  const { left, top, width, height } = currentTarget.getBoundingClientRect();
  return { x: clientX - left - width / 2, y: clientY - top - height / 2 };
}

/** As laid out, without its zoom. */
const sizeOf = (element: HTMLElement | null) => ({
  width: element?.offsetWidth ?? 0,
  height: element?.offsetHeight ?? 0,
});
