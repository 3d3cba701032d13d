"""A question on its way to the function that answers.

It is announced in its session first, so that it cannot get lost unseen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from app.chat.models import Ticket
from app.chat.schemas import TurnAsked
from app.platform.errors import AppError

_TITLE_LENGTH = 60


class Sessions(Protocol):
    """Where turns are announced (`app.chat.store.SessionStore`)."""

    def announce(
        self, ticket: Ticket, *, question: str, title: str, is_new: bool = False, replaces_turn: int | None = None
    ) -> None: ...

    def release(self, ticket: Ticket, failure: str) -> None: ...


@contextmanager
def announced(asked: TurnAsked, sessions: Sessions) -> Iterator[None]:
    """From here on the turn stands in its session, which waits for it. One that cannot be handed over has failed there.

    Raises:
        NotFound: there is no such session (any more).
        Conflict: another turn is under way; or the one that it is to replace is not the last any more.
    """
    sessions.announce(
        asked.ticket,
        question=asked.message,
        title=title_of(asked.message),
        is_new=asked.is_new,
        replaces_turn=asked.replaces_turn,
    )
    try:
        yield
    except BaseException as exc:
        sessions.release(asked.ticket, failure_of(exc))
        raise


def failure_of(exc: BaseException) -> str:
    """What a session says of a turn that ended like this. The unexpected tells nothing of itself."""
    return exc.detail if isinstance(exc, AppError) else "Something went wrong on our side. Ask again."


def title_of(question: str) -> str:
    """The question in one line, cut between words."""
    words = " ".join(question.split())
    if len(words) <= _TITLE_LENGTH:
        return words
    return f"{words[:_TITLE_LENGTH].rsplit(' ', 1)[0]} …"
