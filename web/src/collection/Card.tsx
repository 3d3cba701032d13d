import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo, type MouseEvent } from "react";
import { t } from "../i18n";
import { data, type Item } from "../platform/api";
import { useApi } from "../platform/context";
import { Icon } from "../ui/Icon";
import { renew } from "./queries";

export const nameOf = (item: Item): string => item.title ?? item.latest_analysis?.headline ?? item.original_filename;

export interface CardProps {
  item: Item;
  index: number;
  width: number;
  height: number;
  isSelected: boolean;
  isSelecting: boolean;
  onSelect: (item: Item, range: boolean) => void;
}

/** One picture of the grid. While selecting, a click selects; otherwise it opens. */
export const Card = memo(function Card({ item, index, width, height, isSelected, isSelecting, onSelect }: CardProps) {
  const name = nameOf(item);
  const select = (event: MouseEvent) => {
    if (!isSelecting && !event.shiftKey) return;
    event.preventDefault();
    onSelect(item, event.shiftKey);
  };
  return (
    <div
      role="listitem"
      className="group relative shrink-0 overflow-hidden rounded-2xl border border-line bg-sunk"
      style={{ width, height }}
    >
      <Link
        to="/items/$itemId"
        params={{ itemId: item.id }}
        className="block size-full -outline-offset-4"
        data-card={index}
        onClick={select}
        aria-label={item.status === "ready" ? name : `${name}, ${t(`status.${item.status}`)}`}
      >
        <Thumbnail item={item} />
        <Status item={item} />
        <span className="absolute inset-x-0 bottom-0 truncate bg-linear-to-t from-black/75 to-transparent px-3 pt-6 pb-2 text-sm text-white opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
          {name}
        </span>
      </Link>
      {item.favorite && (
        <span className="absolute top-2 right-2 rounded-full bg-black/50 p-1 text-[#ffd166]">
          <Icon name="star" size={16} filled />
        </span>
      )}
      <input
        type="checkbox"
        checked={isSelected}
        aria-label={t("collection.selectItem", { name })}
        tabIndex={-1}
        onChange={() => undefined}
        onClick={(event) => onSelect(item, event.shiftKey)}
        className={`absolute top-2 left-2 size-6 cursor-pointer accent-accent group-hover:opacity-100 focus:opacity-100 ${
          isSelecting || isSelected ? "opacity-100" : "opacity-0"
        }`}
      />
      {isSelected && <span className="pointer-events-none absolute inset-0 rounded-2xl border-4 border-accent" />}
    </div>
  );
});

function Thumbnail({ item }: { item: Item }) {
  const api = useApi();
  const client = useQueryClient();
  if (!item.urls.thumbnail) return null;
  // A link that has expired while the page was open: one fetch gives a new one.
  const renewLink = async () => {
    if (new Date(item.urls.expires_at).getTime() > Date.now()) return;
    renew(client, await data(api.GET("/items/{item_id}", { params: { path: { item_id: item.id } } })));
  };
  return (
    <img
      src={item.urls.thumbnail}
      alt=""
      loading="lazy"
      decoding="async"
      className="size-full object-cover"
      onError={() => void renewLink().catch(() => null)}
    />
  );
}

function Status({ item }: { item: Item }) {
  if (item.status === "ready") return null;
  const failed = item.status === "failed";
  return (
    <span
      className={`absolute inset-x-2 bottom-2 flex items-center gap-2 rounded-xl px-3 py-1.5 text-sm font-semibold ${
        failed ? "bg-danger-tint text-ink" : "bg-card/90 text-ink"
      }`}
    >
      {failed ? <Icon name="warning" size={16} /> : <span className="size-2 animate-pulse rounded-full bg-accent" />}
      <span className="truncate">
        {failed ? (item.error?.message ?? t("status.failed")) : t(`status.${item.status}`)}
      </span>
    </span>
  );
}
