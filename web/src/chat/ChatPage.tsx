import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useMemo, useRef, useState } from "react";
import { nameOf } from "../collection/Card";
import { itemQuery } from "../collection/queries";
import { isKey, t } from "../i18n";
import { data } from "../platform/api";
import { useApi } from "../platform/context";
import { Icon } from "../ui/Icon";
import { useTitle } from "../ui/useTitle";
import type { Citation, Message, Tool } from "./conversation";
import { Sessions } from "./Sessions";
import { useConversation } from "./useConversation";

const route = getRouteApi("/chat");
const LONGEST = 4000;
const EXAMPLES = ["chat.example1", "chat.example2", "chat.example3"] as const;

export function ChatPage() {
  const { session, about } = route.useSearch();
  const subject = useMemo(() => about?.split(",") ?? [], [about]);
  const [round, setRound] = useState(0);
  useTitle(t("chat.title"));
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-6 pt-4 lg:grid-cols-[17rem_minmax(0,1fr)]">
      <Sessions current={session} onNew={() => setRound(round + 1)} />
      <Conversation key={round} sessionId={session} about={subject} />
    </div>
  );
}

function Conversation({ sessionId, about }: { sessionId: string | undefined; about: string[] }) {
  const { conversation, isBusy, ask, stop, regenerate, retry } = useConversation(sessionId, about);
  const end = useRef<HTMLDivElement>(null);
  const { messages, problem, unanswered } = conversation;
  const count = messages.length;
  const last = messages.at(-1);
  const length = (last?.content.length ?? 0) + (last?.citations.length ?? 0);
  // Braces: in some browsers scrolling gives a promise, which is no clean-up.
  useEffect(() => {
    if (count + length > 0) end.current?.scrollIntoView({ block: "end" });
  }, [count, length, isBusy]);
  return (
    <section
      className="flex min-h-[calc(100dvh-13rem)] flex-col sm:min-h-[calc(100dvh-8rem)]"
      aria-label={t("chat.title")}
    >
      <h1 className={messages.length > 0 ? "unseen" : "mb-2 text-2xl font-bold tracking-tight"}>{t("chat.title")}</h1>
      {messages.length === 0 && <Beginning onAsk={ask} />}
      <ol className="flex flex-col gap-5" aria-live="polite" aria-busy={isBusy}>
        {messages.map((message, place) => (
          <Bubble key={place} message={message} />
        ))}
      </ol>
      {problem && (
        <p role="alert" className="mt-4 rounded-2xl bg-danger-tint px-4 py-3">
          {problem}
          {unanswered && (
            <button type="button" className="button button-small ml-3" onClick={retry}>
              {t("error.retry")}
            </button>
          )}
        </p>
      )}
      {!isBusy && messages.length > 0 && (
        <button type="button" className="button button-quiet button-small mt-2 self-start" onClick={regenerate}>
          <Icon name="refresh" size={16} />
          {t("chat.regenerate")}
        </button>
      )}
      <div className="grow" />
      <About ids={about} sessionId={sessionId} />
      <Composer isBusy={isBusy} onAsk={ask} onStop={stop} />
      <div ref={end} />
    </section>
  );
}

function Beginning({ onAsk }: { onAsk: (question: string) => void }) {
  return (
    <div className="my-4">
      <p className="max-w-xl text-soft">{t("chat.emptyHint")}</p>
      <ul className="mt-5 flex flex-col items-start gap-2">
        {EXAMPLES.map((example) => (
          <li key={example}>
            <button type="button" className="chip min-h-10" onClick={() => onAsk(t(example))}>
              {t(example)}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Bubble({ message }: { message: Message }) {
  if (message.role === "user") {
    return (
      <li className="max-w-[85%] self-end rounded-3xl rounded-br-lg bg-accent px-4 py-2.5 text-on-accent">
        <span className="unseen">{t("chat.you")}: </span>
        {message.content}
      </li>
    );
  }
  return (
    <li className="max-w-full">
      <span className="unseen">{t("chat.answer")}: </span>
      {message.tools.length > 0 && (
        <ul className="mb-2 flex flex-wrap gap-2">
          {counted(message.tools.map(asStep)).map(([step, times]) => (
            <li key={step} className="rounded-full bg-sunk px-3 py-1 text-xs text-soft">
              {times > 1 ? `${step} × ${times}` : step}
            </li>
          ))}
        </ul>
      )}
      <p className="whitespace-pre-line">
        {message.content}
        {message.isStreaming && <span className="ml-1 inline-block size-2 animate-pulse rounded-full bg-accent" />}
      </p>
      {message.isStreaming && message.content === "" && <span className="text-soft">{t("chat.thinking")}</span>}
      {message.isStopped && <p className="mt-1 text-sm text-soft">{t("chat.stopped")}</p>}
      <Citations citations={message.citations} />
    </li>
  );
}

/** Each once, in their order, with how often it was done. */
function counted(steps: string[]): [string, number][] {
  const times = new Map<string, number>();
  for (const step of steps) times.set(step, (times.get(step) ?? 0) + 1);
  return [...times];
}

/** What was looked for, in a few words. */
function asStep({ tool, input }: Tool): string {
  const key = `chat.tool.${tool}`;
  if (!isKey(key)) return t("chat.tool.other", { tool });
  const query = typeof input === "object" && input !== null && "query" in input ? String(input.query) : "";
  return t(key, { about: query && `“${query.slice(0, 60)}”` }).trim();
}

function Citations({ citations }: { citations: Citation[] }) {
  if (citations.length === 0) return null;
  return (
    <section className="mt-3" aria-label={t("chat.citations")}>
      <ul className="flex flex-wrap gap-3">
        {citations.map((citation, place) => (
          <li key={citation.item_id}>
            <Link
              to="/items/$itemId"
              params={{ itemId: citation.item_id }}
              className="flex w-60 items-center gap-3 rounded-2xl border border-line bg-card p-2 hover:border-soft"
            >
              <img src={citation.thumbnail_url} alt="" className="size-14 shrink-0 rounded-xl bg-sunk object-cover" />
              <span className="line-clamp-2 text-sm">
                <span className="font-semibold text-soft">[{place + 1}]</span> {citation.headline}
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** The pictures that the questions are about, until they are taken away. */
function About({ ids, sessionId }: { ids: string[]; sessionId: string | undefined }) {
  const api = useApi();
  const first = ids[0] ?? "";
  const { data: item } = useQuery({ ...itemQuery(api, first), enabled: first !== "" });
  if (ids.length === 0) return null;
  return (
    <p className="mt-4 flex items-center gap-2 text-sm text-soft">
      {item?.urls.thumbnail && <img src={item.urls.thumbnail} alt="" className="size-10 rounded-lg object-cover" />}
      <span className="min-w-0 truncate">
        {ids.length === 1 && item ? t("chat.aboutOne", { name: nameOf(item) }) : t("chat.about", { count: ids.length })}
      </span>
      <Link
        to="/chat"
        search={sessionId ? { session: sessionId } : {}}
        replace
        className="icon-button size-8 shrink-0"
        aria-label={t("chat.aboutAll")}
        title={t("chat.aboutAll")}
      >
        <Icon name="close" size={16} />
      </Link>
    </p>
  );
}

function Composer({
  isBusy,
  onAsk,
  onStop,
}: {
  isBusy: boolean;
  onAsk: (question: string) => void;
  onStop: () => void;
}) {
  const [text, setText] = useState("");
  const send = () => {
    if (text.trim() === "" || isBusy) return;
    onAsk(text.trim());
    setText("");
  };
  return (
    <form
      className="sticky bottom-16 mt-4 flex items-end gap-2 rounded-3xl border border-line bg-card p-2 shadow-lift sm:bottom-4"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <textarea
        className="field-sizing-content max-h-40 min-h-11 grow resize-none rounded-2xl bg-transparent px-3 py-2.5"
        aria-label={t("chat.title")}
        placeholder={t("chat.placeholder")}
        rows={1}
        maxLength={LONGEST}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {isBusy ? (
        <button type="button" className="button" aria-label={t("chat.stop")} onClick={onStop}>
          <Icon name="stop" />
        </button>
      ) : (
        <button
          type="submit"
          className="button button-primary"
          aria-label={t("chat.send")}
          disabled={text.trim() === ""}
        >
          <Icon name="send" />
        </button>
      )}
    </form>
  );
}

export function useSessions() {
  const api = useApi();
  return useQuery({
    queryKey: ["sessions"],
    queryFn: ({ signal }) => data(api.GET("/chat/sessions", { params: { query: { limit: 50 } }, signal })),
  });
}

export function useRefreshSessions() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ["sessions"] });
}
