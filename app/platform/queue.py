"""The queue edge: SQS batches in, partial failures out. A message goes only when its work and its event are out."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.platform.errors import Unavailable
from app.platform.logs import facts, logger

# A message's body is the EventBridge envelope that the rule put there.
Envelope = Mapping[str, Any]
# One verdict per envelope: None lets the message go, a number gives it back for that many seconds.
Handle = Callable[[Sequence[Envelope]], Sequence[int | None]]

# What the log says of a batch whose handling raised what nobody understands.
BATCH_FAILED = "batch failed"

# SQS hides a message for at most 12 hours from when it was received.
_MOST_DELAY_S = 11 * 3600


def consume(
    event: Mapping[str, Any], context: object = None, *, handle: Handle, queue_url: str, sqs: Any
) -> dict[str, Any]:
    """Run `handle` over a Lambda SQS event, and answer in the `ReportBatchItemFailures` form.

    What `handle` raises as Unavailable gives the whole batch back; everything else escapes, fails the invocation, and
    ends in the dead-letter queue if it keeps happening.

    Args:
        context: Lambda's own; every log line carries its request id.
    """
    with facts(request_id=getattr(context, "aws_request_id", None)):
        return _consume(event, handle=handle, queue_url=queue_url, sqs=sqs)


def _consume(event: Mapping[str, Any], *, handle: Handle, queue_url: str, sqs: Any) -> dict[str, Any]:
    records = event["Records"]
    try:
        verdicts = handle([json.loads(record["body"]) for record in records])
    except Unavailable as exc:
        logger.warning("batch given back", reason=exc.detail)
        verdicts = [exc.retry_after] * len(records)
    except Exception:
        # Which messages it was, nobody else knows: scripts/dlq.py finds the reason of a dead letter by this line.
        logger.exception(BATCH_FAILED, message_ids=[record["messageId"] for record in records])
        raise
    failures = []
    for record, delay in zip(records, verdicts, strict=True):
        if delay is not None:
            _hide(record, delay, queue_url=queue_url, sqs=sqs)
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _hide(record: Mapping[str, Any], delay: int, *, queue_url: str, sqs: Any) -> None:
    """Have the message come back after `delay` seconds instead of the queue's long visibility timeout."""
    sqs.change_message_visibility(
        QueueUrl=queue_url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=min(delay, _MOST_DELAY_S)
    )
