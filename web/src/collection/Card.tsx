import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo, type MouseEvent } from "react";
import { t } from "../i18n";
import { data, type Item } from "../platform/api";
import { useApi } from "../platform/context";
import { Icon } from "../ui/Icon";
import { renew, useReanalyze } from "./queries";

export const nameOf = (item: Item): string => item.title ?? item.latest_analysis?.headline ?? item.original_filename;

interface CardProps {
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
        aria-label={item.status === "ready" ? name : `${name}, ${statusOf(item)}`}
      >
        <Thumbnail item={item} />
        {item.status !== "ready" && item.status !== "failed" && <Moving status={item.status} />}
        <span className="absolute inset-x-0 bottom-0 truncate bg-linear-to-t from-black/75 to-transparent px-3 pt-6 pb-2 text-sm text-white opacity-0 group-focus-within:opacity-100 group-hover:opacity-100">
          {name}
        </span>
      </Link>
      {item.status === "failed" && <Failed item={item} name={name} />}
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

/** What becomes of it, in words: of one that failed, why. */
function statusOf({ status, error }: Item): string {
  const words = t(`status.${status}`);
  return error ? `${words}: ${error.message}` : words;
}

const BADGE =
  "absolute inset-x-2 bottom-2 flex items-center gap-2 rounded-xl text-sm font-semibold text-ink max-sm:inset-x-1.5 max-sm:bottom-1.5 max-sm:gap-1.5 max-sm:text-xs";

function Moving({ status }: { status: Item["status"] }) {
  return (
    <span className={`${BADGE} bg-card/90 px-3 py-1.5 max-sm:px-2`}>
      <span className="size-2 shrink-0 animate-pulse rounded-full bg-accent" />
      <span className="truncate">{t(`status.${status}`)}</span>
    </span>
  );
}

/** Why, and the way on. Beside the link, since a button has no place in one; the rest of it is still the link's. */
function Failed({ item, name }: { item: Item; name: string }) {
  const reanalyze = useReanalyze(item);
  return (
    <div className={`${BADGE} pointer-events-none bg-danger-tint py-1 pr-1 pl-3`}>
      <span className="line-clamp-2 min-w-0 grow" aria-hidden="true">
        {item.error?.message ?? t("status.failed")}
      </span>
      <button
        type="button"
        className="icon-button pointer-events-auto size-8 shrink-0"
        aria-label={`${t("item.retry")}: ${name}`}
        title={t("item.retry")}
        onClick={reanalyze}
      >
        <Icon name="refresh" size={18} />
      </button>
    </div>
  );
}
