import type { LiveMessage } from "../platform/live";

/** One message as it is shown. `tools` and `citations` belong to answers. */
export interface Message {
  role: "user" | "assistant";
  content: string;
  timestamp?: string;
  tools: Tool[];
  citations: Citation[];
  isStreaming?: boolean;
}

export interface Tool {
  tool: string;
  input: unknown;
}

export interface Citation {
  item_id: string;
  headline: string;
  thumbnail_url: string;
}

export interface Conversation {
  sessionId: string | null;
  messages: Message[];
  problem: string | null;
}

export const nothing: Conversation = { sessionId: null, messages: [], problem: null };

/** The question is asked: it stands there at once, and an empty answer waits below it. */
export function asked(conversation: Conversation, content: string): Conversation {
  const question: Message = { role: "user", content, tools: [], citations: [] };
  const answer: Message = { role: "assistant", content: "", tools: [], citations: [], isStreaming: true };
  return { ...conversation, problem: null, messages: [...conversation.messages, question, answer] };
}

/** What one pushed message makes of the conversation; those of other sessions change nothing. */
export function received(conversation: Conversation, message: LiveMessage): Conversation {
  const session = message["session_id"] as string | undefined;
  if (!conversation.messages.at(-1)?.isStreaming) return conversation;
  if (conversation.sessionId && session && session !== conversation.sessionId) return conversation;
  const here = { ...conversation, sessionId: session ?? conversation.sessionId };
  switch (message.type) {
    case "chat.delta":
      return changed(here, (answer) => ({ ...answer, content: answer.content + String(message["text"]) }));
    case "chat.tool":
      // What was said before a tool is thinking aloud; the answer begins after the last one.
      return changed(here, (answer) => ({
        ...answer,
        content: "",
        tools: [...answer.tools, { tool: String(message["tool"]), input: message["input"] }],
      }));
    case "chat.done":
      return answered(here, message as unknown as Answer);
    case "error":
      return failed(here, String(message["detail"] ?? message["title"] ?? ""));
    default:
      return conversation;
  }
}

/** The answer to POST /chat, and of `chat.done`. */
export interface Answer {
  session_id: string;
  message: { role: string; content: string; timestamp: string };
  citations: Citation[];
}

export function answered(conversation: Conversation, { session_id, message, citations }: Answer): Conversation {
  const { content, timestamp } = message;
  return changed({ ...conversation, sessionId: session_id }, (answer) => ({
    ...answer,
    content,
    timestamp,
    citations,
    isStreaming: false,
  }));
}

/** The turn failed: the server keeps no half turn, and neither does the page. */
export function failed(conversation: Conversation, problem: string): Conversation {
  return { ...conversation, problem, messages: conversation.messages.slice(0, -2) };
}

function changed(conversation: Conversation, change: (answer: Message) => Message): Conversation {
  const last = conversation.messages.at(-1);
  if (!last) return conversation;
  return { ...conversation, messages: [...conversation.messages.slice(0, -1), change(last)] };
}
