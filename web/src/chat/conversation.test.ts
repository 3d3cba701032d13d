import { describe, expect, it } from "vitest";
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
  type Conversation,
} from "./conversation";

const turn = () => asked(nothing, "When does my train leave?");

const replied = (conversation: Conversation, words: { content?: string } = {}) => {
  const message = { role: "assistant", content: "At 07:53.", timestamp: "2026-01-01T00:00:00Z", ...words };
  return answered(conversation, { session_id: "s", message, citations: [], conversation_turn: 1 });
};

const said = (role: "user" | "assistant", content: string) => ({
  role,
  content,
  timestamp: "2026-01-01T00:00:00Z",
  citations: [],
  tools_used: [],
});

describe("a conversation", () => {
  it("shows the question at once and an answer that is on its way", () => {
    const [question, answer] = turn().messages;

    expect(question).toMatchObject({ role: "user", content: "When does my train leave?" });
    expect(answer).toMatchObject({ role: "assistant", content: "", isStreaming: true });
  });

  it("puts the pieces of the answer together, and ends with what the server kept", () => {
    let now = turn();
    now = received(now, { type: "chat.delta", session_id: "s", text: "Let me look." });
    now = received(now, { type: "chat.tool", session_id: "s", tool: "search_collection", input: { query: "train" } });
    now = received(now, { type: "chat.delta", session_id: "s", text: "At 07" });
    now = received(now, { type: "chat.delta", session_id: "s", text: ":53." });
    expect(now.messages.at(-1)).toMatchObject({ content: "At 07:53.", isStreaming: true });

    now = received(now, {
      type: "chat.done",
      session_id: "s",
      message: { role: "assistant", content: "At 07:53. [1]", timestamp: "2026-01-01T00:00:00Z" },
      citations: [{ item_id: "i", headline: "Ticket", thumbnail_url: "u" }],
      conversation_turn: 1,
    });

    expect(now.sessionId).toBe("s");
    expect(now.messages.at(-1)).toMatchObject({ content: "At 07:53. [1]", isStreaming: false });
    expect(now.messages.at(-1)!.citations).toHaveLength(1);
    expect(now.messages.at(-1)!.tools).toHaveLength(1);
  });

  it("does not mix in what belongs to another conversation", () => {
    const here = { ...turn(), sessionId: "mine" };

    expect(received(here, { type: "chat.delta", session_id: "other", text: "!" })).toBe(here);
  });

  it("ignores pieces that come after the end", () => {
    const ended = replied(turn());

    expect(received(ended, { type: "chat.delta", session_id: "s", text: "late" })).toBe(ended);
  });

  it("keeps no half turn when the turn fails", () => {
    const now = failed(turn(), "Too many questions today.");

    expect(now.messages).toEqual([]);
    expect(now.problem).toBe("Too many questions today.");
    expect(now.unanswered).toBe("When does my train leave?");
  });

  it("keeps what there is of an answer that is stopped, and lets nothing more in", () => {
    const half = received(turn(), { type: "chat.delta", session_id: "s", text: "At 07" });

    const now = stopped(half);

    expect(now.messages.at(-1)).toMatchObject({ content: "At 07", isStreaming: false, isStopped: true });
    expect(isAnswering(now)).toBe(false);
    expect(received(now, { type: "chat.delta", session_id: "s", text: ":53" })).toBe(now);
    expect(received(now, { type: "error", session_id: "s", detail: "The answer was stopped." })).toBe(now);
  });

  it("puts a new answer in the place of the one before, and that one back if there is none", () => {
    const first = replied(turn());

    const again = askedAgain(first, "When does my train leave?");

    expect(again.messages.map(({ content }) => content)).toEqual(["When does my train leave?", ""]);
    expect(failed(again, "Nobody answers.").messages).toBe(first.messages);
    const second = replied(again, { content: "07:53" });
    expect(second.messages.map(({ content }) => content)).toEqual(["When does my train leave?", "07:53"]);
    expect([second.kept, lastTurn(second), second.isAgain]).toEqual([2, 1, true]);
    expect(asked(second, "And back?").isAgain).toBe(false);
  });

  it("has the old answer again when the new one is stopped, and takes none for it that comes late", () => {
    const first = replied(turn());
    const half = received(askedAgain(first, "When does my train leave?"), { type: "chat.delta", text: "At" });

    const now = stopped(half);

    expect(now.messages).toBe(first.messages);
    expect(received(now, { type: "chat.delta", session_id: "s", text: ":53" })).toBe(now);
  });

  it("asks a question anew whose answer was stopped: the server has none to replace", () => {
    const first = replied(turn());

    const again = askedAgain(stopped(asked(first, "And back?")), "And back?");

    expect(again.isAgain).toBe(false);
    expect(again.messages.map(({ content }) => content)).toEqual([
      "When does my train leave?",
      "At 07:53.",
      "And back?",
      "",
    ]);
  });

  it("knows when the last answer was given that is remembered, whatever is under way", () => {
    expect(answeredAt(turn())).toBeNull();
    const first = replied(turn());

    expect(answeredAt(askedAgain(first, "When does my train leave?"))).toBe("2026-01-01T00:00:00Z");
    expect(answeredAt(asked(stopped(asked(first, "And back?")), "And then?"))).toBe("2026-01-01T00:00:00Z");
  });

  it("is as the server remembers it, with the question that has no answer yet, or none to come", () => {
    const messages = [said("user", "Hello")];
    const unanswered = { content: "And then?", detail: null, replaces_turn: null };

    const running = remembered("s", { messages, unanswered: { ...unanswered, status: "running" } });
    const over = remembered("s", { messages, unanswered: { ...unanswered, status: "failed", detail: "Too long." } });

    expect(running.messages.map(({ content }) => content)).toEqual(["Hello", "And then?", ""]);
    expect(isAnswering(running)).toBe(true);
    expect(over).toMatchObject({ problem: "Too long.", unanswered: "And then?", kept: 1 });
    expect(over.messages).toHaveLength(1);
  });

  it("shows what is to replace an answer in its place, and the answer if that failed", () => {
    const messages = [said("user", "Hello"), said("assistant", "Hello to you.")];
    const unanswered = { content: "Hello", detail: null, replaces_turn: 1 };

    const running = remembered("s", { messages, unanswered: { ...unanswered, status: "running" } });
    const over = remembered("s", { messages, unanswered: { ...unanswered, status: "failed", detail: "Too long." } });

    expect(running.messages.map(({ content }) => content)).toEqual(["Hello", ""]);
    expect(over.messages.map(({ content }) => content)).toEqual(["Hello", "Hello to you."]);
    expect(over).toMatchObject({ problem: "Too long.", isAgain: true });
  });
});
