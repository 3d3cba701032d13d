"""Connecting, disconnecting, and telling a user's open windows that an item moved."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from app.items.models import ItemRef
from app.items.store import ItemStore
from app.platform.auth import TokenVerifier
from app.platform.errors import NotAuthenticated
from app.realtime.gateway import WebSocketGateway
from app.realtime.models import Connection, item_is_duplicate, item_status
from app.realtime.store import ConnectionStore


def connect(
    connection_id: str,
    token: str,
    *,
    verifier: TokenVerifier,
    connections: ConnectionStore,
    is_deleted: Callable[[UUID], bool],
) -> None:
    """Remember whose connection this is.

    Raises:
        NotAuthenticated: the token opens nothing, or not any more; the gateway then refuses the connection.
        Unavailable: it cannot be verified now.
    """
    caller = verifier.verify(token)
    if is_deleted(caller.user_id):
        raise NotAuthenticated("This account is deleted.")
    connections.add(Connection(connection_id, caller.user_id), expires_at=caller.expires_at)


def disconnect(connection_id: str, *, connections: ConnectionStore) -> None:
    connections.remove(connection_id)


def announce(ref: ItemRef, *, items: ItemStore, connections: ConnectionStore, gateway: WebSocketGateway) -> int:
    """Push the item's present status to its owner's connections. Returns how many of them are still open."""
    windows = connections.of_user(ref.user_id)
    message = _message(ref, items) if windows else None
    if message is None:
        return 0
    reached = 0
    for window in windows:
        if gateway.send(window.connection_id, message):
            reached += 1
        else:
            connections.remove(window.connection_id)
    return reached


def _message(ref: ItemRef, items: ItemStore) -> dict[str, Any] | None:
    item = items.get(ref.user_id, ref.item_id)
    if item is None:
        first = items.duplicate_of(ref.user_id, ref.item_id)
        return item_is_duplicate(ref.item_id, first.item_id) if first else None
    error = {"stage": item.error.stage, "code": item.error.code, "message": item.error.message} if item.error else None
    return item_status(item.item_id, item.status, error)
