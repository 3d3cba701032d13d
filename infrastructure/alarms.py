"""What an alarm is here: it says what happened, and names the paragraph of the runbook that says what to do."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from app.platform.metrics import NAMESPACE, SERVICE

RUNBOOKS = "docs/runbooks.md"
MINUTE = Duration.minutes(1)
FIVE_MINUTES = Duration.minutes(5)
DAY = Duration.days(1)


@dataclass(frozen=True, slots=True)
class Limit:
    """When an alarm goes off: in so many periods one after the other the metric was beyond `value`.

    Args:
        below: it is too little that is wrong.
    """

    value: float
    periods: int = 1
    below: bool = False


def alarm(
    scope: Construct, construct_id: str, *, metric: cloudwatch.Metric, limit: Limit, says: str, runbook: str
) -> cloudwatch.Alarm:
    """An alarm that silence does not raise.

    Args:
        runbook: the heading of its paragraph, as the anchor that Markdown makes of it.
    """
    operators = cloudwatch.ComparisonOperator
    return cloudwatch.Alarm(
        scope,
        construct_id,
        alarm_description=f"{says} What to do: {RUNBOOKS}#{runbook}",
        metric=metric,
        threshold=limit.value,
        comparison_operator=operators.LESS_THAN_THRESHOLD if limit.below else operators.GREATER_THAN_THRESHOLD,
        evaluation_periods=limit.periods,
        treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
    )


def our_metric(name: str, *, statistic: str, period: Duration, **dimensions: str) -> cloudwatch.Metric:
    """One that the code writes by `app.platform.metrics`: with exactly these dimensions."""
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        dimensions_map={"service": SERVICE, **dimensions},
        statistic=statistic,
        period=period,
    )
