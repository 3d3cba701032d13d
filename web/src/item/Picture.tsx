import { useRef, useState, type PointerEvent } from "react";
import { t } from "../i18n";
import type { Item } from "../platform/api";
import { Icon } from "../ui/Icon";

const MOST = 6;

/** The picture; zoomed by wheel, buttons or double click, moved by dragging. */
export function Picture({ item, alt }: { item: Item; alt: string }) {
  const [zoom, setZoom] = useState(1);
  const [offset, setOffset] = useState({ x: 0, y: 0 });
  const from = useRef<{ x: number; y: number } | null>(null);
  const scale = (to: number) => {
    const next = Math.min(Math.max(to, 1), MOST);
    setZoom(next);
    if (next === 1) setOffset({ x: 0, y: 0 });
  };
  const onMove = (event: PointerEvent) => {
    if (!from.current) return;
    setOffset({ x: event.clientX - from.current.x, y: event.clientY - from.current.y });
  };
  const ratio = item.width && item.height ? `${item.width} / ${item.height}` : "4 / 3";
  return (
    <figure className="relative overflow-hidden rounded-3xl border border-line bg-sunk">
      <div
        className={`grid max-h-[78vh] w-full place-items-center ${zoom > 1 ? "cursor-grab touch-none" : "cursor-zoom-in"}`}
        style={{ aspectRatio: ratio }}
        onDoubleClick={() => scale(zoom > 1 ? 1 : 2.5)}
        onWheel={(event) => event.ctrlKey && scale(zoom * (event.deltaY < 0 ? 1.15 : 0.87))}
        onPointerDown={(event) => {
          if (zoom === 1) return;
          from.current = { x: event.clientX - offset.x, y: event.clientY - offset.y };
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={onMove}
        onPointerUp={() => (from.current = null)}
      >
        {item.urls.display ? (
          <img
            src={item.urls.display}
            alt={alt}
            draggable={false}
            className="max-h-[78vh] max-w-full object-contain"
            style={{ transform: `translate(${offset.x}px, ${offset.y}px) scale(${zoom})` }}
          />
        ) : (
          <span className="p-16 text-soft">{t(`status.${item.status}`)}</span>
        )}
      </div>
      {item.urls.display && (
        <div className="absolute right-3 bottom-3 flex rounded-2xl bg-card/90 shadow-lift">
          <button
            type="button"
            className="icon-button"
            aria-label={t("item.zoomOut")}
            disabled={zoom === 1}
            onClick={() => scale(zoom / 1.5)}
          >
            <Icon name="zoomOut" />
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label={t("item.zoomIn")}
            disabled={zoom === MOST}
            onClick={() => scale(zoom * 1.5)}
          >
            <Icon name="zoomIn" />
          </button>
        </div>
      )}
    </figure>
  );
}
