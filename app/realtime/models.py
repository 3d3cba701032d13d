"""Live updates: who is connected, and what they are told."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Connection:
    """One open WebSocket of one user."""

    connection_id: str
    user_id: UUID


def item_status(item_id: UUID, status: str, error: dict[str, str] | None) -> dict[str, Any]:
    """The message that an item moved."""
    message: dict[str, Any] = {"type": "item.status", "item_id": str(item_id), "status": status}
    return message | ({"error": error} if error else {})
