"""Open connections, and how they are written to."""

from functools import cache
from typing import TYPE_CHECKING

from app.platform import aws
from app.platform.settings import RealtimeSettings

if TYPE_CHECKING:
    from app.realtime.gateway import WebSocketGateway
    from app.realtime.store import ConnectionStore


@cache
def connections() -> "ConnectionStore":
    from app.realtime.store import ConnectionStore

    settings = RealtimeSettings()
    return ConnectionStore(
        aws.client("dynamodb"), settings.connections_table, ttl_seconds=settings.connection_ttl_seconds
    )


@cache
def hurried_websocket_gateway() -> "WebSocketGateway":
    """For pushes that whoever is at work must not wait for."""
    from app.realtime.gateway import WebSocketGateway

    settings = RealtimeSettings()
    return WebSocketGateway(
        aws.client("apigatewaymanagementapi", endpoint=settings.websocket_callback_url, is_hurried=True)
    )


@cache
def websocket_gateway() -> "WebSocketGateway":
    from app.realtime.gateway import WebSocketGateway

    settings = RealtimeSettings()
    return WebSocketGateway(aws.client("apigatewaymanagementapi", endpoint=settings.websocket_callback_url))
