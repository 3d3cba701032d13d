import { t, type Key } from "./i18n";
import { Dialog } from "./ui/Dialog";

const KEYS: [string, Key][] = [
  ["/", "shortcut.search"],
  ["u", "shortcut.upload"],
  ["c", "nav.chat"],
  ["g", "nav.collection"],
  ["← ↑ → ↓", "shortcut.walk"],
  ["Enter", "shortcut.open"],
  ["x", "shortcut.select"],
  ["f", "shortcut.favorite"],
  ["Del", "shortcut.delete"],
  ["Esc", "shortcut.escape"],
  ["?", "shortcut.help"],
];

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title={t("shortcut.title")} onClose={onClose}>
      <dl className="grid grid-cols-[auto_1fr] items-center gap-x-6 gap-y-2">
        {KEYS.map(([key, meaning]) => (
          <div key={key} className="contents">
            <dt>
              <kbd className="rounded-lg border border-line bg-sunk px-2 py-0.5 font-mono text-sm">{key}</kbd>
            </dt>
            <dd>{t(meaning)}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
