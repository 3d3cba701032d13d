"""Publishing to EventBridge. A call that answers 200 may still have refused an event: `FailedEntryCount` tells."""

import os
from collections.abc import Sequence
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.errors import Unavailable
from app.platform.events import Event

# Lambda sets it for each invocation. With it in the event, EventBridge tells the queue, the queue tells the next
# function, and X-Ray shows an item's way through the stages as one (AWS X-Ray Developer Guide, "Amazon EventBridge").
_TRACE = "_X_AMZN_TRACE_ID"
# PutEvents takes ten entries a call.
_ENTRIES_AT_ONCE = 10


class EventBridgePublisher:
    """`EventPublisher` on the account's default bus (S3 publishes there too), through a boto3 client."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def publish(self, events: Sequence[Event]) -> None:
        remaining = iter(events)
        while batch := list(islice(remaining, _ENTRIES_AT_ONCE)):
            self._put(batch)

    def _put(self, events: Sequence[Event]) -> None:
        traced = {"TraceHeader": header} if (header := os.environ.get(_TRACE)) else {}
        entries = [
            {"Source": event.source, "DetailType": event.detail_type, "Detail": event.detail(), **traced}
            for event in events
        ]
        try:
            answer = self._client.put_events(Entries=entries)
        except (EndpointError, HTTPClientError) as exc:
            raise Unavailable("The event bus does not answer.") from exc
        except ClientError as exc:
            if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500 and not _is_throttled(exc):
                raise
            raise Unavailable("The event bus does not answer.") from exc
        if answer["FailedEntryCount"]:
            raise Unavailable(f"The event bus refused {answer['FailedEntryCount']} of {len(entries)} events.")


def _is_throttled(exc: ClientError) -> bool:
    return "Throttl" in str(exc.response.get("Error", {}).get("Code", ""))
