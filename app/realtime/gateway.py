"""Pushing to WebSocket clients through API Gateway's management endpoint."""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.logs import logger


class WebSocketGateway:
    """`PostToConnection`, through a boto3 apigatewaymanagementapi client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send(self, connection_id: str, message: Mapping[str, Any]) -> bool:
        """Push one message. False: the client is gone. A push is best effort: the state is in the API."""
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=json.dumps(message).encode())
        except self._client.exceptions.GoneException:
            return False
        except (ClientError, EndpointError, HTTPClientError) as exc:
            logger.warning("push failed", connection_id=connection_id, reason=type(exc).__name__)
        return True
