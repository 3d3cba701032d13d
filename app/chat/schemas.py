"""Conversations over HTTP, the WebSocket, and between functions: one form for all.

No web framework here: the function that holds the WebSocket's connections has none.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID, uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.chat.models import Answer, Citation, Message, Question, Role, Session, Ticket, Unanswered
from app.search.models import SearchFilter

# A presigned link to an item's thumbnail; None for an item that is gone.
Thumbnail = Callable[[UUID], str | None]


def _clean(text: str) -> str:
    """Text that PostgreSQL can carry; what it cannot is a space."""
    return text.replace("\x00", " ")


Text = Annotated[str, AfterValidator(_clean)]


class ChatIn(BaseModel):
    """One message, into a conversation or beginning one. `item_ids` narrow it to these items.

    With `replaces_turn`, the number of the last turn (`conversation_turn`), it takes that turn's place: to have it
    answered again, or to ask otherwise. Until there is an answer, the old one stands.
    """

    model_config = ConfigDict(extra="forbid")

    message: Text = Field(min_length=1, max_length=4000)
    session_id: UUID | None = None
    top_k: int = Field(default=10, ge=1, le=20)
    category_filter: Text | None = Field(default=None, max_length=64)
    item_ids: list[UUID] = Field(default_factory=list, max_length=20)
    replaces_turn: int | None = Field(default=None, ge=1, le=10_000)

    @model_validator(mode="after")
    def _replaces_something(self) -> Self:
        if self.replaces_turn is not None and self.session_id is None:
            raise ValueError("replaces_turn needs the session_id of its conversation")
        return self


class SessionEdit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Text = Field(min_length=1, max_length=200)


class TurnAsked(BaseModel):
    """A turn on its way to the function that answers. Its session has an id from the start, also when it is new."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
    session_id: UUID
    # Deliveries of one turn have one id: it is answered once.
    turn_id: UUID
    is_new: bool
    message: str
    top_k: int
    category_filter: str | None
    item_ids: list[UUID]
    replaces_turn: int | None = None
    # Who listens meanwhile.
    connection_id: str | None = None

    @classmethod
    def of(cls, user_id: UUID, body: ChatIn, *, connection_id: str | None = None) -> Self:
        return cls(
            user_id=user_id,
            session_id=body.session_id or uuid4(),
            turn_id=uuid4(),
            is_new=body.session_id is None,
            message=body.message,
            top_k=body.top_k,
            category_filter=body.category_filter,
            item_ids=body.item_ids,
            replaces_turn=body.replaces_turn,
            connection_id=connection_id,
        )

    @property
    def ticket(self) -> Ticket:
        return Ticket(self.user_id, self.session_id, self.turn_id)

    def question(self) -> Question:
        return Question(self.message, self.top_k, self.category_filter, tuple(self.item_ids), self.replaces_turn)


class AnswerAsked(BaseModel):
    """A search that is to be answered from what it found, on its way to the function that answers."""

    user_id: UUID
    query: str
    item_ids: list[UUID]
    # None: the configured one.
    model: str | None = None
    # No step of the answer begins later: whoever searches has stopped waiting.
    within_s: float = 20


class SearchAsked(BaseModel):
    """A search that is to be planned, on its way to the function that has the model."""

    user_id: UUID
    query: str
    top_k: int
    narrow: SearchFilter
    min_similarity: float | None = None
    model: str | None = None
    # It is over by then, plan and all.
    within_s: float = 20


class CitationOut(BaseModel):
    """`[1]` in a text is the first of its citations. An item that is gone has no thumbnail."""

    item_id: UUID
    headline: str
    thumbnail_url: str | None


class ToolUseOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    tool: str
    input: dict[str, Any]
    output: str


class MessageOut(BaseModel):
    role: Role
    content: str
    timestamp: datetime


class HistoryMessage(MessageOut):
    citations: list[CitationOut]
    tools_used: list[ToolUseOut]

    @classmethod
    def of(cls, message: Message, thumbnail: Thumbnail) -> Self:
        return cls(
            role=message.role,
            content=message.content,
            timestamp=message.timestamp,
            citations=_citations(message, thumbnail),
            tools_used=_tools(message),
        )


class ChatUsage(BaseModel):
    """What the turn took. `removed_*` count what the answer claimed and could not show."""

    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    removed_citations: int
    removed_links: int


class ChatOut(BaseModel):
    session_id: UUID
    message: MessageOut
    citations: list[CitationOut]
    tools_used: list[ToolUseOut]
    conversation_turn: int
    usage: ChatUsage
    response_time_ms: float

    @classmethod
    def of(cls, answer: Answer, thumbnail: Thumbnail) -> Self:
        reply, message = answer.reply, answer.reply.message
        return cls(
            session_id=answer.session.session_id,
            message=MessageOut(role=message.role, content=message.content, timestamp=message.timestamp),
            citations=_citations(message, thumbnail),
            tools_used=_tools(message),
            conversation_turn=answer.turn,
            usage=ChatUsage(
                model=reply.usage.model,
                input_tokens=reply.usage.input_tokens,
                output_tokens=reply.usage.output_tokens,
                cost_usd=float(reply.usage.cost_usd),
                removed_citations=reply.removed_citations,
                removed_links=reply.removed_links,
            ),
            response_time_ms=answer.response_time_ms,
        )


class ChatRunning(BaseModel):
    """The answer takes longer, and will stand in the history."""

    session_id: UUID
    status: Literal["running"] = "running"
    history: str


class SessionOut(BaseModel):
    session_id: UUID
    title: str
    created_at: datetime
    last_activity: datetime
    message_count: int
    expires_at: datetime

    @classmethod
    def of(cls, session: Session) -> Self:
        return cls.model_validate(session, from_attributes=True)


class SessionsOut(BaseModel):
    sessions: list[SessionOut]
    next_cursor: str | None


class UnansweredOut(BaseModel):
    """The last question, while it has no answer: it is under way, or failed, and `detail` says how. Asking again is
    what helps then; a question that failed is in no message. One with `replaces_turn` was to take that turn's place,
    which stands until then."""

    status: Literal["running", "failed"]
    content: str
    timestamp: datetime
    detail: str | None
    replaces_turn: int | None

    @classmethod
    def of(cls, unanswered: Unanswered) -> Self:
        return cls(
            status="failed" if unanswered.failure else "running",
            content=unanswered.question,
            timestamp=unanswered.asked_at,
            detail=unanswered.failure,
            replaces_turn=unanswered.replaces_turn,
        )


class HistoryOut(BaseModel):
    session_id: UUID
    messages: list[HistoryMessage]
    unanswered: UnansweredOut | None
    created_at: datetime
    last_activity: datetime
    message_count: int


def _citations(message: Message, thumbnail: Thumbnail) -> list[CitationOut]:
    return [_citation(citation, thumbnail) for citation in message.citations]


def _citation(citation: Citation, thumbnail: Thumbnail) -> CitationOut:
    return CitationOut(item_id=citation.item_id, headline=citation.headline, thumbnail_url=thumbnail(citation.item_id))


def _tools(message: Message) -> list[ToolUseOut]:
    return [ToolUseOut(tool=use.tool, input=dict(use.input), output=use.output) for use in message.tools_used]
