"""Sessions in DynamoDB: whose they are, when they end, and where their last finished turn is written down.

A session's row is the truth of it. A turn takes the row's lock for a while, and only whoever still holds it can name
the turn's checkpoint: what a turn that failed or came too late has written is never read. A session without a finished
turn has no `last_activity`, so that the index does not know it. TTL deletes up to two days late: what is over is
filtered on reading.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.chat.models import Session
from app.platform.errors import Conflict, InvalidInput, NotFound, Unavailable

BY_ACTIVITY = "user_id-last_activity-index"
_BUSY = "This conversation is answering already. Wait for that answer."
_CURSOR_MAX_LENGTH = 400

Key = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Held:
    """A session whose next turn is ours for a while. `session` is None before the first."""

    user_id: UUID
    session_id: UUID
    token: str
    session: Session | None = None


class SessionStore:
    """The sessions table, through a boto3 DynamoDB client."""

    def __init__(
        self,
        client: Any,
        table: str,
        *,
        ttl_seconds: int,
        lease_seconds: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._table = table
        self._ttl = timedelta(seconds=ttl_seconds)
        self._lease = timedelta(seconds=lease_seconds)
        self._now = now

    def begin(self, user_id: UUID, session_id: UUID | None, *, is_new: bool = False) -> Held:
        """Take the next turn of a session, or the first of a new one, whose id may be given.

        Raises:
            NotFound: there is no such session (any more).
            Conflict: another turn is under way; or there is a session of the new one's id.
        """
        held = Held(user_id, session_id or uuid4(), uuid4().hex)
        now = self._now()
        lock = {":token": {"S": held.token}, ":until": _seconds(now + self._lease), ":now": _seconds(now)}
        if session_id is None or is_new:
            self._put(_key(user_id, held.session_id) | {"lock": lock[":token"], "lock_until": lock[":until"]})
            return held
        row = self._update(
            _key(user_id, session_id),
            "SET #lock = :token, lock_until = :until",
            f"{_IS_THERE} AND (attribute_not_exists(#lock) OR lock_until <= :now)",
            lock,
        )
        return Held(user_id, session_id, held.token, _session(row))

    def _put(self, row: Key) -> None:
        """A new session's row. Gone by itself if the first turn dies with its process."""
        new = row | {"ttl": row["lock_until"]}
        try:
            with _translated():
                self._client.put_item(
                    TableName=self._table, Item=new, ConditionExpression="attribute_not_exists(user_id)"
                )
        except _Refused:
            raise Conflict(_BUSY) from None

    def stop(self, user_id: UUID, session_id: UUID) -> None:
        """Ask the turn that is under way to end, if there is one: it looks for this between its steps."""
        try:
            with _translated():
                self._client.update_item(
                    TableName=self._table,
                    Key=_key(user_id, session_id),
                    # Named by its lock, this says nothing to the turns after it.
                    UpdateExpression="SET stopped = #lock",
                    ConditionExpression="attribute_exists(#lock)",
                    ExpressionAttributeNames=_names("#lock"),
                )
        except _Refused:
            return  # nothing is under way

    def is_stopped(self, user_id: UUID, session_id: UUID) -> bool:
        """Whether the turn that is under way was asked to end."""
        with _translated():
            answer = self._client.get_item(TableName=self._table, Key=_key(user_id, session_id), ConsistentRead=True)
        row = answer.get("Item", {})
        return "stopped" in row and row["stopped"] == row.get("lock")

    def commit(self, held: Held, *, title: str, checkpoint_id: str, messages: int) -> Session:
        """Make a turn part of its session: from now on this is where it left off.

        Args:
            title: kept only for the first turn.
            messages: how many the turn added.

        Raises:
            Conflict: the lock was lost; the session is deleted, or somebody else's turn is in it.
        """
        now = self._now()
        row = self._update(
            _key(held.user_id, held.session_id),
            "SET checkpoint_id = :checkpoint, last_activity = :now, created_at = if_not_exists(created_at, :now),"
            " title = if_not_exists(title, :title), message_count = if_not_exists(message_count, :none) + :messages,"
            " #ttl = :ttl REMOVE #lock, lock_until",
            "#lock = :token",
            {
                ":checkpoint": {"S": checkpoint_id},
                ":now": {"S": _moment(now)},
                ":title": {"S": title},
                ":none": {"N": "0"},
                ":messages": {"N": str(messages)},
                ":ttl": _seconds(now + self._ttl),
                ":token": {"S": held.token},
            },
            missing=Conflict("This conversation was changed at the same time. Look at it again."),
        )
        return _session(row)

    def release(self, held: Held) -> None:
        """Give the turn up: the session is as it was before; one that was to begin is gone."""
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(held.user_id, held.session_id),
            "ConditionExpression": "#lock = :token",
            "ExpressionAttributeNames": _names("#lock"),
            "ExpressionAttributeValues": {":token": {"S": held.token}},
        }
        try:
            with _translated():
                if held.session is None:
                    self._client.delete_item(**arguments)
                else:
                    self._client.update_item(UpdateExpression="REMOVE #lock, lock_until", **arguments)
        except _Refused:
            return  # somebody else's by now

    def get(self, user_id: UUID, session_id: UUID) -> Session:
        """Raises NotFound for one that is over, unfinished, or another user's."""
        with _translated():
            answer = self._client.get_item(TableName=self._table, Key=_key(user_id, session_id), ConsistentRead=True)
        row = answer.get("Item", {})
        if "checkpoint_id" not in row or int(row["ttl"]["N"]) <= self._now().timestamp():
            raise _no_such_session()
        return _session(row)

    def page(self, user_id: UUID, *, limit: int, cursor: str | None) -> tuple[list[Session], str | None]:
        """At most `limit` sessions, the last one used first, and where the next page starts.

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        start = _start(user_id, cursor) if cursor else None
        found: list[Session] = []
        for row in self._rows(user_id, start, limit + 1):
            found.append(_session(row))
            if len(found) > limit:
                return found[:limit], _cursor(user_id, found[limit - 1])
        return found, None

    def rename(self, user_id: UUID, session_id: UUID, title: str) -> Session:
        """Raises NotFound."""
        row = self._update(
            _key(user_id, session_id), "SET title = :title", _IS_THERE, {":title": {"S": title}, **self._now_value()}
        )
        return _session(row)

    def remove(self, user_id: UUID, session_id: UUID) -> None:
        """Forget a session, also while a turn is under way: that turn then has nowhere to go."""
        with _translated():
            self._client.delete_item(TableName=self._table, Key=_key(user_id, session_id))

    def _rows(self, user_id: UUID, start: Key | None, page_size: int) -> Iterator[Mapping[str, Any]]:
        arguments: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": BY_ACTIVITY,
            "KeyConditionExpression": "user_id = :user",
            "FilterExpression": "#ttl > :now",
            "ExpressionAttributeNames": _names("#ttl"),
            "ExpressionAttributeValues": {":user": {"S": str(user_id)}, **self._now_value()},
            "ScanIndexForward": False,
            "Limit": page_size,
        }
        while True:
            with _translated():
                answer = self._client.query(**arguments, **({"ExclusiveStartKey": start} if start else {}))
            yield from answer["Items"]
            start = answer.get("LastEvaluatedKey")
            if start is None:
                return

    def _now_value(self) -> Key:
        return {":now": _seconds(self._now())}

    def _update(
        self,
        key: Key,
        update: str,
        condition: str,
        values: Mapping[str, Any],
        *,
        missing: Exception | None = None,
    ) -> Mapping[str, Any]:
        """The row as it is then. Raises `missing`, or what the row's state says, where the condition does not hold."""
        try:
            with _translated():
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=_names(update, condition),
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except _Refused as refused:
            raise missing or self._why(refused.row) from None
        attributes: Mapping[str, Any] = answer["Attributes"]
        return attributes

    def _why(self, row: Mapping[str, Any]) -> NotFound | Conflict:
        """What a row that let nobody in means. One that is over is not there; one that is not, somebody else is in."""
        is_over = not row or int(row["ttl"]["N"]) <= self._now().timestamp()
        return _no_such_session() if is_over or "lock" not in row else Conflict(_BUSY)


# There, finished once, and not over.
_IS_THERE = "attribute_exists(checkpoint_id) AND #ttl > :now"


class _Refused(Exception):
    """A condition did not hold; `row` is what is there instead."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        super().__init__("the condition does not hold")
        self.row = row


@contextmanager
def _translated() -> Iterator[None]:
    """DynamoDB's errors in our terms; those we do not understand (access denied, say) escape and are seen."""
    try:
        yield
    except ClientError as exc:
        if exc.response["Error"]["Code"] == "ConditionalCheckFailedException":
            raise _Refused(exc.response.get("Item", {})) from exc
        if exc.response["Error"]["Code"] in PASSING:
            raise Unavailable("The conversation store does not answer.") from exc
        raise
    except (EndpointError, HTTPClientError) as exc:
        raise Unavailable("The conversation store does not answer.") from exc


PASSING = {
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
}


def _no_such_session() -> NotFound:
    return NotFound("No such conversation.")


def _names(*expressions: str) -> dict[str, str]:
    """The names that expressions may not spell out, because they are DynamoDB's own words: those that are used."""
    return {f"#{name}": name for name in ("lock", "ttl") if any(f"#{name}" in each for each in expressions)}


def _key(user_id: UUID, session_id: UUID) -> Key:
    return {"user_id": {"S": str(user_id)}, "session_id": {"S": str(session_id)}}


def _seconds(moment: datetime) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()))}


def _moment(moment: datetime) -> str:
    """Of one length, so that text sorts as time does."""
    return moment.isoformat(timespec="microseconds")


def _session(row: Mapping[str, Any]) -> Session:
    return Session(
        session_id=UUID(row["session_id"]["S"]),
        title=row["title"]["S"],
        created_at=datetime.fromisoformat(row["created_at"]["S"]),
        last_activity=datetime.fromisoformat(row["last_activity"]["S"]),
        message_count=int(row["message_count"]["N"]),
        expires_at=datetime.fromtimestamp(int(row["ttl"]["N"]), UTC),
        checkpoint_id=row["checkpoint_id"]["S"],
    )


def _cursor(user_id: UUID, last: Session) -> str:
    content = json.dumps([_moment(last.last_activity), str(last.session_id), _digest(user_id)])
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def _digest(user_id: UUID) -> str:
    return hashlib.sha256(user_id.bytes).hexdigest()[:16]


def _start(user_id: UUID, cursor: str) -> Key:
    """Where to go on. Whose sessions they are is never read from a cursor."""
    try:
        if len(cursor) > _CURSOR_MAX_LENGTH:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, session_id, digest = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if digest != _digest(user_id):
            raise ValueError("somebody else's cursor")
        last_activity = _moment(datetime.fromisoformat(moment))
        return _key(user_id, UUID(session_id)) | {"last_activity": {"S": last_activity}}
    except (ValueError, TypeError, AttributeError, RecursionError, binascii.Error) as exc:
        raise InvalidInput("The cursor does not belong to this list.") from exc
