"""The hourly rule → a sweep, reported as metrics."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from app.cleanup import service
from app.cleanup.conversations import count_expired
from app.platform import aws, wiring
from app.platform.logs import logger
from app.platform.settings import CleanupSettings, ConversationSettings

# CloudWatch's embedded metric format: the log line is the metric.
metrics = Metrics(namespace="Collections", service="cleanup")


def handler(_event: Mapping[str, Any], _context: object) -> dict[str, int]:
    sessions = ConversationSettings().sessions_table  # type: ignore[call-arg]  # from the environment
    report = service.clean_up(
        items=wiring.cleanup_store(),
        images=wiring.images(),
        events=wiring.events(),
        count_expired_conversations=lambda: count_expired(aws.client("dynamodb"), sessions),
        settings=CleanupSettings(),
    )
    counts = report.as_metrics()
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    metrics.flush_metrics()
    logger.info("swept", counts=counts)
    return counts
