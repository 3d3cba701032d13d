"""Open connections in DynamoDB. TTL deletes up to two days late, so what has expired is filtered on reading."""

import math
import time
from typing import Any
from uuid import UUID

from app.realtime.models import Connection


class ConnectionStore:
    """The connections table, through a boto3 DynamoDB client."""

    def __init__(self, client: Any, table: str, *, ttl_seconds: int) -> None:
        self._client = client
        self._table = table
        self._ttl_seconds = ttl_seconds

    def add(self, connection: Connection, *, expires_at: float = math.inf) -> None:
        """Remember a connection until its token expires (Unix time), and not for longer than connections last."""
        self._client.put_item(
            TableName=self._table,
            Item={
                "connection_id": {"S": connection.connection_id},
                "user_id": {"S": str(connection.user_id)},
                "ttl": {"N": str(int(min(time.time() + self._ttl_seconds, expires_at)))},
            },
        )

    def owner(self, connection_id: str) -> UUID | None:
        """Whose connection it is; None: nobody's any more."""
        key = {"connection_id": {"S": connection_id}}
        entry = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if entry is None or int(entry["ttl"]["N"]) <= time.time():
            return None
        return UUID(entry["user_id"]["S"])

    def remove(self, connection_id: str) -> None:
        self._client.delete_item(TableName=self._table, Key={"connection_id": {"S": connection_id}})

    def of_user(self, user_id: UUID) -> list[Connection]:
        """The user's connections that have not expired."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="user_id-index",
            KeyConditionExpression="user_id = :user",
            FilterExpression="#ttl > :now",
            ExpressionAttributeNames={"#ttl": "ttl"},
            ExpressionAttributeValues={":user": {"S": str(user_id)}, ":now": {"N": str(int(time.time()))}},
        )
        return [Connection(entry["connection_id"]["S"], user_id) for page in pages for entry in page["Items"]]
