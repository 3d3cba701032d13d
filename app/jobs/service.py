"""Asking for jobs, and working on them step by step."""

from collections.abc import Callable, Mapping
from uuid import UUID

from app.items.pipeline import Verdict, backoff
from app.jobs.models import Advance, Done, Job, JobClaim, JobStatus, Kind
from app.jobs.store import JobLost, JobStore
from app.platform.errors import NotFound, PermanentFailure, Unavailable
from app.platform.events import EventPublisher, JobRequested
from app.platform.logs import logger
from app.platform.settings import JobSettings


def request(user_id: UUID, kind: Kind, *, jobs: JobStore, events: EventPublisher, per_day: int | None = None) -> Job:
    """The job of this kind that is on its way, or a new one.

    Raises:
        QuotaExceeded: `per_day` of them were started within a day.
        NotAuthenticated: the account is deleted.
    """
    job, _ = jobs.start(user_id, kind, per_day=per_day)
    announce(job, events=events)
    return job


def announce(job: Job, *, events: EventPublisher) -> None:
    """Have a job begun. One that nobody has begun is announced again: whoever asked first may have died in between."""
    if job.status is JobStatus.QUEUED:
        events.publish([JobRequested(job.user_id, job.job_id)])


def get(user_id: UUID, job_id: UUID, *, jobs: JobStore) -> Job:
    """Raises NotFound: there is none, it has expired, or it is another tenant's."""
    job = jobs.get(user_id, job_id)
    if job is None:
        raise NotFound("No such job.")
    return job


def run_job(
    wanted: JobRequested,
    *,
    kinds: Mapping[Kind, Callable[[], Advance]],
    jobs: JobStore,
    events: EventPublisher,
    seconds_left: Callable[[], float],
    settings: JobSettings,
) -> Verdict:
    """Go on with a job for as long as this invocation lasts; then have the next one go on.

    Args:
        kinds: makes the step function of each kind, when it is needed.
        seconds_left: until the invocation is killed.
    """
    claim = jobs.claim(wanted.user_id, wanted.job_id, lease_seconds=settings.lease_seconds)
    if claim is None:
        # Gone, ended, or somebody is at it; who holds a lease holds a message too, which comes back if they die.
        return None
    if claim.job.attempts > settings.max_attempts:
        return _give_up(claim, "gave_up", f"Given up after {settings.max_attempts} attempts without an end.", jobs=jobs)
    advance = kinds[claim.job.kind]()
    try:
        while True:
            outcome = advance(claim.job)
            if isinstance(outcome, Done):
                jobs.finish(claim, outcome)
                logger.info("job done", job_id=wanted.job_id, kind=claim.job.kind)
                return None
            claim = jobs.save(claim, outcome, lease_seconds=settings.lease_seconds)
            if seconds_left() < settings.step_seconds:
                return _pause(claim, wanted, jobs=jobs, events=events)
    except JobLost:
        return None  # gone with its user, or somebody else's by now
    except PermanentFailure as exc:
        return _give_up(claim, exc.code, exc.detail, jobs=jobs)
    except Unavailable as exc:
        return _try_later(claim, exc, jobs=jobs, settings=settings)


def _pause(claim: JobClaim, wanted: JobRequested, *, jobs: JobStore, events: EventPublisher) -> Verdict:
    """A new message goes on with it: the one at hand coming back would count towards the dead letters."""
    jobs.release(claim)
    events.publish([wanted])
    return None


def _try_later(claim: JobClaim, reason: Unavailable, *, jobs: JobStore, settings: JobSettings) -> Verdict:
    attempts = claim.job.attempts
    if attempts >= settings.max_attempts:
        return _give_up(claim, "gave_up", f"Given up after {attempts} attempts: {reason.detail}", jobs=jobs)
    jobs.release(claim)
    return backoff(attempts, at_least=reason.retry_after)


def _give_up(claim: JobClaim, code: str, message: str, *, jobs: JobStore) -> Verdict:
    jobs.fail(claim, code=code, message=message)
    logger.error("job given up", job_id=claim.job.job_id, kind=claim.job.kind, code=code, reason=message)
    return None
