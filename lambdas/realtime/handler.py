"""WebSocket connections, what is said over them, and item events pushed to them."""

from collections.abc import Mapping
from typing import Any

from app.items.models import ItemRef
from app.platform import wiring
from app.platform.build_info import probed
from app.platform.errors import NotAuthenticated, Unavailable
from app.platform.events import DuplicateFound, ItemEvent, ItemFailed, ItemReady
from app.realtime import questions, service

_EVENTS: dict[str, type[ItemEvent]] = {event.detail_type: event for event in (ItemReady, ItemFailed, DuplicateFound)}


@probed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    if "detail-type" in event:
        return {"reached": _announce(event)}
    return {"statusCode": _route(event)}


def _announce(envelope: Mapping[str, Any]) -> int:
    event = _EVENTS[envelope["detail-type"]].from_envelope(envelope)
    return service.announce(
        ItemRef(event.user_id, event.item_id, event.generation),
        items=wiring.items(),
        connections=wiring.connections(),
        gateway=wiring.websocket_gateway(),
    )


def _route(event: Mapping[str, Any]) -> int:
    context = event["requestContext"]
    connection_id = context["connectionId"]
    if context["routeKey"] == "$connect":
        token = (event.get("queryStringParameters") or {}).get("token", "")
        try:
            service.connect(
                connection_id,
                token,
                verifier=wiring.token_verifier(),
                connections=wiring.connections(),
                is_deleted=wiring.account().is_deleted,
            )
        except NotAuthenticated:
            return 401
        except Unavailable:
            return 503
    elif context["routeKey"] == "$disconnect":
        service.disconnect(connection_id, connections=wiring.connections())
    else:
        _hear(connection_id, event.get("body") or "")
    return 200


def _hear(connection_id: str, text: str) -> None:
    questions.hear(
        connection_id,
        text,
        connections=wiring.connections(),
        gateway=wiring.websocket_gateway(),
        limiter=wiring.rate_limiter(),
        turns=wiring.chat_function(),
        sessions=wiring.chat_sessions(),
    )
