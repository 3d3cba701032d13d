import { Link, Outlet, useNavigate } from "@tanstack/react-router";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useLiveItems } from "./collection/useLiveItems";
import { t } from "./i18n";
import { SearchBox } from "./search/SearchBox";
import { Shortcuts } from "./Shortcuts";
import { Icon, type IconName } from "./ui/Icon";
import { isForPage } from "./ui/keys";
import { Toasts } from "./ui/toasts";
import { AddButton, CameraButton, DropAndPaste } from "./upload/AddPictures";
import { UploadTray } from "./upload/UploadTray";

/** What is around every page. */
export function App() {
  useLiveItems();
  return (
    <>
      <a href="#main" className="button button-primary fixed -top-20 left-4 z-50 focus:top-3">
        {t("app.skip")}
      </a>
      <header className="sticky top-0 z-20 border-b border-line bg-paper/90 backdrop-blur">
        <div className="page flex items-center gap-2 py-3 sm:gap-4">
          <Link to="/" className="flex shrink-0 items-center gap-2.5 font-bold" aria-label={t("app.name")}>
            <img src="/mark.svg" width="30" height="30" alt="" />
            <span className="max-lg:hidden">{t("app.name")}</span>
          </Link>
          <SearchBox />
          <CameraButton />
          <AddButton className="button button-primary max-sm:px-3 max-sm:[&>span]:unseen" />
          <nav aria-label={t("nav.main")} className="max-sm:hidden">
            <NavLinks />
          </nav>
        </div>
        <Offline />
      </header>
      <main id="main" tabIndex={-1} className="page pb-28 outline-none">
        <Outlet />
      </main>
      <nav
        aria-label={t("nav.main")}
        className="fixed inset-x-0 bottom-0 z-20 border-t border-line bg-paper pb-[env(safe-area-inset-bottom)] sm:hidden"
      >
        <NavLinks />
      </nav>
      <UploadTray />
      <DropAndPaste />
      <Keys />
      <Toasts />
    </>
  );
}

const PLACES: {
  to: "/" | "/chat" | "/account";
  icon: IconName;
  label: "nav.collection" | "nav.chat" | "nav.account";
}[] = [
  { to: "/", icon: "grid", label: "nav.collection" },
  { to: "/chat", icon: "chat", label: "nav.chat" },
  { to: "/account", icon: "user", label: "nav.account" },
];

function NavLinks() {
  return (
    <ul className="flex justify-around max-sm:py-1">
      {PLACES.map(({ to, icon, label }) => (
        <li key={to}>
          <Link
            to={to}
            className="flex flex-col items-center gap-0.5 rounded-xl px-3 py-1.5 text-xs"
            activeProps={{ className: "bg-tint text-accent", "aria-current": "page" }}
            inactiveProps={{ className: "text-soft hover:bg-sunk" }}
            activeOptions={{ exact: true, includeSearch: false }}
          >
            <Icon name={icon} />
            {t(label)}
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** Hangs from the header into the margin of the page: it takes no place, so that nothing moves when it comes or goes. */
function Offline() {
  const isOnline = useSyncExternalStore(
    (listener) => {
      addEventListener("online", listener);
      addEventListener("offline", listener);
      return () => {
        removeEventListener("online", listener);
        removeEventListener("offline", listener);
      };
    },
    () => navigator.onLine,
  );
  return (
    <p role="status" className="pointer-events-none absolute inset-x-3.5 top-full -mt-2.5 flex justify-center">
      {!isOnline && (
        <span className="rounded-full border border-line bg-mark px-3 py-0.5 text-center text-xs leading-tight font-semibold">
          {t("offline.banner")}
        </span>
      )}
    </p>
  );
}

/** The keys that work everywhere but in text fields. */
function Keys() {
  const [isHelping, setHelping] = useState(false);
  const navigate = useNavigate();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!isForPage(event)) return;
      const actions: Record<string, () => void> = {
        "/": () => document.getElementById("q")?.focus(),
        u: () => document.querySelector<HTMLElement>("[data-add]")?.click(),
        c: () => void navigate({ to: "/chat" }),
        g: () => void navigate({ to: "/" }),
        "?": () => setHelping(true),
      };
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate]);
  return isHelping ? <Shortcuts onClose={() => setHelping(false)} /> : null;
}
