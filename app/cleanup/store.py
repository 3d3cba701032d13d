"""Unsettled rows of all tenants, as cleanup's own role sees them: ids, states and keys, nothing of the content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.items.models import ItemRef, Status
from app.platform.database import Database


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An item that should have moved by now, or whose deletion was not finished."""

    ref: ItemRef
    status: Status
    attempts: int
    object_key: str
    is_deleted: bool
    created_at: datetime


class CleanupStore:
    """Every statement is repeatable: two cleanups at once do the same thing twice and nothing worse."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled(self, *, older_than_seconds: int, limit: int = 1000) -> list[Unsettled]:
        """Items without progress for that long, oldest first; a live lease is progress."""
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_UNSETTLED, [older_than_seconds, limit]).fetchall()
        return [
            Unsettled(
                ref=ItemRef(row["user_id"], row["item_id"], row["generation"]),
                status=Status(row["status"]),
                attempts=row["attempts"],
                object_key=row["object_key"],
                is_deleted=row["deleted_at"] is not None,
                created_at=row["created_at"],
            )
            for row in rows
        ]

    def give_up(self, ref: ItemRef, *, stage: str, code: str, message: str) -> bool:
        """Mark an item failed, unless it moved in the meantime."""
        with self._database.all_tenants() as connection:
            parameters = [stage, code, message, ref.user_id, ref.item_id, ref.generation]
            return bool(connection.execute(GIVE_UP, parameters).rowcount)

    def remove(self, ref: ItemRef) -> None:
        """Delete a row whose objects are gone, if it is an unfinished upload or marked deleted."""
        with self._database.all_tenants() as connection:
            connection.execute(REMOVE, [ref.user_id, ref.item_id])

    def existing(self, ids: Sequence[tuple[UUID, UUID]]) -> set[tuple[UUID, UUID]]:
        """Which of these (user_id, item_id) have a row, deleted ones included."""
        users, items = [user for user, _ in ids], [item for _, item in ids]
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_EXISTING, [users, items]).fetchall()
        return {(row["user_id"], row["item_id"]) for row in rows}


SELECT_UNSETTLED = """
SELECT user_id, item_id, generation, status, attempts, object_key, deleted_at, created_at FROM items
WHERE (status NOT IN ('ready', 'failed') OR deleted_at IS NOT NULL)
  AND greatest(updated_at, lease_until) < now() - make_interval(secs => %s)
ORDER BY updated_at LIMIT %s
"""

GIVE_UP = """
UPDATE items SET status = 'failed', error_stage = %s, error_code = %s, error_message = %s,
  lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND item_id = %s AND generation = %s AND deleted_at IS NULL
  AND status NOT IN ('ready', 'failed') AND (lease_until IS NULL OR lease_until < now())
"""

REMOVE = """
DELETE FROM items WHERE user_id = %s AND item_id = %s AND (deleted_at IS NOT NULL OR status = 'uploading')
"""

SELECT_EXISTING = """
SELECT user_id, item_id FROM items JOIN unnest(%s::uuid[], %s::uuid[]) AS wanted (user_id, item_id)
USING (user_id, item_id)
"""
