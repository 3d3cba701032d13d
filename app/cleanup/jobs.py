"""The hourly sweep over jobs: what stopped goes on, what has expired goes, and who has left stays gone."""

from dataclasses import asdict, dataclass

from app.account.models import PersonalData
from app.account.s3 import export_key
from app.cleanup.store import JobCleanupStore, UnsettledJob
from app.items.s3 import ImageBucket
from app.jobs.models import Kind
from app.platform.events import EventPublisher, JobRequested
from app.platform.settings import CleanupSettings


@dataclass(slots=True)
class JobReport:
    """What one sweep did, in jobs, objects or users."""

    jobs_resumed: int = 0
    jobs_given_up: int = 0
    jobs_expired: int = 0
    late_objects: int = 0
    tombstones_removed: int = 0

    def as_metrics(self) -> dict[str, int]:
        return asdict(self)


def clean_up_jobs(
    *,
    jobs: JobCleanupStore,
    images: ImageBucket,
    objects: PersonalData,
    events: EventPublisher,
    settings: CleanupSettings,
) -> JobReport:
    """One sweep. Safe to run twice at once, and to be killed anywhere.

    Args:
        objects: everything in the bucket that is a user's.
    """
    report = JobReport()
    for job in jobs.unsettled(older_than_seconds=settings.stuck_after_seconds):
        _settle(job, report, jobs=jobs, events=events, settings=settings)
    for user_id, job_id, kind in jobs.expired():
        if kind is Kind.EXPORT:
            images.delete([export_key(user_id, job_id)])
        jobs.remove(user_id, job_id)
        report.jobs_expired += 1
    _keep_gone(report, jobs=jobs, objects=objects, settings=settings)
    return report


def _settle(
    job: UnsettledJob, report: JobReport, *, jobs: JobCleanupStore, events: EventPublisher, settings: CleanupSettings
) -> None:
    """Whoever asked to be forgotten is: their job is begun anew every hour, until there is nothing left of them."""
    if job.attempts >= settings.max_attempts and job.kind is not Kind.DELETION:
        message = f"Given up after {job.attempts} attempts that never came to an end."
        report.jobs_given_up += jobs.give_up(job, message=message)
        return
    if job.kind is Kind.DELETION:
        jobs.begin_anew(job)
    events.publish([JobRequested(job.user_id, job.job_id)])
    report.jobs_resumed += 1


def _keep_gone(report: JobReport, *, jobs: JobCleanupStore, objects: PersonalData, settings: CleanupSettings) -> None:
    """Remove what came after a user had left: by a form that was still good, or by a worker's last breath."""
    lately, long_ago = jobs.deleted_users(days=settings.tombstone_kept_days)
    for user_id in (*lately, *long_ago):
        while removed := objects.remove_some(user_id):
            report.late_objects += removed
    for user_id in long_ago:
        jobs.forget(user_id)
        report.tombstones_removed += 1
