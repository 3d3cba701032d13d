import { describe, expect, it } from "vitest";
import { answered, asked, failed, nothing, received } from "./conversation";

const turn = () => asked(nothing, "When does my train leave?");

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
    const message = { role: "assistant", content: "Done.", timestamp: "2026-01-01T00:00:00Z" };
    const ended = answered(turn(), { session_id: "s", message, citations: [] });

    expect(received(ended, { type: "chat.delta", session_id: "s", text: "late" })).toBe(ended);
  });

  it("keeps no half turn when the turn fails", () => {
    const now = failed(turn(), "Too many questions today.");

    expect(now.messages).toEqual([]);
    expect(now.problem).toBe("Too many questions today.");
  });
});
