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
  /** Whether that turn, or the one that failed, takes the place of the last one. */
  isAgain: boolean;
}

export const nothing: Conversation = {
  sessionId: null,
  messages: [],
  kept: 0,
  problem: null,
  unanswered: null,
  before: [],
  isAgain: false,
};

/** The question is asked: it stands there at once, and an empty answer waits below it. */
export function asked(conversation: Conversation, content: string): Conversation {
  return begun(conversation, content, conversation.messages, false);
}

/**
 * The last question is asked again: the new answer stands in the place of the one before. One that was stopped has no
 * place on the server, which takes the question for a new one.
 */
export function askedAgain(conversation: Conversation, content: string): Conversation {
  const place = conversation.messages.findLastIndex(({ role }) => role === "user");
  const isAgain = conversation.kept > 0 && !conversation.messages.at(-1)?.isStopped;
  return begun(conversation, content, conversation.messages.slice(0, Math.max(place, 0)), isAgain);
}

function begun(conversation: Conversation, content: string, earlier: Message[], isAgain: boolean): Conversation {
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
    isAgain,
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
  conversation_turn: number;
}

// A question and its answer.
const PER_TURN = 2;

/** The number of the last turn that the server has. */
export const lastTurn = ({ kept }: Conversation): number => kept / PER_TURN;

export function answered(conversation: Conversation, answer: Answer): Conversation {
  const { content, timestamp } = answer.message;
  const kept = answer.conversation_turn * PER_TURN;
  return changed({ ...conversation, sessionId: answer.session_id, kept }, (message) => ({
    ...message,
    content,
    timestamp,
    citations: answer.citations,
    isStreaming: false,
  }));
}

/** The turn failed: the server keeps no half turn, and neither does the page. */
export function failed(conversation: Conversation, problem: string): Conversation {
  const question = conversation.messages.findLast(({ role }) => role === "user");
  return { ...conversation, problem, unanswered: question?.content ?? null, messages: conversation.before };
}

/** The reader has enough: what there is of the answer stays, and says so; unless it was to replace one, which stays. */
export function stopped(conversation: Conversation): Conversation {
  if (!isAnswering(conversation)) return conversation;
  if (conversation.isAgain) return { ...conversation, messages: conversation.before };
  return changed(conversation, (answer) => ({ ...answer, isStreaming: false, isStopped: true }));
}

export const isAnswering = ({ messages }: Conversation): boolean => messages.at(-1)?.isStreaming ?? false;

/** What the server remembers of a conversation. */
export interface History {
  messages: {
    role: "user" | "assistant";
    content: string;
    timestamp: string;
    citations: Citation[];
    tools_used: Tool[];
  }[];
  /** The last question, if it has no answer (yet). */
  unanswered?: {
    status: "running" | "failed";
    content: string;
    detail: string | null;
    replaces_turn: number | null;
  } | null;
}

export function remembered(sessionId: string, { messages, unanswered }: History): Conversation {
  const known: Conversation = {
    ...nothing,
    sessionId,
    kept: messages.length,
    messages: messages.map(({ tools_used: tools, ...message }) => ({ ...message, tools })),
  };
  if (!unanswered) return known;
  const waiting = (unanswered.replaces_turn ? askedAgain : asked)(known, unanswered.content);
  return unanswered.status === "running" ? waiting : failed(waiting, unanswered.detail ?? "");
}

/** When the last answer was given that the server has, apart from the turn that is under way; null: there is none. */
export const answeredAt = ({ before }: Conversation): string | null =>
  before.findLast(({ role, timestamp }) => role === "assistant" && timestamp)?.timestamp ?? null;

function changed(conversation: Conversation, change: (answer: Message) => Message): Conversation {
  const last = conversation.messages.at(-1);
  if (!last) return conversation;
  return { ...conversation, messages: [...conversation.messages.slice(0, -1), change(last)] };
}
