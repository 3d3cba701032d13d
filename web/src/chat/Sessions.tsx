import { Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { asMoment, t } from "../i18n";
import { data } from "../platform/api";
import { useApi } from "../platform/context";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { tellProblem } from "../ui/toasts";
import { useRefreshSessions, useSessions } from "./ChatPage";

interface Session {
  session_id: string;
  title: string;
  last_activity: string;
  expires_at: string;
}

/** The conversations that are not forgotten yet, newest first. */
export function Sessions({ current, onNew }: { current: string | undefined; onNew: () => void }) {
  const { data: found } = useSessions();
  return (
    <aside aria-label={t("chat.sessions")} className="lg:sticky lg:top-[85px] lg:self-start">
      <Link to="/chat" className="button mb-3 w-full" onClick={onNew}>
        <Icon name="plus" size={18} />
        {t("chat.new")}
      </Link>
      <ul className="flex gap-1 overflow-x-auto lg:flex-col">
        {(found?.sessions as Session[] | undefined)?.map((session) => (
          <Row key={session.session_id} session={session} isCurrent={session.session_id === current} />
        ))}
      </ul>
    </aside>
  );
}

function Row({ session, isCurrent }: { session: Session; isCurrent: boolean }) {
  const api = useApi();
  const navigate = useNavigate();
  const refresh = useRefreshSessions();
  const [isRenaming, setRenaming] = useState(false);
  const params = { path: { session_id: session.session_id } };
  const remove = () =>
    void data(api.DELETE("/chat/{session_id}", { params }))
      .then(() => (isCurrent ? navigate({ to: "/chat" }) : undefined))
      .then(refresh)
      .catch(tellProblem);
  const rename = (title: string) =>
    void data(api.PATCH("/chat/{session_id}", { params, body: { title } }))
      .then(refresh)
      .catch(tellProblem);
  return (
    <li
      className={`group flex items-center rounded-xl max-lg:w-64 max-lg:shrink-0 ${isCurrent ? "bg-tint" : "hover:bg-sunk"}`}
    >
      <Link
        to="/chat"
        search={{ session: session.session_id }}
        className="min-w-0 grow px-3 py-2"
        aria-current={isCurrent ? "page" : undefined}
        title={t("chat.expires", { when: asMoment(session.expires_at) })}
      >
        <span className="block truncate text-sm font-semibold">{session.title}</span>
        <span className="block text-xs text-soft">{asMoment(session.last_activity)}</span>
      </Link>
      <button
        type="button"
        className="icon-button size-8 shrink-0"
        aria-label={`${t("chat.rename")}: ${session.title}`}
        onClick={() => setRenaming(true)}
      >
        <Icon name="pencil" size={15} />
      </button>
      <button
        type="button"
        className="icon-button size-8 shrink-0"
        aria-label={`${t("chat.delete")}: ${session.title}`}
        onClick={remove}
      >
        <Icon name="trash" size={15} />
      </button>
      {isRenaming && (
        <Dialog title={t("chat.rename")} onClose={() => setRenaming(false)}>
          <form
            className="flex flex-col gap-3"
            onSubmit={(event) => {
              event.preventDefault();
              rename(String(new FormData(event.currentTarget).get("title")));
              setRenaming(false);
            }}
          >
            <input
              name="title"
              className="field"
              aria-label={t("chat.rename")}
              defaultValue={session.title}
              maxLength={200}
              required
            />
            <button type="submit" className="button button-primary">
              {t("common.save")}
            </button>
          </form>
        </Dialog>
      )}
    </li>
  );
}
