"""One turn while it goes on: what its tools are bound to, what they have returned, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable
from uuid import UUID

from app.chat.collection import Collection, Entry
from app.chat.models import Message, Question, Usage
from app.chat.summaries import Summary


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the web that a search found."""

    title: str
    url: str
    content: str


@runtime_checkable
class Web(Protocol):
    """Searches the web. Checkable, because pydantic looks into whatever tools are bound to."""

    def search(self, query: str) -> list[Page]:
        """Raises app.platform.errors.Unavailable, PermanentFailure."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished turn: the answer as its reader gets it, and what was taken out of it."""

    message: Message
    usage: Usage
    removed_citations: int
    removed_links: int


@dataclass(slots=True)
class Turn:
    """Whose collection the tools read was decided before the model saw anything; only what they return can be cited."""

    collection: Collection
    question: Question
    web: Web | None = None
    # Of the items that tools have returned.
    headlines: dict[UUID, str] = field(default_factory=dict)
    # What the user wrote, where links are their own.
    own_texts: list[str] = field(default_factory=list)
    # Made of what no longer fitted in this turn.
    summary: Summary = field(default_factory=Summary)
    outcome: Outcome | None = None

    def saw(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self.headlines[entry.item_id] = entry.headline
            if entry.own_words:
                self.own_texts.append(entry.own_words)
