import type { LiveMessage } from "../platform/live";

/** One message as it is shown. `tools` and `citations` belong to answers. */
export interface Message {
  role: "user" | "assistant";
  content: string;
  timestamp?: string;
  tools: Tool[];
  citations: Citation[];
  isStreaming?: boolean;
  /** It was stopped: this is as far as it came. The server keeps nothing of it. */
  isStopped?: boolean;
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
  /** How many messages the server has: none of a turn that is under way, failed or was stopped. */
  kept: number;
  problem: string | null;
  /** The question that got no answer, while the problem is told. */
  unanswered: string | null;
  /** What is shown again if the turn that is under way fails. */
  before: Message[];
}

export const nothing: Conversation = {
  sessionId: null,
  messages: [],
  kept: 0,
  problem: null,
  unanswered: null,
  before: [],
};

/** The question is asked: it stands there at once, and an empty answer waits below it. */
export function asked(conversation: Conversation, content: string): Conversation {
  return begun(conversation, content, conversation.messages);
}

/** The last question is asked again: the new answer stands in the place of the one before. */
export function askedAgain(conversation: Conversation, content: string): Conversation {
  const place = conversation.messages.findLastIndex(({ role }) => role === "user");
  return begun(conversation, content, conversation.messages.slice(0, Math.max(place, 0)));
}

function begun(conversation: Conversation, content: string, earlier: Message[]): Conversation {
  const question: Message = { role: "user", content, tools: [], citations: [] };
  const answer: Message = { role: "assistant", content: "", tools: [], citations: [], isStreaming: true };
  // What the server keeps nothing of begins anew there.
  const sessionId = conversation.kept > 0 ? conversation.sessionId : null;
  const before = conversation.messages;
  return {
    ...conversation,
    sessionId,
    problem: null,
    unanswered: null,
    before,
    messages: [...earlier, question, answer],
  };
}

/** What one pushed message makes of the conversation; those of other sessions change nothing. */
export function received(conversation: Conversation, message: LiveMessage): Conversation {
  const session = message["session_id"] as string | undefined;
  if (!conversation.messages.at(-1)?.isStreaming) return conversation;
  if (conversation.sessionId && session && session !== conversation.sessionId) return conversation;
  const here = { ...conversation, sessionId: session ?? conversation.sessionId };
  switch (message.type) {
    case "chat.started":
      return here;
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
  return changed({ ...conversation, sessionId: session_id, kept: conversation.kept + 2 }, (answer) => ({
    ...answer,
    content,
    timestamp,
    citations,
    isStreaming: false,
  }));
}

/** The turn failed: the server keeps no half turn, and neither does the page. */
export function failed(conversation: Conversation, problem: string): Conversation {
  const question = conversation.messages.findLast(({ role }) => role === "user");
  return { ...conversation, problem, unanswered: question?.content ?? null, messages: conversation.before };
}

/** The reader has enough: what there is of the answer stays, and says so. */
export function stopped(conversation: Conversation): Conversation {
  if (!isAnswering(conversation)) return conversation;
  return changed(conversation, (answer) => ({ ...answer, isStreaming: false, isStopped: true }));
}

export const isAnswering = ({ messages }: Conversation): boolean => messages.at(-1)?.isStreaming ?? false;

/** What the server remembers of a conversation. */
export interface History {
  messages: { role: "user" | "assistant"; content: string; citations: Citation[]; tools_used: Tool[] }[];
  /** The last question, if it has no answer (yet). */
  unanswered?: { status: "running" | "failed"; content: string; detail: string | null } | null;
}

export function remembered(sessionId: string, { messages, unanswered }: History): Conversation {
  const known: Conversation = {
    ...nothing,
    sessionId,
    kept: messages.length,
    messages: messages.map(({ role, content, citations, tools_used: tools }) => ({ role, content, citations, tools })),
  };
  if (!unanswered) return known;
  const waiting = asked(known, unanswered.content);
  return unanswered.status === "running" ? waiting : failed(waiting, unanswered.detail ?? "");
}

function changed(conversation: Conversation, change: (answer: Message) => Message): Conversation {
  const last = conversation.messages.at(-1);
  if (!last) return conversation;
  return { ...conversation, messages: [...conversation.messages.slice(0, -1), change(last)] };
}
