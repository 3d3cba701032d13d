"""Tables for conversations, made of what the stack's template says, in moto's DynamoDB."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from botocore.config import Config

from app.chat.checkpoints import CommittedCheckpoints
from app.chat.models import Ticket
from app.chat.store import BY_ACTIVITY, SessionStore

TTL_S, LEASE_S = 4 * 3600, 90


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time

    def move(self, **duration: float) -> None:
        self.time += timedelta(**duration)


def sessions_table(client: Any, name: str | None = None) -> str:
    name = name or f"sessions-{uuid4()}"
    attributes = ("user_id", "session_id", "last_activity")
    client.create_table(
        TableName=name,
        KeySchema=_keys("user_id", "session_id"),
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
        GlobalSecondaryIndexes=[
            {
                "IndexName": BY_ACTIVITY,
                "KeySchema": _keys("user_id", "last_activity"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def checkpoints_table(client: Any, name: str | None = None) -> str:
    name = name or f"checkpoints-{uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=_keys("PK", "SK"),
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("PK", "SK")],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def session_store(client: Any, table: str, clock: Clock) -> SessionStore:
    return SessionStore(client, table, ttl_seconds=TTL_S, lease_seconds=LEASE_S, now=clock)


def announced(
    sessions: SessionStore,
    user_id: UUID,
    session_id: UUID | None = None,
    *,
    question: str = "the first question",
    replaces_turn: int | None = None,
) -> Ticket:
    """A turn of this session, or of a new one."""
    ticket = Ticket(user_id, session_id or uuid4())
    is_new = session_id is None
    sessions.announce(ticket, question=question, title=question, is_new=is_new, replaces_turn=replaces_turn)
    return ticket


def saver(table: str, bucket: str) -> CommittedCheckpoints:
    return CommittedCheckpoints(table, bucket=bucket, ttl_seconds=TTL_S, boto_config=Config())
