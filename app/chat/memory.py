"""What stays of a conversation: the words, without the tools' answers, and of what is long ago a few lines.

A turn's tool calls and what they returned are dropped when the turn is over: the answer names the items, and the next
turn reads them again, as they are then. So the history is questions and answers.
"""

import operator
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from langchain.agents import AgentState
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, RemoveMessage, ToolMessage
from langchain_core.messages.utils import count_tokens_approximately

from app.chat.models import Citation, Message, ToolUse


class ChatState(AgentState[Any]):
    """What is written down: `messages` for the model, `transcript` for people, `summary` of messages that are gone."""

    transcript: Annotated[list[dict[str, Any]], operator.add]
    summary: str


def too_long_ago(messages: Sequence[AnyMessage], *, max_tokens: int) -> list[AnyMessage]:
    """The oldest turns of a history that is too long, about; none: it fits.

    The newest message, which is the question, stays in any case.
    """
    kept, size = list(messages), count_tokens_approximately(messages)
    dropped: list[AnyMessage] = []
    if size <= max_tokens:
        return dropped
    # To two thirds, so that not every turn from now on has to.
    while len(kept) > 1 and size > max_tokens * 2 // 3:
        dropped.append(kept.pop(0))
        while len(kept) > 1 and not isinstance(kept[0], HumanMessage):
            dropped.append(kept.pop(0))
        size = count_tokens_approximately(kept)
    return dropped


def of_this_turn(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """From the last question on."""
    asked = [position for position, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[asked[-1] :]) if asked else []


def replaced(messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The turn before the last question, which is to take its place.

    It is taken out of what is written down by now, and the conversation not read as it was before it: that checkpoint
    may be gone, since it lives no longer than its session did then.
    """
    asked = [position for position, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return list(messages[asked[-2] : asked[-1]])


def forgotten(messages: Sequence[AnyMessage]) -> list[RemoveMessage]:
    """The update that takes these out of the history."""
    return [RemoveMessage(id=str(message.id)) for message in messages]


def settled(messages: Sequence[AnyMessage]) -> list[RemoveMessage]:
    """What takes a finished turn's tool calls out of the history."""
    return forgotten(
        [
            message
            for message in messages
            if isinstance(message, ToolMessage) or (isinstance(message, AIMessage) and message.tool_calls)
        ]
    )


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
