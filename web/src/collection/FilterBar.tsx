import { useId, useState } from "react";
import { t } from "../i18n";
import { Icon } from "../ui/Icon";
import { isNarrowed, SORTS, type Filters, type Sort, type Status } from "./filters";
import { useFacets } from "./queries";
import { asSpelled, useTags } from "./tags";

const CATEGORIES = 8;
const TAGS = 12;
const OFFERED = 30;
const PICKED = "insertReplacementText";

/** Filters with counts; each is a part of the page's address. */
export function FilterBar({
  filters,
  onChange,
  withSort = true,
}: {
  filters: Filters;
  onChange: (filters: Filters) => void;
  withSort?: boolean;
}) {
  const facets = useFacets(filters);
  const [isOpen, setOpen] = useState(Boolean(filters.tag ?? filters.from ?? filters.to ?? filters.status));
  const set = (change: { [Name in keyof Filters]: Filters[Name] | undefined }) => {
    const entries = Object.entries({ ...filters, ...change }).filter(
      ([, value]) => value !== undefined && value !== "",
    );
    onChange(Object.fromEntries(entries) as Filters);
  };
  const toggled = <T,>(value: T, now: T | undefined): T | undefined => (now === value ? undefined : value);
  return (
    <div className="mb-4 flex flex-col gap-3">
      {/* One line whatever comes: what is below must not move when the counts arrive. */}
      <div className="flex items-center gap-4 max-sm:-mx-3.5 max-sm:gap-2 max-sm:overflow-x-auto max-sm:px-3.5 max-sm:pb-1">
        <div
          className="flex min-w-0 grow items-center gap-2 max-sm:contents sm:-m-1 sm:overflow-x-auto sm:p-1 sm:pr-6 sm:[mask-image:linear-gradient(to_left,transparent,black_1.5rem)] sm:[scrollbar-width:none] [&>*]:shrink-0"
          role="group"
          aria-label={t("collection.category")}
        >
          <Chip isOn={isOpen} onClick={() => setOpen(!isOpen)}>
            <Icon name="filter" size={16} />
            {t("collection.filters")}
          </Chip>
          <Chip isOn={filters.favorite === true} onClick={() => set({ favorite: filters.favorite ? undefined : true })}>
            <Icon name="star" size={16} filled={filters.favorite === true} />
            {t("collection.favorites")}
          </Chip>
          {isNarrowed(filters) && (
            <button
              type="button"
              className="button button-quiet button-small"
              onClick={() => onChange(filters.sort ? { sort: filters.sort } : {})}
            >
              {t("collection.clear")}
            </button>
          )}
          {facets?.categories.slice(0, CATEGORIES).map(({ value, count }) => (
            <Chip
              key={value}
              isOn={filters.category === value}
              onClick={() => set({ category: toggled(value, filters.category) })}
            >
              {value} <span className="text-soft">{count}</span>
            </Chip>
          ))}
        </div>
        {withSort && <SortMenu sort={filters.sort} onSort={(sort) => set({ sort })} />}
      </div>
      {isOpen && (
        <div className="flex flex-wrap items-center gap-x-6 gap-y-3 rounded-2xl border border-line bg-card p-4 text-sm">
          <div className="flex flex-wrap items-center gap-2" role="group" aria-label={t("collection.tags")}>
            {tagsShown(facets?.tags ?? [], filters.tag).map(({ value, count }) => (
              <Chip key={value} isOn={filters.tag === value} onClick={() => set({ tag: toggled(value, filters.tag) })}>
                {value} {count !== null && <span className="text-soft">{count}</span>}
              </Chip>
            ))}
            <OtherTag onTag={(tag) => set({ tag })} />
          </div>
          <div className="flex flex-wrap items-center gap-2" role="group" aria-label={t("collection.status")}>
            {facets?.statuses.map(({ value, count }) => (
              <Chip
                key={value}
                isOn={filters.status === value}
                onClick={() => set({ status: toggled(value as Status, filters.status) })}
              >
                {t(`status.${value as Status}`)} <span className="text-soft">{count}</span>
              </Chip>
            ))}
          </div>
          {(["from", "to"] as const).map((end) => (
            <label key={end} className="flex items-center gap-2">
              {t(`collection.${end}`)}
              <input
                type="date"
                className="field min-h-9 w-auto py-1"
                value={filters[end] ?? ""}
                onChange={(event) => set({ [end]: event.target.value || undefined })}
              />
            </label>
          ))}
        </div>
      )}
    </div>
  );
}

/** The most frequent ones, and before them the chosen one if it is none of them. */
function tagsShown(
  tags: readonly { value: string; count: number }[],
  chosen: string | undefined,
): { value: string; count: number | null }[] {
  const frequent = tags.slice(0, TAGS);
  if (chosen === undefined || frequent.some(({ value }) => value === chosen)) return frequent;
  return [tags.find(({ value }) => value === chosen) ?? { value: chosen, count: null }, ...frequent];
}

/** Any other tag, by typing a part of it. */
function OtherTag({ onTag }: { onTag: (tag: string) => void }) {
  const [text, setText] = useState("");
  const known = useTags(text);
  const listId = useId();
  const choose = (tag: string) => {
    setText("");
    onTag(tag);
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim()) choose(asSpelled(text.trim(), known));
      }}
    >
      <input
        className="field min-h-8 w-36 rounded-full px-3 py-0.5 text-sm"
        aria-label={t("collection.otherTag")}
        placeholder={t("collection.otherTag")}
        list={listId}
        maxLength={64}
        value={text}
        onChange={(event) => {
          // Browsers say so when one was picked from the list, and not typed.
          const isPicked = !(event.nativeEvent instanceof InputEvent) || event.nativeEvent.inputType === PICKED;
          if (isPicked && known.includes(event.target.value)) choose(event.target.value);
          else setText(event.target.value);
        }}
      />
      <datalist id={listId}>
        {known.slice(0, OFFERED).map((tag) => (
          <option key={tag}>{tag}</option>
        ))}
      </datalist>
    </form>
  );
}

function SortMenu({ sort, onSort }: { sort: Sort | undefined; onSort: (sort: Sort | undefined) => void }) {
  return (
    <select
      aria-label={t("collection.sort")}
      className="field ml-auto min-h-8 w-auto shrink-0 py-0.5 text-sm"
      value={sort ?? SORTS[0]}
      onChange={(event) => onSort(event.target.value === SORTS[0] ? undefined : (event.target.value as Sort))}
    >
      {SORTS.map((each) => (
        <option key={each} value={each}>
          {t(`collection.sort.${each}`)}
        </option>
      ))}
    </select>
  );
}

function Chip({ isOn, onClick, children }: { isOn: boolean; onClick: () => void; children: React.ReactNode }) {
  return (
    <button type="button" className="chip" aria-pressed={isOn} onClick={onClick}>
      {children}
    </button>
  );
}
