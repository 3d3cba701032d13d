"""A turn that another invocation asked for: answered, paid for, and told to whoever listens."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

from app.chat import service
from app.chat.collection import Collection
from app.chat.function import told
from app.chat.live import Listener, Pushes, Watch
from app.chat.models import Answer, Event, Question, Sink, Thread
from app.chat.schemas import AnswerAsked, ChatOut, Thumbnail, TurnAsked
from app.chat.store import SessionStore
from app.platform.errors import AppError
from app.platform.logs import logger, user_hash
from app.platform.settings import ChatSettings
from app.platform.tracing import Fact, Tracer
from app.realtime.models import problem

# No step of an answer to a search begins later: whoever searches has stopped waiting.
ANSWER_WITHIN_S = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """What a turn is answered with. The callables are for what only some turns need, or what is slow to make."""

    sessions: SessionStore
    assistant: Callable[[], service.Assistant]
    collection: Callable[[UUID], Collection]
    settings: ChatSettings
    # Reserves a unit of the user's day, and settles it.
    paying: Callable[[UUID], AbstractContextManager[None]]
    thumbnails: Callable[[UUID, Sequence[UUID]], Thumbnail]
    pushes: Callable[[], Pushes]
    tracer: Tracer


def take(asked: TurnAsked, desk: Desk) -> dict[str, Any]:
    """The answer as `POST /chat` gives it, or `{failed}`; a connection that is named hears all of it as it comes."""
    listener = Listener(desk.pushes(), asked.connection_id, asked.session_id) if asked.connection_id else None
    try:
        answer = _answered(asked, desk, listener or _nobody)
        cited = [citation.item_id for citation in answer.reply.message.citations]
        body = ChatOut.of(answer, desk.thumbnails(asked.user_id, cited)).model_dump(mode="json")
    except AppError as exc:
        logger.warning("not answered", user=user_hash(asked.user_id), reason=type(exc).__name__, detail=exc.detail)
        _end(listener, problem(exc))
        return told(exc)
    except Exception as exc:
        _end(listener, problem(exc))
        raise
    _end(listener, {"type": "chat.done", **body})
    return body


def explain(asked: AnswerAsked, desk: Desk) -> dict[str, Any]:
    """What the items that a search found say to it: `{answer, citations}`, or `{failed}`. No conversation begins."""
    assistant, thread = desk.assistant(), Thread(service.thread_id(asked.user_id, uuid4()))
    found = replace(desk.collection(asked.user_id), selection=tuple(asked.item_ids))
    watched = Watch(_nobody, is_stopped=lambda: False, seconds=ANSWER_WITHIN_S)
    try:
        with desk.paying(asked.user_id):
            reply = assistant.answer(thread, Question(asked.query), collection=found, sink=watched)
    except AppError as exc:
        return told(exc)
    finally:
        assistant.forget(thread.thread_id)
    cited = [str(citation.item_id) for citation in reply.message.citations]
    return {"answer": reply.message.content, "citations": cited}


def _answered(asked: TurnAsked, desk: Desk, sink: Sink) -> Answer:
    user_id, session_id = asked.user_id, asked.session_id
    watched = Watch(
        sink,
        is_stopped=lambda: desk.sessions.is_stopped(user_id, session_id),
        seconds=desk.settings.chat_turn_deadline_s,
    )
    facts: dict[str, Fact] = {"user": user_hash(user_id), "characters": len(asked.message), "is_new": asked.is_new}
    with desk.tracer.span("chat", "chain", facts) as span, desk.paying(user_id):
        answer = service.converse(
            user_id,
            asked.question(),
            session_id=session_id,
            is_new=asked.is_new,
            sessions=desk.sessions,
            assistant=desk.assistant(),
            collection=desk.collection,
            settings=desk.settings,
            sink=watched,
        )
        message = answer.reply.message
        span.note(tools=len(message.tools_used), citations=len(message.citations), model=answer.reply.usage.model)
    return answer


def _nobody(_event: Event) -> None:
    """Nobody listens."""


def _end(listener: Listener | None, message: Mapping[str, Any]) -> None:
    if listener:
        listener.end(message)
