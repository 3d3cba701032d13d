"""Conversations: what is asked and answered, and what happens meanwhile. Types only, no I/O."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID, uuid4

Role = Literal["user", "assistant"]

# Said where the tools returned nothing that supports an answer.
NOTHING_FOUND = "I found nothing in your collection that answers this."


@dataclass(frozen=True, slots=True)
class Citation:
    """An item that a claim rests on. `[1]` in a text is the first of its citations."""

    item_id: UUID
    headline: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that was called: with what, and what came of it in a few words."""

    tool: str
    input: Mapping[str, Any]
    output: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a turn took. Local models count nothing and cost nothing."""

    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as its reader sees it."""

    role: Role
    content: str
    timestamp: datetime
    citations: tuple[Citation, ...] = ()
    tools_used: tuple[ToolUse, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A turn that is announced in its session. It is answered once, by whoever shows this first."""

    user_id: UUID
    session_id: UUID
    turn_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The last question of a session, while it has no answer. `failure` is why there will be none; None: not yet.

    The turn that it was to replace, if it was, stands until there is an answer.
    """

    question: str
    asked_at: datetime
    failure: str | None = None
    replaces_turn: int | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation. `checkpoint_id` is where its last finished turn left off; None: there is none yet."""

    session_id: UUID
    title: str
    created_at: datetime
    last_activity: datetime
    message_count: int
    expires_at: datetime
    checkpoint_id: str | None = None
    unanswered: Unanswered | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """More of the answer. Words before a `ToolStarted` were thinking aloud: whoever shows them drops them then."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolStarted:
    tool: str
    input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Cited:
    """The answer just cited an item for the first time, as `[number]`."""

    number: int
    citation: Citation


Event = Delta | ToolStarted | Cited
# Told of what happens while it happens. It must not block for long, and what it raises ends the turn.
Sink = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody says, and what the search behind it is bound to."""

    text: str
    top_k: int = 10
    category: str | None = None
    # Items that it is about; none: all of the collection.
    item_ids: tuple[UUID, ...] = ()
    # The last turn, whose place this one takes; from 1.
    replaces_turn: int | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """Where a conversation is kept. None: nothing was said yet."""

    thread_id: str
    checkpoint_id: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is written down at `checkpoint_id`, and counts once the session names that."""

    checkpoint_id: str
    message: Message
    usage: Usage
    # Citations of items that no tool had returned, and links that were not the user's own.
    removed_citations: int = 0
    removed_links: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished turn, and its session as it is since. `turn` counts from 1."""

    session: Session
    turn: int
    reply: Reply
    response_time_ms: float


@dataclass(frozen=True, slots=True)
class History:
    session: Session
    messages: Sequence[Message] = field(default_factory=tuple)
