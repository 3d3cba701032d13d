"""Jobs, and what their steps answer. Types only, no I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.platform.database import Connection


class Kind(StrEnum):
    EXPORT = "export"
    DELETION = "deletion"
    REBUILD = "rebuild"


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """A row of `jobs`."""

    user_id: UUID
    job_id: UUID
    kind: Kind
    status: JobStatus
    # 0 to 1.
    progress: float
    # Whatever the kind's steps keep in it, as JSON; empty at the start.
    state: dict[str, Any]
    result: dict[str, Any] | None
    error_code: str | None
    error_message: str | None
    lease_until: datetime | None
    # Since the last step that came to an end, this one included.
    attempts: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Job":
        values = {name: row[name] for name in cls.__slots__ if name not in ("kind", "status")}
        return cls(**values, kind=Kind(row["kind"]), status=JobStatus(row["status"]))


@dataclass(frozen=True, slots=True)
class JobClaim:
    """The right to work on a job until its lease ends. `token` is the fence: only its holder may write."""

    job: Job
    token: UUID


def _nothing(_connection: Connection) -> None:
    return


@dataclass(frozen=True, slots=True)
class Step:
    """A step is over and others follow."""

    # JSON; the next step starts from it.
    state: dict[str, Any]
    # 0 to 1, over the whole job.
    progress: float
    # Runs in the transaction that keeps the state: both happen or neither.
    write: Callable[[Connection], None] = _nothing


@dataclass(frozen=True, slots=True)
class Done:
    """The job is over. `object_key` in the result names an object of the bucket, which is shown as a link."""

    result: dict[str, Any]
    # How long the row, and its object, are kept.
    kept_for: timedelta = timedelta(days=3)
    write: Callable[[Connection], None] = _nothing


Advance = Callable[[Job], Step | Done]
