"""Connecting, disconnecting, and telling a user's open windows that an item moved."""

from app.items.models import ItemRef
from app.items.store import ItemStore
from app.platform.auth import TokenVerifier
from app.realtime.gateway import WebSocketGateway
from app.realtime.models import Connection, item_status
from app.realtime.store import ConnectionStore


def connect(connection_id: str, token: str, *, verifier: TokenVerifier, connections: ConnectionStore) -> None:
    """Remember whose connection this is.

    Raises:
        NotAuthenticated: the token opens nothing; the gateway then refuses the connection.
        Unavailable: it cannot be verified now.
    """
    caller = verifier.verify(token)
    connections.add(Connection(connection_id, caller.user_id))


def disconnect(connection_id: str, *, connections: ConnectionStore) -> None:
    connections.remove(connection_id)


def announce(ref: ItemRef, *, items: ItemStore, connections: ConnectionStore, gateway: WebSocketGateway) -> int:
    """Push the item's present status to its owner's connections. Returns how many of them are still open."""
    windows = connections.of_user(ref.user_id)
    item = items.get(ref.user_id, ref.item_id) if windows else None
    if item is None:
        return 0
    error = {"stage": item.error.stage, "code": item.error.code, "message": item.error.message} if item.error else None
    reached = 0
    for window in windows:
        if gateway.send(window.connection_id, item_status(item.item_id, item.status, error)):
            reached += 1
        else:
            connections.remove(window.connection_id)
    return reached
