"""What the Lambdas wrote."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from scripts import outputs

_LOOK_AGAIN_S = 1.0
# Lines of several workers come in late and in no order.
_LATE_S = 10


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


def follow(
    function: str, found: dict[str, str], *, since: float, pause: Callable[[float], object] = time.sleep
) -> Iterator[dict[str, Any]]:
    """The same, and then every line that is written, for ever. `pause` waits so many seconds before the next look."""
    seen: dict[str, float] = {}
    while True:
        for event in events(function, found, since=since - _LATE_S if seen else since):
            written = event["timestamp"] / 1000
            if (identity := _identity(event)) not in seen:
                seen[identity] = written
                since = max(since, written)
                yield event
        seen = {identity: written for identity, written in seen.items() if written >= since - _LATE_S}
        pause(_LOOK_AGAIN_S)


def _identity(event: dict[str, Any]) -> str:
    """AWS numbers its events; the local cloud numbers those alone that were put there by an API call."""
    return event.get("eventId") or f"{event.get('logStreamName')} {event['timestamp']} {event['message']}"
