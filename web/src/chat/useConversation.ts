import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { t } from "../i18n";
import { ApiError, data, type Api } from "../platform/api";
import { usePlatform } from "../platform/context";
import type { Live, LiveMessage } from "../platform/live";
import {
  answered,
  answeredAt,
  asked,
  askedAgain,
  failed,
  isAnswering,
  lastTurn,
  nothing,
  received,
  remembered,
  stopped,
  type Answer,
  type Conversation,
  type History,
} from "./conversation";

/**
 * One conversation: its history, and the turn that is under way.
 *
 * Answers stream over the WebSocket; without one, POST /chat gives them whole. When the connection breaks in the middle
 * of a turn, the history has the finished answer.
 */
export function useConversation(sessionId: string | undefined, about: string[]) {
  const { api, live } = usePlatform();
  const client = useQueryClient();
  const navigate = useNavigate();
  const [conversation, setConversation] = useState<Conversation>(nothing);
  const turn = useRef<Turn | null>(null);
  const now = useRef(conversation);
  now.current = conversation;
  const isBusy = isAnswering(conversation);
  const { sessionId: current, kept } = conversation;

  const fetchLater = useCallback(
    (session: string, known: string | null, signal?: AbortSignal) =>
      laterHistory(api, session, known, signal)
        .then((found) => setConversation(remembered(session, found)))
        .catch((error: unknown) => {
          if (!signal?.aborted) setConversation((before) => failed(before, words(error)));
        }),
    [api],
  );

  useEffect(() => {
    // The one that is shown has just been given its address.
    if ((sessionId ?? null) === now.current.sessionId) return;
    setConversation({ ...nothing, sessionId: sessionId ?? null });
    if (!sessionId) return;
    const leaving = new AbortController();
    history(api, sessionId, leaving.signal)
      .then((found) => {
        const known = remembered(sessionId, found);
        setConversation(known);
        if (isAnswering(known)) void fetchLater(sessionId, answeredAt(known), leaving.signal);
      })
      .catch((error: unknown) => {
        if (!leaving.signal.aborted) setConversation({ ...nothing, sessionId, problem: words(error) });
      });
    return () => {
      leaving.abort();
      now.current = nothing;
    };
  }, [api, fetchLater, sessionId]);

  useEffect(
    () =>
      live.listen((message) => {
        turn.current?.hear(message);
        if (message.type === "live.opened" && isAnswering(now.current)) {
          const { sessionId: session } = now.current;
          // What was said while nobody listened is in the history, once the answer is whole.
          if (session) void fetchLater(session, answeredAt(now.current));
          else setConversation((before) => failed(before, t("chat.lost")));
        }
        setConversation((before) => received(before, message));
        if (message.type === "chat.done") void client.invalidateQueries({ queryKey: ["sessions"] });
      }),
    [client, fetchLater, live],
  );

  const put = useCallback(
    async (question: string, isAgain: boolean) => {
      // A turn that was stopped ends between two steps; until then the conversation takes no other.
      await turn.current?.ended;
      const { sessionId: session, kept: count } = now.current;
      const body = {
        message: question,
        top_k: 10,
        item_ids: about,
        ...(session && count > 0 && { session_id: session }),
        ...(isAgain && { replaces_turn: lastTurn(now.current) }),
      };
      const begun = new Turn(live, count > 0 ? session : null);
      turn.current = begun;
      if (live.isOpen) return live.send({ action: "chat", ...body });
      try {
        const answer = await data(api.POST("/chat", { body, signal: begun.signal }));
        if ("status" in answer) await fetchLater(answer.session_id, answeredAt(now.current), begun.signal);
        else setConversation((before) => answered(before, answer as unknown as Answer));
        await client.invalidateQueries({ queryKey: ["sessions"] });
      } catch (error) {
        if (!begun.signal.aborted) setConversation((before) => failed(before, words(error)));
      } finally {
        begun.end();
      }
    },
    [about, api, client, fetchLater, live],
  );

  const ask = useCallback(
    (question: string) => {
      setConversation((before) => asked(before, question));
      void put(question, false);
    },
    [put],
  );

  const regenerate = useCallback(() => {
    const question = now.current.messages.findLast(({ role }) => role === "user")?.content;
    if (!question) return;
    const again = askedAgain(now.current, question);
    setConversation(again);
    void put(question, again.isAgain);
  }, [put]);

  const retry = useCallback(() => {
    const { isAgain, unanswered } = now.current;
    if (isAgain) regenerate();
    else if (unanswered) ask(unanswered);
  }, [ask, regenerate]);

  const stop = useCallback(() => {
    turn.current?.stop();
    setConversation(stopped);
  }, []);

  // Once the server has an answer the conversation has an address, and a reload finds it again.
  useEffect(() => {
    if (!current || current === sessionId || isBusy || kept === 0) return;
    const search = { session: current, ...(about.length > 0 && { about: about.join(",") }) };
    void navigate({ to: "/chat", search, replace: true });
  }, [about, current, isBusy, kept, navigate, sessionId]);

  return { conversation, isBusy, ask, stop, regenerate, retry };
}

// The server looks whether a turn was stopped between its steps; what it says then can be lost.
const ENDS_WITHIN_MS = 30_000;

/** A turn that is under way: how it is stopped, and when it is over. */
class Turn {
  readonly ended: Promise<void>;
  end: () => void = () => undefined;
  readonly #live: Live;
  readonly #abort = new AbortController();
  #sessionId: string | null;
  #isStopped = false;

  /** `sessionId` is null until the server has named a new conversation. */
  constructor(live: Live, sessionId: string | null) {
    this.#live = live;
    this.#sessionId = sessionId;
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  /** Of a turn that is asked for over HTTP. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  stop(): void {
    this.#isStopped = true;
    this.#abort.abort();
    this.#tellStop();
    setTimeout(this.end, ENDS_WITHIN_MS);
  }

  hear(message: LiveMessage): void {
    if (message.type === "live.lost") return this.end();
    const session = message["session_id"] as string | undefined;
    // Refused before it had a name.
    if (message.type === "error" && !session) return this.end();
    if (!session || (this.#sessionId && session !== this.#sessionId)) return;
    const isNews = this.#sessionId === null;
    this.#sessionId = session;
    if (message.type === "chat.done" || message.type === "error") this.end();
    else if (isNews && this.#isStopped) this.#tellStop();
  }

  #tellStop(): void {
    if (this.#sessionId && this.#live.isOpen) this.#live.send({ action: "stop", session_id: this.#sessionId });
  }
}

const LATER_EVERY_MS = 2000;
const LATER_WITHIN_MS = 180_000;

/** The history once it has another last answer than the known one, or says that none comes: an answer is finished without us. */
async function laterHistory(api: Api, sessionId: string, known: string | null, signal?: AbortSignal): Promise<History> {
  for (let waited = 0; waited < LATER_WITHIN_MS; waited += LATER_EVERY_MS) {
    // 404 until a new conversation has its first answer.
    const found = await history(api, sessionId, signal).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    });
    const last = found?.messages.at(-1)?.timestamp ?? null;
    if (found && (last !== known || found.unanswered?.status === "failed")) return found;
    await new Promise((resolve) => setTimeout(resolve, LATER_EVERY_MS));
  }
  throw new ApiError(t("chat.noAnswer"), 0);
}

function history(api: Api, sessionId: string, signal?: AbortSignal): Promise<History> {
  return data(
    api.GET("/chat/{session_id}/history", {
      params: { path: { session_id: sessionId } },
      ...(signal && { signal }),
    }),
  ) as Promise<History>;
}

function words(error: unknown): string {
  return error instanceof ApiError ? error.message : t("error.unexpected", { status: 0 });
}
