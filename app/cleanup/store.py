"""Unsettled rows of all tenants, as cleanup's own role sees them: ids, states and keys, nothing of the content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
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

    def unsettled(self, *, older_than_seconds: int, page_size: int = 1000) -> Iterator[Unsettled]:
        """Items without progress for that long, oldest first; a live lease is progress.

        Page by page to the end: forms that nobody used yet may be many, and what stopped since stands behind them.
        """
        behind: tuple[datetime | str, UUID, UUID] = ("-infinity", UUID(int=0), UUID(int=0))
        while True:
            with self._database.all_tenants() as connection:
                rows = connection.execute(SELECT_UNSETTLED, [older_than_seconds, *behind, page_size]).fetchall()
            yield from map(_unsettled, rows)
            if len(rows) < page_size:
                return
            behind = (rows[-1]["updated_at"], rows[-1]["user_id"], rows[-1]["item_id"])

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


def _unsettled(row: Mapping[str, Any]) -> Unsettled:
    return Unsettled(
        ref=ItemRef(row["user_id"], row["item_id"], row["generation"]),
        status=Status(row["status"]),
        attempts=row["attempts"],
        object_key=row["object_key"],
        is_deleted=row["deleted_at"] is not None,
        created_at=row["created_at"],
    )


SELECT_UNSETTLED = """
SELECT user_id, item_id, generation, status, attempts, object_key, deleted_at, created_at, updated_at FROM items
WHERE (status NOT IN ('ready', 'failed') OR deleted_at IS NOT NULL)
  AND greatest(updated_at, lease_until) < now() - make_interval(secs => %s)
  AND (updated_at, user_id, item_id) > (%s::timestamptz, %s, %s)
ORDER BY updated_at, user_id, item_id LIMIT %s
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
