"""The hourly rule → a sweep, reported as metrics."""

from collections.abc import Mapping
from typing import Any

from app.cleanup import service
from app.cleanup.conversations import count_expired
from app.cleanup.jobs import clean_up_jobs
from app.platform import aws, metrics, wiring
from app.platform.build_info import probed
from app.platform.logs import logger
from app.platform.settings import CleanupSettings, ConversationSettings


@probed
def handler(_event: Mapping[str, Any], _context: object) -> dict[str, int]:
    sessions = ConversationSettings().sessions_table
    report = service.clean_up(
        items=wiring.cleanup_store(),
        images=wiring.images(),
        events=wiring.events(),
        count_expired_conversations=lambda: count_expired(aws.client("dynamodb"), sessions),
        settings=CleanupSettings(),
    )
    swept_jobs = clean_up_jobs(
        jobs=wiring.job_cleanup_store(),
        images=wiring.images(),
        objects=wiring.objects_of_user(),
        events=wiring.events(),
        settings=CleanupSettings(),
    )
    expired = {"expired_reservations": wiring.usage_cleanup_store().release_expired()}
    counts = report.as_metrics() | swept_jobs.as_metrics() | expired
    # Only what happened: a metric is paid for by the hour in which it is written.
    if happened := {name: count for name, count in counts.items() if count}:
        metrics.publish(happened, service="cleanup")
    if report.given_up:
        metrics.publish({"items_failed": report.given_up})
    logger.info("swept", counts=counts)
    return counts
