"""What an account is to its owner. Types only, no I/O."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from app.items.models import Item


@dataclass(frozen=True, slots=True)
class Profile:
    """What the identity provider knows of a user."""

    email: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Holdings:
    """How much of a user's is kept."""

    items: int
    # Of the originals.
    bytes: int


@dataclass(frozen=True, slots=True)
class ExportedItem:
    """An item with all that was ever said about it."""

    item: Item
    # Every version, oldest first, as JSON.
    analyses: list[dict[str, Any]]


class PersonalData(Protocol):
    """One store, as the deletion of an account sees it."""

    name: str

    def remove_some(self, user_id: UUID) -> int:
        """Remove as much of the user's as takes a few seconds. Returns how much; 0: there is nothing left.

        Raises:
            Unavailable: the store does not answer, or kept something.
        """
        ...

    def count(self, user_id: UUID) -> dict[str, int]:
        """How much of the user's is there, by kind."""
        ...
