"""A user's rows in DynamoDB: conversations, their checkpoints, open connections."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.errors import Unavailable

# BatchWriteItem takes this many.
_AT_ONCE = 25

# How a table's entries of one user are found: the paginator's name, and what it is asked.
Search = Callable[[UUID], tuple[str, Mapping[str, Any]]]


class RowsOfTable:
    """`PersonalData` in one table, through a boto3 DynamoDB client."""

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        name: str,
        keys: Sequence[str],
        search: Search,
        before: Callable[[Mapping[str, Any]], None] = lambda _key: None,
    ) -> None:
        """Args:
        keys: names of the table's key attributes.
        before: is shown every key before it is removed.
        """
        self.name = name
        self._client = client
        self._table = table
        self._keys = keys
        self._search = search
        self._before = before

    def remove_some(self, user_id: UUID) -> int:
        with _translated():
            found = list(islice(self._find(user_id), _AT_ONCE))
            if not found:
                return 0
            for key in found:
                self._before(key)
            answer = self._client.batch_write_item(
                RequestItems={self._table: [{"DeleteRequest": {"Key": key}} for key in found]}
            )
        if answer.get("UnprocessedItems"):
            raise Unavailable("The conversation store is busy.")
        return len(found)

    def count(self, user_id: UUID) -> dict[str, int]:
        with _translated():
            return {"items": sum(1 for _ in self._find(user_id))}

    def _find(self, user_id: UUID) -> Iterator[Mapping[str, Any]]:
        operation, question = self._search(user_id)
        pages = self._client.get_paginator(operation).paginate(TableName=self._table, **question)
        return ({name: entry[name] for name in self._keys} for page in pages for entry in page["Items"])


def sessions_of(user_id: UUID) -> tuple[str, Mapping[str, Any]]:
    return "query", {
        "KeyConditionExpression": "user_id = :user",
        "ExpressionAttributeValues": {":user": {"S": str(user_id)}},
        "ConsistentRead": True,
    }


def connections_of(user_id: UUID) -> tuple[str, Mapping[str, Any]]:
    """By the index, and those that have expired but are still stored."""
    return "query", {
        "IndexName": "user_id-index",
        "KeyConditionExpression": "user_id = :user",
        "ExpressionAttributeValues": {":user": {"S": str(user_id)}},
    }


def checkpoints_of(user_id: UUID) -> tuple[str, Mapping[str, Any]]:
    """Threads are `{user_id}#{session_id}`, and langgraph-checkpoint-aws puts a word before them."""
    return _read_through("PK", [f"{word}_{user_id}#" for word in ("CHECKPOINT", "CHUNK", "WRITES")])


def answers_of(user_id: UUID) -> tuple[str, Mapping[str, Any]]:
    """Kept for whoever repeats a request (app/platform/idempotency.py). Counters of requests are left: two minutes."""
    return _read_through("id", [f"idempotency#{user_id}#"])


def _read_through(key: str, beginnings: Sequence[str]) -> tuple[str, Mapping[str, Any]]:
    """No index knows users here. Whatever is in these tables expires within a day, and accounts are deleted seldom."""
    values = {f":{number}": {"S": beginning} for number, beginning in enumerate(beginnings)}
    return "scan", {
        "FilterExpression": " OR ".join(f"begins_with({key}, {name})" for name in values),
        "ExpressionAttributeValues": values,
        "ConsistentRead": True,
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClientError as exc:
        code = str(exc.response.get("Error", {}).get("Code", ""))
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= 500 or "Throttl" in code or code == "ProvisionedThroughputExceededException":
            raise Unavailable("The conversation store does not answer.") from exc
        raise
    except (EndpointError, HTTPClientError) as exc:
        raise Unavailable("The conversation store does not answer.") from exc
