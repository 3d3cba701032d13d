"""What the Lambdas wrote."""

from collections.abc import Iterator
from typing import Any

from scripts import outputs


def events(function: str, found: dict[str, str], *, since: float, containing: str = "") -> Iterator[dict[str, Any]]:
    """A function's log lines since then (seconds since the epoch), oldest first; with this phrase in them, if any."""
    config = outputs.client("lambda", found).get_function_configuration(FunctionName=function)
    group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{function}"
    narrowed = {"filterPattern": f'"{containing}"'} if containing else {}
    pages = (
        outputs.client("logs", found)
        .get_paginator("filter_log_events")
        .paginate(logGroupName=group, startTime=int(since * 1000), **narrowed)
    )
    for page in pages:
        yield from page["events"]
