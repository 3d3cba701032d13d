"""The queue edge: which messages go, which come back, and when."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.platform import queue
from app.platform.errors import PermanentFailure, Unavailable


@dataclass
class Sqs:
    """Remembers for how long each message was hidden."""

    hidden: dict[str, int] = field(default_factory=dict)

    def change_message_visibility(self, *, QueueUrl: str, ReceiptHandle: str, VisibilityTimeout: int) -> None:  # noqa: N803
        assert QueueUrl == "https://queue"
        self.hidden[ReceiptHandle] = VisibilityTimeout


def delivered(count: int) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"message-{n}", "receiptHandle": f"handle-{n}", "body": json.dumps({"number": n})}
            for n in range(count)
        ]
    }


def given_back(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": f"message-{n}"} for n in numbers]}


def test_what_was_handled_goes_and_the_rest_comes_back_in_its_own_time() -> None:
    sqs = Sqs()

    answer = queue.consume(delivered(4), handle=lambda _: [None, 30, None, 0], queue_url="https://queue", sqs=sqs)

    assert answer == given_back(1, 3)
    assert sqs.hidden == {"handle-1": 30, "handle-3": 0}


def test_the_handler_sees_the_bodies_in_order() -> None:
    seen: list[int] = []

    def handle(envelopes: Sequence[queue.Envelope]) -> list[None]:
        seen.extend(envelope["number"] for envelope in envelopes)
        return [None] * len(envelopes)

    queue.consume(delivered(3), handle=handle, queue_url="https://queue", sqs=Sqs())

    assert seen == [0, 1, 2]


def test_when_all_is_well_nothing_is_hidden() -> None:
    sqs = Sqs()

    answer = queue.consume(delivered(3), handle=lambda _: [None] * 3, queue_url="https://queue", sqs=sqs)

    assert answer == given_back()
    assert sqs.hidden == {}


def test_a_wait_is_never_longer_than_sqs_can_hide_a_message() -> None:
    sqs = Sqs()

    queue.consume(delivered(1), handle=lambda _: [10**6], queue_url="https://queue", sqs=sqs)

    assert 3600 < sqs.hidden["handle-0"] < 12 * 3600


def test_while_something_is_down_the_whole_batch_comes_back() -> None:
    sqs = Sqs()

    def handle(_: Sequence[queue.Envelope]) -> list[int | None]:
        raise Unavailable("The database cannot be reached.", retry_after=17)

    answer = queue.consume(delivered(3), handle=handle, queue_url="https://queue", sqs=sqs)

    assert answer == given_back(0, 1, 2)
    assert sqs.hidden == {"handle-0": 17, "handle-1": 17, "handle-2": 17}


@pytest.mark.parametrize("error", [KeyError("detail"), PermanentFailure("refused", "No."), RuntimeError("a bug")])
def test_what_nobody_understood_escapes_and_is_seen(error: Exception) -> None:
    def handle(_: Sequence[queue.Envelope]) -> list[int | None]:
        raise error

    with pytest.raises(type(error)):
        queue.consume(delivered(1), handle=handle, queue_url="https://queue", sqs=Sqs())


def test_the_log_says_which_messages_a_failed_batch_had(caplog: pytest.LogCaptureFixture) -> None:
    def handle(_: Sequence[queue.Envelope]) -> list[int | None]:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        queue.consume(delivered(2), handle=handle, queue_url="https://queue", sqs=Sqs())

    line = caplog.records[-1]
    assert (line.getMessage(), line.__dict__["message_ids"]) == (queue.BATCH_FAILED, ["message-0", "message-1"])
    assert line.exc_info


def test_a_body_that_is_not_json_escapes_and_is_seen() -> None:
    event = {"Records": [{"messageId": "m", "receiptHandle": "h", "body": "Dear queue"}]}

    with pytest.raises(ValueError, match="Expecting value"):
        queue.consume(event, handle=lambda _: [None], queue_url="https://queue", sqs=Sqs())


def test_a_handler_that_forgets_a_message_is_found_out() -> None:
    with pytest.raises(ValueError, match="shorter"):
        queue.consume(delivered(2), handle=lambda _: [None], queue_url="https://queue", sqs=Sqs())
