import { useQuery } from "@tanstack/react-query";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useEffect, useId, useRef, useState, type KeyboardEvent } from "react";
import { t } from "../i18n";
import { data } from "../platform/api";
import { useApi } from "../platform/context";
import { Icon } from "../ui/Icon";
import { readSearch } from "./address";

const LONGEST = 1000;

/** The one box, with completions from the user's own words: a combobox as ARIA describes it. */
export function SearchBox() {
  const navigate = useNavigate();
  const asked = useLocation({
    select: (location) => (location.pathname === "/search" ? readSearch(location.search) : null),
  });
  const [text, setText] = useState(asked?.q ?? "");
  const [isOpen, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const listId = useId();
  const suggestions = useSuggestions(isOpen ? text : "");

  useEffect(() => setText(asked?.q ?? ""), [asked?.q]);

  const go = (query: string) => {
    setOpen(false);
    setActive(-1);
    const q = query.trim();
    if (q) void navigate({ to: "/search", search: { ...asked, q } });
    else void navigate({ to: "/" });
    input.current?.blur();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive((active + step + suggestions.length + 1) % (suggestions.length + 1) || (step < 0 ? -1 : 0));
    } else if (event.key === "Escape") {
      setOpen(false);
    }
  };
  const shown = isOpen && suggestions.length > 0;
  return (
    <form
      role="search"
      className="relative min-w-0 grow sm:mx-auto sm:max-w-2xl"
      onSubmit={(event) => {
        event.preventDefault();
        go(suggestions[active]?.text ?? text);
      }}
    >
      <span className="pointer-events-none absolute top-3 left-3.5 text-soft">
        <Icon name="search" />
      </span>
      <input
        ref={input}
        id="q"
        type="search"
        role="combobox"
        aria-label={t("search.label")}
        aria-expanded={shown}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={shown && active >= 0 ? `${listId}-${active}` : undefined}
        className="field min-h-11 pl-11 placeholder-shown:text-ellipsis"
        placeholder={t("search.placeholder")}
        maxLength={LONGEST}
        autoComplete="off"
        enterKeyHint="search"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setOpen(true);
          setActive(-1);
        }}
        onKeyDown={onKey}
        onBlur={() => setOpen(false)}
      />
      <div
        id={listId}
        role="listbox"
        aria-label={t("search.suggestions")}
        hidden={!shown}
        className="absolute inset-x-0 top-full z-20 mt-1 overflow-hidden rounded-2xl border border-line bg-card py-1 shadow-lift"
      >
        {suggestions.map((suggestion, place) => (
          <div
            key={`${suggestion.kind}:${suggestion.text}`}
            id={`${listId}-${place}`}
            role="option"
            tabIndex={-1}
            aria-selected={place === active}
            className={`flex cursor-pointer justify-between gap-3 px-4 py-2 ${place === active ? "bg-tint" : "hover:bg-sunk"}`}
            // Before the box loses focus and the list goes.
            onMouseDown={(event) => {
              event.preventDefault();
              go(suggestion.text);
            }}
          >
            <span>{suggestion.text}</span>
            <span className="text-sm text-soft">
              {t(`search.kind.${suggestion.kind}`)} · {suggestion.count}
            </span>
          </div>
        ))}
      </div>
    </form>
  );
}

function useSuggestions(text: string) {
  const api = useApi();
  const q = useDeferredValue(text.slice(0, 200));
  const { data: found } = useQuery({
    queryKey: ["suggest", q],
    queryFn: ({ signal }) => data(api.GET("/search/suggest", { params: { query: { q } }, signal })),
    enabled: q.trim() !== "",
    staleTime: 60_000,
    placeholderData: (previous) => previous,
    retry: false,
  });
  return text.trim() === "" ? [] : (found?.suggestions ?? []);
}
