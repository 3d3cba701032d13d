import { useId, useState } from "react";
import { nameOf } from "../collection/Card";
import { useFacets, type Edit } from "../collection/queries";
import { asSpelled, useTags } from "../collection/tags";
import { t } from "../i18n";
import type { Item } from "../platform/api";
import { Icon } from "../ui/Icon";

const EVERYTHING = {};

type OnEdit = (change: Partial<Edit>) => void;

/** Title, category, tags and notes: edited in place, marked as the user's own, kept when the picture is read again. */
export function OwnFields({ item, onEdit }: { item: Item; onEdit: OnEdit }) {
  return (
    <section className="flex flex-col gap-4">
      <Title item={item} onEdit={onEdit} />
      <Category item={item} onEdit={onEdit} />
      <Tags item={item} onEdit={onEdit} />
      <Notes item={item} onEdit={onEdit} />
    </section>
  );
}

function Title({ item, onEdit }: { item: Item; onEdit: OnEdit }) {
  const [isEditing, setEditing] = useState(false);
  const name = nameOf(item);
  if (!isEditing) {
    return (
      <div>
        <h1 className="text-2xl leading-tight font-bold tracking-tight">
          {name}
          <button
            type="button"
            className="icon-button ml-1 size-9 align-middle"
            aria-label={t("item.editTitle")}
            onClick={() => setEditing(true)}
          >
            <Icon name="pencil" size={18} />
          </button>
        </h1>
        {item.title !== null && (
          <p className="flex items-center gap-2 text-sm text-soft">
            <Yours />
            <button type="button" className="underline" onClick={() => onEdit({ title: null })}>
              {t("item.resetToAnalysis")}
            </button>
          </p>
        )}
      </div>
    );
  }
  return (
    <form
      className="flex flex-col gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        const title = String(new FormData(event.currentTarget).get("title")).trim();
        onEdit({ title: title || null });
        setEditing(false);
      }}
      onKeyDown={(event) => event.key === "Escape" && setEditing(false)}
    >
      <label className="flex flex-col gap-1 text-sm text-soft">
        {t("item.headline")}
        {/* oxlint-disable-next-line jsx-a11y/no-autofocus -- it opens at the user's wish, and is what they asked for */}
        <input name="title" autoFocus className="field text-lg text-ink" maxLength={200} defaultValue={name} />
      </label>
      <div className="flex gap-2">
        <button type="submit" className="button button-primary button-small">
          {t("common.save")}
        </button>
        <button type="button" className="button button-small" onClick={() => setEditing(false)}>
          {t("common.cancel")}
        </button>
      </div>
    </form>
  );
}

function Yours() {
  return <span className="rounded-full bg-tint px-2 py-0.5 text-xs font-semibold text-accent">{t("item.yours")}</span>;
}

function Category({ item, onEdit }: { item: Item; onEdit: OnEdit }) {
  const facets = useFacets(EVERYTHING);
  const listId = useId();
  const analysed = item.latest_analysis?.category ?? null;
  const isOwn = item.category !== null && item.category !== analysed;
  return (
    <label className="flex flex-col gap-1 text-sm text-soft">
      <span className="flex items-center gap-2">
        {t("item.category")} {isOwn && <Yours />}
      </span>
      <input
        key={item.category}
        className="field text-ink"
        list={listId}
        maxLength={64}
        defaultValue={item.category ?? ""}
        onBlur={(event) => {
          const category = event.target.value.trim() || null;
          if (category !== item.category) onEdit({ category: category === analysed ? null : category });
        }}
        onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
      />
      <datalist id={listId}>
        {facets?.categories.map(({ value }) => (
          <option key={value}>{value}</option>
        ))}
      </datalist>
    </label>
  );
}

function Tags({ item, onEdit }: { item: Item; onEdit: OnEdit }) {
  const [text, setText] = useState("");
  const known = useTags(text);
  const listId = useId();
  const add = () => {
    const tag = asSpelled(text.trim(), known);
    if (tag && !item.tags.includes(tag)) onEdit({ tags: [...item.tags, tag] });
    setText("");
  };
  return (
    <div className="flex flex-col gap-2">
      <h2 className="text-sm text-soft">{t("item.tags")}</h2>
      <ul className="flex flex-wrap gap-2">
        {item.tags.map((tag) => (
          <li key={tag} className="chip pr-1">
            {tag}
            <button
              type="button"
              className="grid size-6 place-items-center rounded-full hover:bg-sunk"
              aria-label={t("item.removeTag", { tag })}
              onClick={() => onEdit({ tags: item.tags.filter((each) => each !== tag) })}
            >
              <Icon name="close" size={14} />
            </button>
          </li>
        ))}
        <li>
          <form
            onSubmit={(event) => {
              event.preventDefault();
              add();
            }}
          >
            <input
              className="field min-h-8 w-36 rounded-full px-3 py-0.5 text-sm"
              aria-label={t("item.addTag")}
              placeholder={t("item.addTag")}
              list={listId}
              maxLength={64}
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          </form>
          <datalist id={listId}>
            {known
              .filter((tag) => !item.tags.includes(tag))
              .map((tag) => (
                <option key={tag}>{tag}</option>
              ))}
          </datalist>
        </li>
      </ul>
    </div>
  );
}

function Notes({ item, onEdit }: { item: Item; onEdit: OnEdit }) {
  return (
    <label className="flex flex-col gap-1 text-sm text-soft">
      {t("item.notes")}
      <textarea
        key={item.notes}
        className="field min-h-20 text-ink"
        maxLength={10_000}
        placeholder={t("item.notesPlaceholder")}
        defaultValue={item.notes ?? ""}
        onBlur={(event) => {
          const notes = event.target.value.trim() || null;
          if (notes !== item.notes) onEdit({ notes });
        }}
      />
    </label>
  );
}
