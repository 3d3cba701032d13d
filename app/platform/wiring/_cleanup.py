"""What cleanup looks through."""

from functools import cache
from typing import TYPE_CHECKING

from app.platform import wiring

if TYPE_CHECKING:
    from app.cleanup.store import CleanupStore, JobCleanupStore, UsageCleanupStore


@cache
def cleanup_store() -> "CleanupStore":
    from app.cleanup.store import CleanupStore

    return CleanupStore(wiring.database())


@cache
def job_cleanup_store() -> "JobCleanupStore":
    from app.cleanup.store import JobCleanupStore

    return JobCleanupStore(wiring.database())


@cache
def usage_cleanup_store() -> "UsageCleanupStore":
    from app.cleanup.store import UsageCleanupStore

    return UsageCleanupStore(wiring.database())
