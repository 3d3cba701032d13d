/** Line icons, drawn on a grid of 24. */
const PATHS = {
  search: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13Zm5-1.5L20 20",
  plus: "M12 5v14M5 12h14",
  close: "m6 6 12 12M18 6 6 18",
  back: "m14 6-6 6 6 6",
  leave: "M19 12H5m6-6-6 6 6 6",
  forward: "m10 6 6 6-6 6",
  star: "m12 4 2.4 5 5.4.7-4 3.8 1 5.5-4.8-2.7L7.2 19l1-5.5-4-3.8 5.4-.7Z",
  trash: "M5 7h14M10 7V5h4v2m-7 0 1 12h8l1-12M10.5 11v5m3-5v5",
  tag: "M4 5v6l8.5 8.5 7-7L11 4H5a1 1 0 0 0-1 1Zm4.2 3.2h.01",
  refresh: "M19 8a8 8 0 1 0 1 5M19 4v4h-4",
  chat: "M5 6h14v10H10l-5 4V6Z",
  grid: "M5 5h6v6H5zM13 5h6v6h-6zM5 13h6v6H5zM13 13h6v6h-6z",
  user: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8c.7-3.5 3.4-5 7-5s6.3 1.5 7 5",
  check: "m5 12.5 4.5 4.5L19 7.5",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.5v13l10-6.5Z",
  download: "M12 4v11m-4-4 4 4 4-4M5 20h14",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  warning: "M12 4 3 19h18L12 4Zm0 6v4m0 3h.01",
  zoomIn: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13Zm5-1.5L20 20M10.5 8v5M8 10.5h5",
  zoomOut: "M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13Zm5-1.5L20 20M8 10.5h5",
  pencil: "m5 19 .8-3.8L16 5l3 3L8.8 18.2 5 19Z",
  stop: "M7 7h10v10H7z",
  send: "M5 12 20 5l-4 15-4-6-7-2Z",
  camera: "M4 8h4l1.5-2.5h5L16 8h4v11H4V8Zm8 8a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  filter: "M4 6h16M7 12h10M10 18h4",
  copy: "M9 9h10v10H9zM5 15V5h10",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20, filled = false }: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width={size}
      height={size}
      aria-hidden="true"
      className="shrink-0"
      fill={filled ? "currentColor" : "none"}
      stroke="currentColor"
      strokeWidth="1.9"
      strokeLinecap="round"
      strokeLinejoin="round"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
