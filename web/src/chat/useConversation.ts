import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useRef, useState } from "react";
import { t } from "../i18n";
import { ApiError, data, type Api } from "../platform/api";
import { usePlatform } from "../platform/context";
import {
  answered,
  asked,
  failed,
  nothing,
  received,
  type Answer,
  type Conversation,
  type Message,
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
  const [conversation, setConversation] = useState<Conversation>({ ...nothing, sessionId: sessionId ?? null });
  const abort = useRef<AbortController | null>(null);
  const isBusy = conversation.messages.at(-1)?.isStreaming ?? false;
  const current = conversation.sessionId;
  const count = conversation.messages.length;

  useEffect(() => {
    if (!sessionId) return;
    const stop = new AbortController();
    history(api, sessionId, stop.signal)
      .then((messages) => setConversation({ sessionId, messages, problem: null }))
      .catch((error: unknown) => {
        if (!stop.signal.aborted) setConversation({ ...nothing, problem: words(error) });
      });
    return () => stop.abort();
  }, [api, sessionId]);

  useEffect(
    () =>
      live.listen((message) => {
        if (message.type === "live.opened" && current) {
          void history(api, current).then((messages) =>
            setConversation({ sessionId: current, messages, problem: null }),
          );
        }
        setConversation((before) => received(before, message));
        if (message.type === "chat.done") void client.invalidateQueries({ queryKey: ["sessions"] });
      }),
    [api, client, current, live],
  );

  const ask = useCallback(
    (question: string) => {
      const body = { message: question, top_k: 10, item_ids: about, ...(current && { session_id: current }) };
      setConversation((before) => asked(before, question));
      if (live.isOpen) return live.send({ action: "chat", ...body });
      abort.current = new AbortController();
      data(api.POST("/chat", { body, signal: abort.current.signal }))
        .then(async (answer) => {
          if ("status" in answer) {
            const messages = await laterHistory(api, answer.session_id, count + 2);
            setConversation({ sessionId: answer.session_id, messages, problem: null });
          } else {
            setConversation((before) => answered(before, answer as unknown as Answer));
          }
          return client.invalidateQueries({ queryKey: ["sessions"] });
        })
        .catch((error: unknown) => setConversation((before) => failed(before, words(error))));
    },
    [about, api, client, count, current, live],
  );

  const stop = useCallback(() => {
    abort.current?.abort();
    if (live.isOpen && current) live.send({ action: "stop", session_id: current });
    setConversation((before) => ({
      ...before,
      messages: before.messages.map((message) => ({ ...message, isStreaming: false })),
    }));
  }, [current, live]);

  const regenerate = useCallback(() => {
    const question = conversation.messages.findLast(({ role }) => role === "user");
    if (question) ask(question.content);
  }, [ask, conversation.messages]);

  // Once the server has named a new conversation it has an address, and a reload finds it again.
  useEffect(() => {
    if (!current || current === sessionId || isBusy) return;
    void navigate({ to: "/chat", search: { session: current }, replace: true });
  }, [current, isBusy, navigate, sessionId]);

  return { conversation, isBusy, ask, stop, regenerate };
}

const LATER_EVERY_MS = 2000;
const LATER_WITHIN_MS = 180_000;

/** The history once it has so many messages: an answer that takes long is finished without us. */
async function laterHistory(api: Api, sessionId: string, count: number): Promise<Message[]> {
  for (let waited = 0; waited < LATER_WITHIN_MS; waited += LATER_EVERY_MS) {
    await new Promise((resolve) => setTimeout(resolve, LATER_EVERY_MS));
    // 404 until a new conversation has its first answer.
    const messages = await history(api, sessionId).catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 404) return [];
      throw error;
    });
    if (messages.length >= count) return messages;
  }
  throw new ApiError(t("chat.noAnswer"), 0);
}

async function history(api: Api, sessionId: string, signal?: AbortSignal): Promise<Message[]> {
  const found = await data(
    api.GET("/chat/{session_id}/history", {
      params: { path: { session_id: sessionId } },
      ...(signal && { signal }),
    }),
  );
  return (found.messages as Partial<Message>[]).map((message) => ({
    role: message.role ?? "assistant",
    content: message.content ?? "",
    tools: [],
    citations: message.citations ?? [],
  }));
}

function words(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof DOMException ? "" : t("error.unexpected", { status: 0 });
}
