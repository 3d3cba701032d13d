import { useSyncExternalStore } from "react";
import { t } from "../i18n";
import { Icon } from "./Icon";

export interface Toast {
  id: number;
  text: string;
  kind: "note" | "problem";
  action?: { label: string; run: () => void };
}

const SHOWN_MS = 7000;
let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();

/** Says something in the corner, aloud to screen readers. Returns a function that takes it back. */
export function toast(text: string, options: Partial<Pick<Toast, "kind" | "action">> = {}): () => void {
  const added: Toast = { id: ++lastId, text, kind: "note", ...options };
  change([...toasts.slice(-3), added]);
  const dismiss = () => change(toasts.filter((each) => each.id !== added.id));
  setTimeout(dismiss, SHOWN_MS);
  return dismiss;
}

export const tellProblem = (error: unknown): void => {
  toast(error instanceof Error ? error.message : String(error), { kind: "problem" });
};

function change(to: readonly Toast[]): void {
  toasts = to;
  for (const listener of listeners) listener();
}

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed inset-x-4 bottom-20 z-30 flex flex-col items-center gap-2 sm:bottom-6"
    >
      {shown.map((each) => (
        <div
          key={each.id}
          className={`pointer-events-auto flex max-w-xl items-center gap-3 rounded-2xl border px-4 py-2 shadow-lift ${
            each.kind === "problem" ? "border-danger bg-danger-tint" : "border-line bg-card"
          }`}
        >
          {each.kind === "problem" && <Icon name="warning" />}
          <span>{each.text}</span>
          {each.action && (
            <button
              type="button"
              className="button button-quiet button-small"
              onClick={() => {
                each.action?.run();
                change(toasts.filter((other) => other.id !== each.id));
              }}
            >
              {each.action.label}
            </button>
          )}
          <button
            type="button"
            className="icon-button -mr-2 size-8"
            aria-label={t("common.close")}
            onClick={() => change(toasts.filter((other) => other.id !== each.id))}
          >
            <Icon name="close" size={16} />
          </button>
        </div>
      ))}
    </div>
  );
}
