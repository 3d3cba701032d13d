import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { t } from "../i18n";
import { Dialog } from "../ui/Dialog";
import { Icon, type IconName } from "../ui/Icon";
import { useBatch, useDelete, type BatchAction } from "./queries";
import { asSpelled, useTags } from "./tags";

/** What can be done with the selected pictures. */
export function SelectionBar({
  selected,
  onAll,
  onClear,
}: {
  selected: ReadonlySet<string>;
  onAll: () => void;
  onClear: () => void;
}) {
  const batch = useBatch();
  const remove = useDelete();
  const navigate = useNavigate();
  const [isTagging, setTagging] = useState(false);
  const ids = [...selected];
  const isNone = ids.length === 0;
  const run = (action: BatchAction) => batch.mutate({ ids, action }, { onSuccess: onClear });
  return (
    <div
      role="toolbar"
      aria-label={t("collection.selected", { count: ids.length })}
      className="sticky top-[73px] z-10 mb-3 flex flex-wrap items-center gap-1 rounded-2xl border border-accent bg-tint p-2 max-md:gap-0"
    >
      <strong className="px-2 max-md:mr-auto max-md:px-1 max-md:text-sm" aria-live="polite">
        {t("collection.selected", { count: ids.length })}
      </strong>
      <Action icon="check" text={t("collection.selectAll")} onClick={onAll} />
      <Action icon="star" disabled={isNone} text={t("collection.favorite")} onClick={() => run("favorite")} />
      <Action icon="tag" disabled={isNone} text={t("collection.tag")} onClick={() => setTagging(true)} />
      <Action icon="refresh" disabled={isNone} text={t("collection.reanalyze")} onClick={() => run("reanalyze")} />
      <Action
        icon="chat"
        disabled={isNone}
        text={t("collection.ask")}
        onClick={() => void navigate({ to: "/chat", search: { about: ids.slice(0, 20).join(",") } })}
      />
      <Action
        icon="trash"
        disabled={isNone}
        text={t("common.delete")}
        onClick={() => {
          remove(ids);
          onClear();
        }}
      />
      <button
        type="button"
        className="icon-button max-md:size-8 md:ml-auto"
        aria-label={t("common.close")}
        onClick={onClear}
      >
        <Icon name="close" />
      </button>
      {isTagging && (
        <TagDialog
          onClose={() => setTagging(false)}
          onTags={(tags) => {
            batch.mutate({ ids, action: "tag", tags }, { onSuccess: onClear });
            setTagging(false);
          }}
        />
      )}
    </div>
  );
}

function Action({
  icon,
  text,
  onClick,
  disabled = false,
}: {
  icon: IconName;
  text: string;
  onClick: () => void;
  disabled?: boolean;
}) {
  return (
    <button
      type="button"
      className="button button-quiet button-small max-md:px-1.5"
      disabled={disabled}
      onClick={onClick}
    >
      <Icon name={icon} size={18} />
      <span className="max-md:unseen">{text}</span>
    </button>
  );
}

const OFFERED = 30;

/** Tags for several pictures at once, separated by commas; those that are in use already are offered. */
function TagDialog({ onClose, onTags }: { onClose: () => void; onTags: (tags: string[]) => void }) {
  const [text, setText] = useState("");
  const pieces = text.split(",").map((tag) => tag.trim());
  const whole = pieces.slice(0, -1).filter(Boolean);
  const typed = pieces.at(-1) ?? "";
  const known = useTags(typed);
  const tags = [...new Set([...whole, typed].filter(Boolean).map((tag) => asSpelled(tag, known)))];
  return (
    <Dialog title={t("collection.tag")} onClose={onClose}>
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (tags.length > 0) onTags(tags);
        }}
      >
        <label className="flex flex-col gap-1">
          {t("item.tags")}
          <input
            className="field"
            value={text}
            maxLength={200}
            autoComplete="off"
            placeholder={t("collection.tagHint")}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <div
          className="flex max-h-48 flex-wrap gap-2 overflow-y-auto p-1"
          role="group"
          aria-label={t("collection.tagsKnown")}
        >
          {known
            .filter((tag) => !whole.includes(tag))
            .slice(0, OFFERED)
            .map((tag) => (
              <button
                key={tag}
                type="button"
                className="chip"
                onClick={() => setText(`${[...whole, tag].join(", ")}, `)}
              >
                {tag}
              </button>
            ))}
        </div>
        <button type="submit" className="button button-primary" disabled={tags.length === 0}>
          {t("common.save")}
        </button>
      </form>
    </Dialog>
  );
}
