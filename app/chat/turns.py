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
from app.chat.schemas import AnswerAsked, ChatOut, SearchAsked, Thumbnail, TurnAsked
from app.chat.store import AlreadyBegun, SessionStore
from app.platform.errors import AppError
from app.platform.logs import logger, user_hash
from app.platform.settings import ChatSettings, SearchSettings
from app.platform.tracing import Fact, Tracer
from app.realtime.models import problem
from app.search import service as search
from app.search.agentic import EXPLORED, Find, Known, Planner, explore
from app.search.models import SearchType


@dataclass(frozen=True, slots=True)
class Desk:
    """What a turn is answered with. The callables are for what only some turns need, or what is slow to make."""

    sessions: SessionStore
    # By the model that is named; none: the configured one.
    assistant: Callable[..., service.Assistant]
    planner: Callable[[str | None], Planner]
    collection: Callable[[UUID], Collection]
    # Searches one user's items, and what their filters can say.
    find: Callable[[UUID], Find]
    known: Callable[[UUID], Known]
    search_settings: SearchSettings
    settings: ChatSettings
    # Reserves a unit of the user's day, and settles it.
    paying: Callable[[UUID], AbstractContextManager[None]]
    thumbnails: Callable[[UUID, Sequence[UUID]], Thumbnail]
    pushes: Callable[[], Pushes]
    tracer: Tracer


def take(asked: TurnAsked, desk: Desk) -> dict[str, Any]:
    """The answer as `POST /chat` gives it, or `{failed}`; a connection that is named hears all of it as it comes.

    A turn that is delivered again is answered no second time, and whoever listens to the first hears nothing of it.
    """
    listener = Listener(desk.pushes(), asked.connection_id, asked.session_id) if asked.connection_id else None
    try:
        answer = _answered(asked, desk, listener or _nobody)
        cited = [citation.item_id for citation in answer.reply.message.citations]
        body = ChatOut.of(answer, desk.thumbnails(asked.user_id, cited)).model_dump(mode="json")
    except AlreadyBegun as exc:
        logger.warning("delivered again", user=user_hash(asked.user_id))
        return told(exc)
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
    assistant, thread = desk.assistant(asked.model), Thread(service.thread_id(asked.user_id, uuid4()))
    found = replace(desk.collection(asked.user_id), selection=tuple(asked.item_ids))
    watched = Watch(_nobody, is_stopped=lambda: False, seconds=asked.within_s)
    try:
        with desk.paying(asked.user_id):
            reply = assistant.answer(thread, Question(asked.query), collection=found, sink=watched)
    except AppError as exc:
        return told(exc)
    finally:
        assistant.forget(thread.thread_id)
    cited = [str(citation.item_id) for citation in reply.message.citations]
    return {"answer": reply.message.content, "citations": cited}


def look(asked: SearchAsked, desk: Desk) -> dict[str, Any]:
    """What a planned search finds (`Explored`), or `{failed}`. It is a unit of the user's day, as an answer is."""
    user_id = asked.user_id
    searched = search.Question(
        asked.query, SearchType.HYBRID, asked.top_k, asked.narrow, min_similarity=asked.min_similarity
    )
    # The last round may take a call to the model.
    seconds = asked.within_s - desk.settings.plan_deadline_s
    facts: dict[str, Fact] = {"user": user_hash(user_id), "query_characters": len(asked.query)}
    try:
        with desk.tracer.span("agentic search", "chain", facts) as span, desk.paying(user_id):
            found = explore(
                searched,
                find=desk.find(user_id),
                planner=lambda: desk.planner(asked.model),
                known=lambda: desk.known(user_id),
                settings=desk.search_settings,
                seconds=seconds,
            )
            span.note(searches=len(found.tools_used), hits=len(found.hits))
    except AppError as exc:
        logger.warning("not planned", user=user_hash(user_id), reason=type(exc).__name__, detail=exc.detail)
        return told(exc)
    logger.info("explored", user=user_hash(user_id), searches=len(found.tools_used), hits=len(found.hits))
    body: dict[str, Any] = EXPLORED.dump_python(found, mode="json")
    return body


def _answered(asked: TurnAsked, desk: Desk, sink: Sink) -> Answer:
    user_id, ticket = asked.user_id, asked.ticket
    watched = Watch(
        sink,
        is_stopped=lambda: not desk.sessions.goes_on(ticket),
        seconds=desk.settings.chat_turn_deadline_s,
    )
    facts: dict[str, Fact] = {"user": user_hash(user_id), "characters": len(asked.message), "is_new": asked.is_new}
    with desk.tracer.span("chat", "chain", facts) as span:
        answer = service.converse(
            ticket,
            asked.question(),
            sessions=desk.sessions,
            assistant=desk.assistant,
            collection=desk.collection,
            settings=desk.settings,
            sink=watched,
            paying=lambda: desk.paying(user_id),
        )
        message = answer.reply.message
        span.note(tools=len(message.tools_used), citations=len(message.citations), model=answer.reply.usage.model)
    return answer


def _nobody(_event: Event) -> None:
    """Nobody listens."""


def _end(listener: Listener | None, message: Mapping[str, Any]) -> None:
    if listener:
        listener.end(message)
