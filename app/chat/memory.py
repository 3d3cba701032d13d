"""What stays of a conversation: the words, without the tools' answers, and of what is long ago a few lines.

A turn's tool calls and what they returned are dropped when the turn is over: the answer names the items, and the next
turn reads them again, as they are then. So the history is questions and answers.
"""

import operator
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID
from xml.sax.saxutils import escape

from langchain.agents import AgentState
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from app.chat.models import Citation, Message, ToolUse

_SUMMARY_LENGTH = 3000
_QUESTION_LENGTH, _ANSWER_LENGTH = 200, 300


class ChatState(AgentState[Any]):
    """What is written down: `messages` for the model, `transcript` for people, `summary` of messages that are gone."""

    transcript: Annotated[list[dict[str, Any]], operator.add]
    summary: str


def trimmed(messages: Sequence[AnyMessage], summary: str, *, max_tokens: int) -> dict[str, Any] | None:
    """The update that takes the oldest turns out of a history that is too long, and adds them to the summary.

    The newest message, which is the question, stays in any case. None: it fits.
    """
    kept, size = list(messages), count_tokens_approximately(messages)
    if size <= max_tokens:
        return None
    dropped: list[AnyMessage] = []
    # To two thirds, so that not every turn from now on has to.
    while len(kept) > 1 and size > max_tokens * 2 // 3:
        dropped.append(kept.pop(0))
        while len(kept) > 1 and not isinstance(kept[0], HumanMessage):
            dropped.append(kept.pop(0))
        size = count_tokens_approximately(kept)
    return {
        "messages": [RemoveMessage(id=str(message.id)) for message in dropped],
        "summary": _summarised(summary, dropped),
    }


def _summarised(summary: str, messages: Sequence[AnyMessage]) -> str:
    """A line for each question and answer. Not by a model: it costs nothing, takes no time and follows no orders."""
    lines = [summary] if summary else []
    for message in messages:
        text = escape(" ".join(message.text.split()))
        if isinstance(message, HumanMessage):
            lines.append(f"Asked: {text[:_QUESTION_LENGTH]}")
        else:
            lines.append(f"Answered: {text[:_ANSWER_LENGTH]}")
    return "\n".join(lines)[-_SUMMARY_LENGTH:]


def of_this_turn(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """From the last question on."""
    asked = [position for position, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[asked[-1] :]) if asked else []


def settled(messages: Sequence[AnyMessage]) -> list[RemoveMessage]:
    """What takes a finished turn's tool calls out of the history."""
    return [
        RemoveMessage(id=str(message.id))
        for message in messages
        if isinstance(message, ToolMessage) or (isinstance(message, AIMessage) and message.tool_calls)
    ]


def tools_used(messages: Sequence[AnyMessage]) -> tuple[ToolUse, ...]:
    """The tools called in these messages, in order, with what came of each."""
    results = {message.tool_call_id: message for message in messages if isinstance(message, ToolMessage)}
    return tuple(
        ToolUse(call["name"], call["args"], _outcome(results.get(str(call["id"]))))
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    )


def _outcome(result: ToolMessage | None) -> str:
    if result is None or result.status == "error":
        return "not done"
    found = result.artifact if isinstance(result.artifact, dict) else {}
    for name, one in (("pages", "page"), ("items", "item")):
        if name in found:
            count = found.get("total", len(found[name]))
            return f"{count} {one if count == 1 else name}"
    return "not done"


def written(message: Message) -> dict[str, Any]:
    """A message as it is written down: plain values."""
    return {
        "role": message.role,
        "content": message.content,
        "timestamp": message.timestamp.isoformat(),
        "citations": [[str(citation.item_id), citation.headline] for citation in message.citations],
        "tools_used": [[use.tool, dict(use.input), use.output] for use in message.tools_used],
    }


def read(entry: Mapping[str, Any]) -> Message:
    return Message(
        role=entry["role"],
        content=entry["content"],
        timestamp=datetime.fromisoformat(entry["timestamp"]).astimezone(UTC),
        citations=tuple(Citation(UUID(item_id), headline) for item_id, headline in entry["citations"]),
        tools_used=tuple(ToolUse(*use) for use in entry["tools_used"]),
    )
