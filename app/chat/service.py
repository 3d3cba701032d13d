"""Talking to one's collection: a turn, and what can be done with conversations."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Protocol
from uuid import UUID

from app.chat.asking import failure_of
from app.chat.collection import Collection
from app.chat.models import Answer, History, Message, Question, Reply, Session, Sink, Thread, Ticket
from app.chat.store import MESSAGES_PER_TURN, Held, SessionStore
from app.platform.errors import Conflict, NotFound
from app.platform.logs import logger, user_hash
from app.platform.settings import ChatSettings


class Assistant(Protocol):
    """Whoever answers, and remembers what was said."""

    def answer(self, thread: Thread, question: Question, *, collection: Collection, sink: Sink) -> Reply:
        """Answer, and write the conversation down as it is then: without the turn that the question replaces.

        Raises:
            app.platform.errors.AppError: no answer; what `thread` names is as it was.
        """
        ...

    def messages(self, thread: Thread) -> list[Message]:
        """What was said up to there, oldest first."""
        ...

    def forget(self, thread_id: str) -> None:
        """Delete everything that is written down of a conversation."""
        ...


def converse(
    ticket: Ticket,
    question: Question,
    *,
    sessions: SessionStore,
    assistant: Callable[[], Assistant],
    collection: Callable[[UUID], Collection],
    settings: ChatSettings,
    sink: Sink,
    paying: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Answer:
    """One turn that was announced, whole or not at all: it is part of its session once there is an answer, and never
    before.

    Args:
        paying: for the answer, while it is made.

    Raises:
        AlreadyBegun: somebody answers, or has; nothing is done.
        Conflict: the session is as long as one may be; or it was lost meanwhile.
        QuotaExceeded, Unavailable, PermanentFailure: nobody answers; the session is as it was, and says so.
    """
    started, user_id = time.perf_counter(), ticket.user_id
    held = sessions.begin(ticket)
    try:
        added = 0 if question.replaces_turn else MESSAGES_PER_TURN
        _refuse_if_full(held.session.message_count + added, settings)
        thread = Thread(thread_id(user_id, ticket.session_id), held.session.checkpoint_id)
        narrowed = replace(collection(user_id), selection=question.item_ids)
        with paying():
            reply = assistant().answer(thread, question, collection=narrowed, sink=sink)
            session = _committed(held, reply, added, sessions, assistant())
    except BaseException as exc:
        sessions.release(ticket, failure_of(exc))
        raise
    elapsed = (time.perf_counter() - started) * 1000
    logger.info(
        "answered",
        user=user_hash(user_id),
        model=reply.usage.model,
        tools=len(reply.message.tools_used),
        citations=len(reply.message.citations),
        removed_citations=reply.removed_citations,
        removed_links=reply.removed_links,
        duration_ms=round(elapsed),
    )
    return Answer(session, session.message_count // MESSAGES_PER_TURN, reply, round(elapsed, 1))


def _refuse_if_full(messages: int, settings: ChatSettings) -> None:
    if messages > settings.chat_turns_max * MESSAGES_PER_TURN:
        raise Conflict(f"After {settings.chat_turns_max} questions a conversation is full. Begin a new one.")


def _committed(held: Held, reply: Reply, added: int, sessions: SessionStore, assistant: Assistant) -> Session:
    try:
        return sessions.commit(held, checkpoint_id=reply.checkpoint_id, messages=added)
    except Conflict:
        _forget_if_deleted(held, sessions, assistant)
        raise


def _forget_if_deleted(held: Held, sessions: SessionStore, assistant: Assistant) -> None:
    """A conversation that was deleted while it was answering leaves nothing behind."""
    user_id, session_id = held.ticket.user_id, held.ticket.session_id
    try:
        sessions.get(user_id, session_id)
    except NotFound:
        assistant.forget(thread_id(user_id, session_id))


def list_sessions(
    user_id: UUID, *, limit: int, cursor: str | None, sessions: SessionStore
) -> tuple[list[Session], str | None]:
    """The user's conversations, the last used first, and the cursor of the next page.

    Raises InvalidInput for a cursor that is not ours.
    """
    return sessions.page(user_id, limit=limit, cursor=cursor)


def history(user_id: UUID, session_id: UUID, *, sessions: SessionStore, assistant: Assistant) -> History:
    """Everything that was said. Raises NotFound, Unavailable."""
    session = sessions.get(user_id, session_id)
    return History(session, assistant.messages(Thread(thread_id(user_id, session_id), session.checkpoint_id)))


def rename(user_id: UUID, session_id: UUID, title: str, *, sessions: SessionStore) -> Session:
    """Raises NotFound."""
    return sessions.rename(user_id, session_id, title)


def delete(user_id: UUID, session_id: UUID, *, sessions: SessionStore, assistant: Assistant) -> None:
    """Forget a conversation with all that is written down of it; what dies in between, TTL takes.

    Raises NotFound.
    """
    sessions.get(user_id, session_id)
    sessions.remove(user_id, session_id)
    assistant.forget(thread_id(user_id, session_id))


def thread_id(user_id: UUID, session_id: UUID) -> str:
    """Whose a thread is stands in its name: another user's session id leads to nothing."""
    return f"{user_id}#{session_id}"
