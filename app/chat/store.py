"""Sessions in DynamoDB: whose they are, when they end, and where their last finished turn is written down.

A session's row is the truth of it. Whoever asks announces the turn: its id is the row's lock, and the question stands
there. Whoever answers begins it, once: a second delivery of the same turn finds it begun. Only the holder of the lock
can name the turn's checkpoint: what a turn that failed or came too late has written is never read. A lock that is not
renewed in time belongs to a turn whose process died; it is free, and the question is known to have no answer.

A session without a finished turn has no `last_activity`, so that the index does not know it. TTL deletes up to two days
late: what is over is filtered on reading.
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
from uuid import UUID

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.chat.models import Session, Ticket, Unanswered
from app.platform.errors import Conflict, InvalidInput, NotFound, Unavailable

BY_ACTIVITY = "user_id-last_activity-index"
BROKE_OFF = "The answer broke off. Ask again."
_BUSY = "This conversation is answering already. Wait for that answer."
_CHANGED = "This conversation was changed at the same time. Look at it again."
# A question and its answer.
MESSAGES_PER_TURN = 2
_CURSOR_MAX_LENGTH = 400

Key = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Held:
    """A session whose next turn is ours for a while, as it was before."""

    ticket: Ticket
    session: Session


class AlreadyBegun(Conflict):
    """This turn was delivered before, or its time was up."""


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

    def announce(
        self, ticket: Ticket, *, question: str, title: str, is_new: bool = False, replaces_turn: int | None = None
    ) -> None:
        """Say that a turn is to come: the question stands in its session, and no other turn can until this is over.

        Args:
            title: that of the session, for its first turn.
            is_new: the session begins with it.
            replaces_turn: the session's last one, from 1, if this one is to take its place.

        Raises:
            NotFound: there is no such session (any more).
            Conflict: another turn is under way; or there is a session of the new one's id; or the turn to be replaced
                is not its last.
        """
        now = self._now()
        values = {
            ":turn": {"S": ticket.turn_id.hex},
            ":until": _seconds(now + self._lease),
            ":question": {"S": question},
            ":moment": {"S": _moment(now)},
        }
        if is_new:
            self._update(
                _row_of(ticket),
                f"{_ANNOUNCE}, created_at = :moment, title = :title, message_count = :none, #ttl = :ttl",
                "attribute_not_exists(user_id)",
                {**values, ":title": {"S": title}, ":none": {"N": "0"}, ":ttl": _seconds(now + self._ttl)},
                missing=Conflict(_BUSY),
            )
            return
        is_free = f"{_IS_THERE} AND (attribute_not_exists(#lock) OR lock_until <= :now)"
        values[":now"] = _seconds(now)
        if replaces_turn is None:
            self._update(_row_of(ticket), f"{_ANNOUNCE} REMOVE begun, failure, replaces_turn", is_free, values)
            return
        self._update(
            _row_of(ticket),
            f"{_ANNOUNCE}, replaces_turn = :replaced REMOVE begun, failure",
            f"{is_free} AND message_count = :said",
            {
                **values,
                ":replaced": {"N": str(replaces_turn)},
                ":said": {"N": str(replaces_turn * MESSAGES_PER_TURN)},
            },
        )

    def begin(self, ticket: Ticket) -> Held:
        """Take the turn that was announced.

        Raises:
            AlreadyBegun: somebody has; or it came so late that the session does not wait for it any more.
        """
        row = self._update(
            _row_of(ticket),
            "SET begun = :begun, lock_until = :until",
            "#lock = :turn AND attribute_not_exists(begun) AND lock_until > :now",
            {
                ":turn": {"S": ticket.turn_id.hex},
                ":begun": {"BOOL": True},
                ":until": _seconds(self._now() + self._lease),
                **self._now_value(),
            },
            missing=AlreadyBegun("This turn was taken already."),
        )
        return Held(ticket, self._session(row))

    def goes_on(self, ticket: Ticket) -> bool:
        """Give a sign of life. False: the turn was asked to end, or the session is not its own any more."""
        try:
            row = self._update(
                _row_of(ticket),
                "SET lock_until = :until",
                "#lock = :turn",
                {":turn": {"S": ticket.turn_id.hex}, ":until": _seconds(self._now() + self._lease)},
                missing=AlreadyBegun("The session is not this turn's any more."),
            )
        except AlreadyBegun:
            return False
        return bool(row.get("stopped") != row["lock"])

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

    def commit(self, held: Held, *, checkpoint_id: str, messages: int) -> Session:
        """Make a turn part of its session: from now on this is where it left off.

        Args:
            messages: how many the turn added.

        Raises:
            Conflict: the lock was lost; the session is deleted, or somebody else's turn is in it.
        """
        now = self._now()
        row = self._update(
            _row_of(held.ticket),
            "SET checkpoint_id = :checkpoint, last_activity = :now, message_count = message_count + :messages,"
            " #ttl = :ttl REMOVE #lock, lock_until, begun, stopped, question, asked_at, replaces_turn",
            "#lock = :turn",
            {
                ":checkpoint": {"S": checkpoint_id},
                ":now": {"S": _moment(now)},
                ":messages": {"N": str(messages)},
                ":ttl": _seconds(now + self._ttl),
                ":turn": {"S": held.ticket.turn_id.hex},
            },
            missing=Conflict(_CHANGED),
        )
        return self._session(row)

    def release(self, ticket: Ticket, failure: str) -> None:
        """Give the turn up: the session is as it was before, but for a question that has no answer, and why."""
        try:
            self._update(
                _row_of(ticket),
                "SET failure = :failure REMOVE #lock, lock_until, begun, stopped",
                "#lock = :turn",
                {":turn": {"S": ticket.turn_id.hex}, ":failure": {"S": failure}},
                missing=AlreadyBegun("The session is not this turn's any more."),
            )
        except AlreadyBegun:
            return  # somebody else's by now, or told already

    def get(self, user_id: UUID, session_id: UUID) -> Session:
        """Raises NotFound for one that is over, or another user's."""
        with _translated():
            answer = self._client.get_item(TableName=self._table, Key=_key(user_id, session_id), ConsistentRead=True)
        row = answer.get("Item")
        if row is None or int(row["ttl"]["N"]) <= self._now().timestamp():
            raise _no_such_session()
        return self._session(row)

    def page(self, user_id: UUID, *, limit: int, cursor: str | None) -> tuple[list[Session], str | None]:
        """At most `limit` sessions, the last one used first, and where the next page starts.

        Raises:
            InvalidInput: the cursor is not one of ours.
        """
        start = _start(user_id, cursor) if cursor else None
        found: list[Session] = []
        for row in self._rows(user_id, start, limit + 1):
            found.append(self._session(row))
            if len(found) > limit:
                return found[:limit], _cursor(user_id, found[limit - 1])
        return found, None

    def rename(self, user_id: UUID, session_id: UUID, title: str) -> Session:
        """Raises NotFound."""
        row = self._update(
            _key(user_id, session_id), "SET title = :title", _IS_THERE, {":title": {"S": title}, **self._now_value()}
        )
        return self._session(row)

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

    def _session(self, row: Mapping[str, Any]) -> Session:
        created_at = datetime.fromisoformat(row["created_at"]["S"])
        used_at = row.get("last_activity")
        checkpoint = row.get("checkpoint_id")
        return Session(
            session_id=UUID(row["session_id"]["S"]),
            title=row["title"]["S"],
            created_at=created_at,
            last_activity=datetime.fromisoformat(used_at["S"]) if used_at else created_at,
            message_count=int(row["message_count"]["N"]),
            expires_at=datetime.fromtimestamp(int(row["ttl"]["N"]), UTC),
            checkpoint_id=checkpoint["S"] if checkpoint else None,
            unanswered=self._unanswered(row),
        )

    def _unanswered(self, row: Mapping[str, Any]) -> Unanswered | None:
        if "question" not in row:
            return None
        is_alive = "lock" in row and int(row["lock_until"]["N"]) > self._now().timestamp()
        failure = None if is_alive else row["failure"]["S"] if "failure" in row else BROKE_OFF
        asked_at = datetime.fromisoformat(row["asked_at"]["S"])
        replaced = int(row["replaces_turn"]["N"]) if "replaces_turn" in row else None
        return Unanswered(row["question"]["S"], asked_at, failure, replaced)

    def _why(self, row: Mapping[str, Any]) -> NotFound | Conflict:
        """What a row that let nobody in means: it is over, or somebody else is in, or was since it was looked at."""
        now = self._now().timestamp()
        if not row or int(row["ttl"]["N"]) <= now:
            return _no_such_session()
        return Conflict(_BUSY if "lock" in row and int(row["lock_until"]["N"]) > now else _CHANGED)


# There, and not over.
_IS_THERE = "attribute_exists(user_id) AND #ttl > :now"
_ANNOUNCE = "SET #lock = :turn, lock_until = :until, question = :question, asked_at = :moment"


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


def _row_of(ticket: Ticket) -> Key:
    return _key(ticket.user_id, ticket.session_id)


def _key(user_id: UUID, session_id: UUID) -> Key:
    return {"user_id": {"S": str(user_id)}, "session_id": {"S": str(session_id)}}


def _seconds(moment: datetime) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()))}


def _moment(moment: datetime) -> str:
    """Of one length, so that text sorts as time does."""
    return moment.isoformat(timespec="microseconds")


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
