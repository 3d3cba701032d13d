"""Pushing to WebSocket clients through API Gateway's management endpoint."""

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.logs import logger


class _Push(Enum):
    """What became of one message."""

    SENT = auto()
    FAILED = auto()
    GONE = auto()


class WebSocketGateway:
    """`PostToConnection`, through a boto3 apigatewaymanagementapi client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, connection_id: str, message: Mapping[str, Any]) -> bool:
        """Push one message. False: the client is gone. A push is best effort: the state is in the API."""
        return self._post(connection_id, message) is not _Push.GONE

    def deliver(self, connection_id: str, message: Mapping[str, Any]) -> bool:
        """Push one message of several. False: it did not get there, and the next ones need not be tried."""
        return self._post(connection_id, message) is _Push.SENT

    def _post(self, connection_id: str, message: Mapping[str, Any]) -> "_Push":
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=json.dumps(message).encode())
        except self._client.exceptions.GoneException:
            return _Push.GONE
        except (ClientError, EndpointError, HTTPClientError) as exc:
            logger.warning("push failed", connection_id=connection_id, reason=type(exc).__name__)
            return _Push.FAILED
        return _Push.SENT

    def close(self, connection_id: str) -> None:
        """End a connection, or find it gone. Best effort, as pushes are: none lasts longer than two hours."""
        try:
            self._client.delete_connection(ConnectionId=connection_id)
        except self._client.exceptions.GoneException:
            return
        except (ClientError, EndpointError, HTTPClientError) as exc:
            logger.warning("not closed", connection_id=connection_id, reason=type(exc).__name__)
