"""Publishing through the real SDK, with EventBridge's answers put in its mouth."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from app.platform.errors import Unavailable
from app.platform.eventbridge import EventBridgePublisher
from app.platform.events import ImageProcessed, ItemEvent, ItemReady


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client(
        "events",
        region_name="eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        endpoint_url="http://127.0.0.1:9",
    )


@pytest.fixture
def bus(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def ready(count: int) -> list[ItemEvent]:
    return [ItemReady(uuid4(), uuid4(), 1) for _ in range(count)]


def accepts(bus: Stubber, count: int, *, refused: int = 0) -> None:
    entries = [{"EventId": str(n)} for n in range(count - refused)] + [{"ErrorCode": "InternalFailure"}] * refused
    answer = {"FailedEntryCount": refused, "Entries": entries}
    bus.add_response("put_events", answer, {"Entries": [ANY] * count})


def test_an_event_goes_out_under_its_own_source_and_name(client: Any, bus: Stubber) -> None:
    event = ImageProcessed(uuid4(), uuid4(), 2)
    wanted = {"Source": event.source, "DetailType": "ImageProcessed", "Detail": event.detail()}
    bus.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [wanted]})

    EventBridgePublisher(client).publish([event])

    assert json.loads(wanted["Detail"])["event_id"] == str(event.event_id)


def test_an_event_carries_the_trace_it_was_published_in(
    client: Any, bus: Stubber, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    event = ImageProcessed(uuid4(), uuid4(), 2)
    wanted = {
        "Source": event.source,
        "DetailType": "ImageProcessed",
        "Detail": event.detail(),
        "TraceHeader": header,
    }
    bus.add_response("put_events", {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}, {"Entries": [wanted]})

    EventBridgePublisher(client).publish([event])


def test_an_answer_of_200_that_refused_an_event_is_a_failure(client: Any, bus: Stubber) -> None:
    accepts(bus, 3, refused=1)

    with pytest.raises(Unavailable, match="1 of 3"):
        EventBridgePublisher(client).publish(ready(3))


def test_events_go_out_ten_at_a_time(client: Any, bus: Stubber) -> None:
    for size in (10, 10, 3):
        accepts(bus, size)

    EventBridgePublisher(client).publish(ready(23))


def test_a_refusal_in_the_second_ten_is_not_overlooked(client: Any, bus: Stubber) -> None:
    accepts(bus, 10)
    accepts(bus, 2, refused=2)

    with pytest.raises(Unavailable):
        EventBridgePublisher(client).publish(ready(12))


def test_nothing_to_publish_asks_nothing(client: Any, bus: Stubber) -> None:
    EventBridgePublisher(client).publish([])


@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("Throttling", 400), ("InternalException", 500), ("ServiceUnavailable", 503)],
)
def test_what_may_pass_is_unavailable(client: Any, bus: Stubber, code: str, status: int) -> None:
    bus.add_client_error("put_events", service_error_code=code, http_status_code=status)

    with pytest.raises(Unavailable):
        EventBridgePublisher(client).publish(ready(1))


@pytest.mark.parametrize("code", ["AccessDeniedException", "ValidationException", "ResourceNotFoundException"])
def test_what_waiting_does_not_mend_escapes(client: Any, bus: Stubber, code: str) -> None:
    bus.add_client_error("put_events", service_error_code=code, http_status_code=400)

    with pytest.raises(ClientError):
        EventBridgePublisher(client).publish(ready(1))


def test_a_bus_that_is_not_there_is_unavailable() -> None:
    client = boto3.client(
        "events",
        region_name="eu-central-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        endpoint_url="http://127.0.0.1:9",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=1),
    )

    with pytest.raises(Unavailable):
        EventBridgePublisher(client).publish(ready(1))
