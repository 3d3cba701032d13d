"""Live updates: who is connected, and what they are told."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.platform.errors import AppError
from app.platform.status import retry_after, status_of, title


@dataclass(frozen=True, slots=True)
class Connection:
    """One open WebSocket of one user."""

    connection_id: str
    user_id: UUID


def item_is_duplicate(item_id: UUID, of: UUID) -> dict[str, Any]:
    """The message that an upload turned out to be an item that is there already; its own id shows that one now."""
    return {"type": "item.status", "item_id": str(item_id), "status": "duplicate", "duplicate_of": str(of)}


def item_status(item_id: UUID, status: str, error: dict[str, str] | None) -> dict[str, Any]:
    """The message that an item moved."""
    message: dict[str, Any] = {"type": "item.status", "item_id": str(item_id), "status": status}
    return message | ({"error": error} if error else {})


def problem(exc: Exception) -> dict[str, Any]:
    """The message that something cannot be done: an RFC 9457 problem. The unexpected tells nothing of itself."""
    if not isinstance(exc, AppError):
        return {"type": "error", "status": 500, "title": title(500), "detail": "Something went wrong on our side."}
    status, seconds = status_of(exc), retry_after(exc)
    message = {"type": "error", "status": int(status), "title": title(status), "detail": exc.detail}
    return message if seconds is None else {**message, "retry_after": seconds}
