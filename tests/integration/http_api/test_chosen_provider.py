"""A provider and a model named in a request, all the way to the vendor and back."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from PIL import Image

from app.items.models import Item
from app.platform import wiring
from app.platform.events import ImageProcessed, ImageUploaded, ItemEvent
from lambdas.analyzer.handler import handler as analyzer
from lambdas.image_processor.handler import handler as image_processor
from tests.fakes import envelope
from tests.integration.http_api.application import User, stored_keys
from tests.stub_providers import OVERLOADED, AnthropicStub, OpenAIStub, serving


@pytest.fixture
def claude() -> AnthropicStub:
    return AnthropicStub()


@pytest.fixture
def openai() -> OpenAIStub:
    return OpenAIStub()


@pytest.fixture(autouse=True)
def providers(reconfigured: Callable[..., None], claude: AnthropicStub, openai: OpenAIStub) -> Iterator[None]:
    with stored_keys("anthropic", "openai"), serving(claude, openai, keep_alive=False) as url:
        reconfigured(
            ANALYSIS_PROVIDER="claude",
            ANALYSIS_ALLOWED='{"openai": ["gpt-6-luna"]}',
            ANTHROPIC_BASE_URL=url,
            OPENAI_BASE_URL=url,
            QUEUE_URL="https://sqs.eu-central-1.amazonaws.com/123456789012/queue",
        )
        yield


def deliver(handle: Callable[..., dict[str, Any]], event: type[ItemEvent], item: Item) -> None:
    body = json.dumps(envelope(event(item.user_id, item.item_id, item.generation)))
    batch = {"Records": [{"messageId": "m", "receiptHandle": "r", "body": body}]}
    assert handle(batch, None) == {"batchItemFailures": []}


@pytest.fixture
def item_id(user: User) -> UUID:
    """Uploaded, and analyzed by whoever is configured."""
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "green").save(out, "JPEG")
    created = UUID(user.upload(out.getvalue(), filename="a.jpg", content_type="image/jpeg").json()["id"])
    for handle, event in ((image_processor, ImageUploaded), (analyzer, ImageProcessed)):
        deliver(handle, event, now(user, created))
    return created


def now(user: User, item_id: UUID) -> Item:
    item = wiring.items().get(user.user_id, item_id)
    assert item
    return item


def versions(user: User, item_id: UUID) -> list[tuple[str, str]]:
    found = user.get(f"/items/{item_id}/analyses").json()["items"]
    return [(each["provider_used"], each["model_used"]) for each in found]


def test_an_image_is_described_anew_by_the_provider_and_model_that_its_owner_named(
    user: User, item_id: UUID, claude: AnthropicStub, openai: OpenAIStub
) -> None:
    wanted = {"force_reanalyze": True, "provider": "openai", "model": "gpt-6-luna"}

    answer = user.post(f"/items/{item_id}/analyze", wanted)
    deliver(analyzer, ImageProcessed, now(user, item_id))

    assert answer.status_code == 202
    assert versions(user, item_id)[0] == ("openai", "gpt-6-luna")
    assert versions(user, item_id)[1][0] == "claude"
    assert (claude.calls, openai.calls, openai.refused) == (1, 1, [])


def test_nobody_stands_in_for_a_provider_that_was_named(
    user: User, item_id: UUID, claude: AnthropicStub, openai: OpenAIStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_FALLBACK", "claude")
    openai.default = OVERLOADED
    user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True, "provider": "openai"})
    item = now(user, item_id)
    body = json.dumps(envelope(ImageProcessed(item.user_id, item.item_id, item.generation)))
    queue_url = boto3.client("sqs").create_queue(QueueName="queue")["QueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=queue_url, MessageBody=body)
    received = boto3.client("sqs").receive_message(QueueUrl=queue_url)["Messages"][0]

    verdict = analyzer(
        {"Records": [{"messageId": "m", "receiptHandle": received["ReceiptHandle"], "body": body}]}, None
    )

    assert verdict == {"batchItemFailures": [{"itemIdentifier": "m"}]}
    assert now(user, item_id).analysis_provider == "openai"
    assert claude.calls == 1
