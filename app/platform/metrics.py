"""Metrics in CloudWatch's embedded format: the log line is the metric, and costs no call. Dimensions never name people.

A metric is paid for by the combination of its name and dimensions, and only for the hours in which it was written.
"""

from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Collections"
# The dimension that every one of them has.
SERVICE = "collections"
_UNITS = {"_ms": MetricUnit.Milliseconds, "_usd": MetricUnit.NoUnit}


def publish(values: Mapping[str, float], *, service: str = SERVICE, **dimensions: str) -> None:
    """Write these values as one line. `…_ms` are milliseconds, `…_usd` dollars, everything else is counted."""
    metrics = EphemeralMetrics(namespace=NAMESPACE, service=service)
    for dimension, named in dimensions.items():
        metrics.add_dimension(name=dimension, value=named)
    for name, value in values.items():
        unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), MetricUnit.Count)
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
