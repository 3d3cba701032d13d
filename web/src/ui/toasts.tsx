import { useSyncExternalStore } from "react";
import { t } from "../i18n";
import { Icon } from "./Icon";

interface Toast {
  id: number;
  text: string;
  kind: "note" | "problem";
  action?: { label: string; run: () => void };
  /** Called once when it goes and its action was not taken: by time, closed, or because the page is left. */
  onGone?: () => Promise<void> | void;
}

/** What keeps a toast where it is: nobody has to hurry while they read it (WCAG 2.2.1). */
type Hold = "pointer" | "focus";

export const SHOWN_MS = 7000;
const MOST = 4;
let toasts: readonly Toast[] = [];
let lastId = 0;
const timers = new Map<number, ReturnType<typeof setTimeout>>();
const holds = new Map<number, Set<Hold>>();
const listeners = new Set<() => void>();

/** Says something in the corner, aloud to screen readers. Returns a function that takes it back. */
export function toast(text: string, options: Partial<Pick<Toast, "kind" | "action" | "onGone">> = {}): () => void {
  const added: Toast = { id: ++lastId, text, kind: "note", ...options };
  // One that can be undone or is being read stays; the others make room.
  const others = toasts.filter(({ id, action }) => !action && !holds.has(id));
  for (const { id } of others.slice(0, Math.max(0, toasts.length - MOST + 1))) void dismiss(id);
  change([...toasts, added]);
  start(added.id);
  return () => void dismiss(added.id);
}

export const tellProblem = (error: unknown): void => {
  toast(error instanceof Error ? error.message : String(error), { kind: "problem" });
};

/** Its time stands still from here until every hold is released; then it begins anew. */
export function hold(id: number, by: Hold): void {
  clearTimeout(timers.get(id));
  holds.set(id, new Set(holds.get(id)).add(by));
}

export function release(id: number, by: Hold): void {
  const left = holds.get(id);
  if (!left?.delete(by) || left.size > 0) return;
  holds.delete(id);
  start(id);
}

/** Takes the action of a toast, which ends it. */
export function act(id: number): void {
  end(id)?.action?.run();
}

export async function dismiss(id: number): Promise<void> {
  await end(id)?.onGone?.();
}

/** Ends all of them, and waits for what that sets going. */
export async function dismissAll(): Promise<void> {
  await Promise.all(toasts.map(({ id }) => dismiss(id)));
}

function start(id: number): void {
  if (!toasts.some((each) => each.id === id)) return;
  timers.set(
    id,
    setTimeout(() => void dismiss(id), SHOWN_MS),
  );
}

/** The toast, if it was there still: whatever its end sets going happens once. */
function end(id: number): Toast | undefined {
  const ended = toasts.find((each) => each.id === id);
  clearTimeout(timers.get(id));
  timers.delete(id);
  holds.delete(id);
  change(toasts.filter((each) => each.id !== id));
  return ended;
}

addEventListener("pagehide", () => void dismissAll());

function change(to: readonly Toast[]): void {
  toasts = to;
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export const shown = (): readonly Toast[] => toasts;

export function Toasts() {
  const now = useSyncExternalStore(subscribe, shown);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-20 z-30 flex flex-col items-center gap-2 sm:bottom-6"
    >
      {now.map((each) => (
        <div
          key={each.id}
          onPointerEnter={() => hold(each.id, "pointer")}
          onPointerLeave={() => release(each.id, "pointer")}
          onFocus={() => hold(each.id, "focus")}
          onBlur={() => release(each.id, "focus")}
          className={`pointer-events-auto flex max-w-xl items-center gap-3 rounded-2xl border px-4 py-2 shadow-lift ${
            each.kind === "problem" ? "border-danger bg-danger-tint" : "border-line bg-card"
          }`}
        >
          {each.kind === "problem" && <Icon name="warning" />}
          <span>{each.text}</span>
          {each.action && (
            <button type="button" className="button button-quiet button-small" onClick={() => act(each.id)}>
              {each.action.label}
            </button>
          )}
          <button
            type="button"
            className="icon-button -mr-2 size-8"
            aria-label={t("common.close")}
            onClick={() => void dismiss(each.id)}
          >
            <Icon name="close" size={16} />
          </button>
        </div>
      ))}
    </div>
  );
}
