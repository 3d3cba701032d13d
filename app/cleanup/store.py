"""Unsettled rows of all tenants, as cleanup's own role sees them: ids, states and keys, nothing of the content."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.items.models import ItemRef, Status
from app.jobs.models import JobStatus, Kind
from app.platform.database import Database
from app.usage.models import Kind as UsageKind
from app.usage.store import settle


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An item that should have moved by now, or whose deletion was not finished."""

    ref: ItemRef
    status: Status
    attempts: int
    object_key: str
    rendition_generation: int
    is_deleted: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class UnsettledJob:
    """A job that should have moved by now, or one that must not be left undone."""

    user_id: UUID
    job_id: UUID
    kind: Kind
    status: JobStatus
    attempts: int


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

    def generations(self, ids: Sequence[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], set[int]]:
        """Of these (user_id, item_id) that have a row, deleted ones included, which renditions may be theirs."""
        users, items = [user for user, _ in ids], [item for _, item in ids]
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_GENERATIONS, [users, items]).fetchall()
        return {(row["user_id"], row["item_id"]): {row["rendition_generation"], row["generation"]} for row in rows}


class UsageCleanupStore:
    """Reservations that nobody settled: whoever made them died, or nobody took their work up again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def release_expired(self) -> int:
        """Take them back, one by one: a month's row is everybody's, and held for one only. Returns how many."""
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_EXPIRED_RESERVATIONS).fetchall()
        for row in rows:
            with self._database.all_tenants() as connection:
                settle(connection, row["user_id"], row["reservation_id"], None, kind=UsageKind(row["kind"]))
        return len(rows)


class JobCleanupStore:
    """Jobs of all tenants, and who has left. Every statement is repeatable, as those above."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def unsettled(self, *, older_than_seconds: int) -> list[UnsettledJob]:
        """Jobs without progress for that long, and deletions that failed; a live lease is progress."""
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_UNSETTLED_JOBS, [older_than_seconds]).fetchall()
        return [
            UnsettledJob(row["user_id"], row["job_id"], Kind(row["kind"]), JobStatus(row["status"]), row["attempts"])
            for row in rows
        ]

    def begin_anew(self, job: UnsettledJob) -> None:
        """Count its attempts from the start again, unless it moved in the meantime."""
        with self._database.all_tenants() as connection:
            connection.execute(BEGIN_JOB_ANEW, [job.user_id, job.job_id])

    def give_up(self, job: UnsettledJob, *, message: str) -> bool:
        """Mark a job failed, unless it moved in the meantime."""
        with self._database.all_tenants() as connection:
            return bool(connection.execute(GIVE_JOB_UP, [message, job.user_id, job.job_id]).rowcount)

    def expired(self) -> list[tuple[UUID, UUID, Kind]]:
        """User, id and kind of jobs that nobody may ask about any more."""
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_EXPIRED_JOBS).fetchall()
        return [(row["user_id"], row["job_id"], Kind(row["kind"])) for row in rows]

    def remove(self, user_id: UUID, job_id: UUID) -> None:
        """Delete an expired job's row."""
        with self._database.all_tenants() as connection:
            connection.execute(REMOVE_JOB, [user_id, job_id])

    def deleted_users(self, *, days: int) -> tuple[list[UUID], list[UUID]]:
        """Who left within the last two days, and who left so many days ago that nothing of theirs can come any more."""
        with self._database.all_tenants() as connection:
            rows = connection.execute(SELECT_DELETED_USERS, [days]).fetchall()
        lately = [row["user_id"] for row in rows if not row["is_over"]]
        return lately, [row["user_id"] for row in rows if row["is_over"]]

    def forget(self, user_id: UUID) -> None:
        """Remove the tombstone."""
        with self._database.all_tenants() as connection:
            connection.execute(FORGET_USER, [user_id])


def _unsettled(row: Mapping[str, Any]) -> Unsettled:
    return Unsettled(
        ref=ItemRef(row["user_id"], row["item_id"], row["generation"]),
        status=Status(row["status"]),
        attempts=row["attempts"],
        object_key=row["object_key"],
        rendition_generation=row["rendition_generation"],
        is_deleted=row["deleted_at"] is not None,
        created_at=row["created_at"],
    )


SELECT_UNSETTLED = """
SELECT user_id, item_id, generation, status, attempts, object_key, rendition_generation, deleted_at, created_at,
  updated_at
FROM items
WHERE (status NOT IN ('ready', 'failed') OR deleted_at IS NOT NULL)
  AND greatest(updated_at, lease_until) < now() - make_interval(secs => %s)
  AND (waits_until IS NULL OR waits_until < now() OR deleted_at IS NOT NULL)
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

SELECT_GENERATIONS = """
SELECT user_id, item_id, generation, rendition_generation
FROM items JOIN unnest(%s::uuid[], %s::uuid[]) AS wanted (user_id, item_id)
USING (user_id, item_id)
"""

SELECT_EXPIRED_RESERVATIONS = """
SELECT user_id, reservation_id, kind FROM usage_reservations WHERE expires_at < now() ORDER BY expires_at LIMIT 10000
"""

SELECT_UNSETTLED_JOBS = """
SELECT user_id, job_id, kind, status, attempts FROM jobs
WHERE greatest(updated_at, lease_until) < now() - make_interval(secs => %s)
  AND (status IN ('queued', 'running') OR (kind = 'deletion' AND status = 'failed'))
ORDER BY updated_at LIMIT 1000
"""

BEGIN_JOB_ANEW = """
UPDATE jobs SET status = 'queued', attempts = 0, error_code = NULL, error_message = NULL, expires_at = NULL,
  lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND job_id = %s AND status <> 'done' AND (lease_until IS NULL OR lease_until < now())
  AND NOT EXISTS (
    SELECT FROM jobs other WHERE other.user_id = jobs.user_id AND other.kind = jobs.kind
      AND other.job_id <> jobs.job_id AND other.status IN ('queued', 'running')
  )
"""

GIVE_JOB_UP = """
UPDATE jobs SET status = 'failed', error_code = 'gave_up', error_message = %s, expires_at = now() + interval '3 days',
  lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND job_id = %s AND status IN ('queued', 'running') AND (lease_until IS NULL OR lease_until < now())
"""

SELECT_EXPIRED_JOBS = "SELECT user_id, job_id, kind FROM jobs WHERE expires_at < now() ORDER BY expires_at LIMIT 1000"

REMOVE_JOB = "DELETE FROM jobs WHERE user_id = %s AND job_id = %s AND expires_at < now()"

SELECT_DELETED_USERS = """
SELECT user_id, is_over FROM deleted_users CROSS JOIN LATERAL (
  SELECT deleted_at < now() - make_interval(days => %s) AS is_over, deleted_at > now() - interval '2 days' AS is_new
) AS age
WHERE is_over OR is_new
"""

FORGET_USER = "DELETE FROM deleted_users WHERE user_id = %s"
