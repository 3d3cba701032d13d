"""Long work that somebody asked for."""

from functools import cache
from typing import TYPE_CHECKING

from app.platform import wiring
from app.platform.settings import JobSettings

if TYPE_CHECKING:
    from app.jobs.store import JobStore


@cache
def jobs() -> "JobStore":
    from app.jobs.store import JobStore

    return JobStore(wiring.database())


@cache
def job_settings() -> JobSettings:
    return JobSettings()
