"""The stages' Lambda handlers, fed with what SQS hands them: EventBridge envelopes in batches."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from app.analysis.store import AnalysisStore
from app.items import s3
from app.items.models import IMAGE_PROCESSING, Item, Status
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.platform import aws, wiring
from app.platform.database import Database
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded
from app.platform.settings import SearchSettings, StageSettings
from app.platform.tracing import NO_TRACING
from app.search.store import SearchStore
from lambdas.analyzer.handler import handler as analyzer
from lambdas.embedder.handler import handler as embedder
from lambdas.image_processor.handler import handler as image_processor
from tests.fakes import CountingAnalyzer, CountingEmbedder, RecordingEvents, envelope

NONE_GIVEN_BACK: dict[str, Any] = {"batchItemFailures": []}


@dataclass
class Sqs:
    hidden: dict[str, int] = field(default_factory=dict)

    def change_message_visibility(self, **change: Any) -> None:
        self.hidden[change["ReceiptHandle"]] = change["VisibilityTimeout"]


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


@pytest.fixture(autouse=True)
def wired(
    monkeypatch: pytest.MonkeyPatch,
    sqs: Sqs,
    items: ItemStore,
    analyses: AnalysisStore,
    images: ImageBucket,
    events: RecordingEvents,
    database_pool: Database,
) -> None:
    collaborators = {
        "items": items,
        "analyses": analyses,
        "search_index": SearchStore(database_pool, SearchSettings()),
        "images": images,
        "events": events,
        "analyzer": CountingAnalyzer(),
        "tracer": NO_TRACING,
        "quota": None,
        "embedder": CountingEmbedder(),
        "stage_settings": StageSettings(queue_url="https://queue"),
    }
    for name, collaborator in collaborators.items():
        monkeypatch.setattr(wiring, name, lambda *_, built=collaborator: built)
    monkeypatch.setattr(aws, "client", lambda _service: sqs)


def batch(*envelopes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Records": [
            {"messageId": f"message-{n}", "receiptHandle": f"handle-{n}", "body": json.dumps(content)}
            for n, content in enumerate(envelopes)
        ]
    }


def s3_event(key: str) -> dict[str, Any]:
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": {"object": {"key": key}}}


def picture(colour: str) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), colour).save(buffer, "JPEG")
    return buffer.getvalue()


def uploaded(items: ItemStore, images: ImageBucket, user_id: UUID, colour: str = "red") -> Item:
    item_id = uuid4()
    key = s3.original_key(user_id, item_id, "image/jpeg")
    item, _ = items.add(NewItem(user_id, item_id, key, "photo.jpg", "image/jpeg", 3))
    images.put(key, picture(colour), content_type="image/jpeg")
    return item


def status(items: ItemStore, item: Item) -> Status:
    found = items.get(item.user_id, item.item_id)
    assert found
    return found.status


def test_three_handlers_carry_an_object_to_an_item_that_can_be_found(
    items: ItemStore, images: ImageBucket, events: RecordingEvents, user_id: UUID
) -> None:
    item = uploaded(items, images, user_id)

    answers = [
        image_processor(batch(s3_event(item.object_key)), None),
        analyzer(batch(*map(envelope, events.of(ImageProcessed))), None),
        embedder(batch(*map(envelope, events.of(AnalysisComplete))), None),
    ]

    assert answers == [NONE_GIVEN_BACK] * 3
    assert status(items, item) is Status.READY


def test_an_item_asked_for_anew_goes_through_the_same_door(
    items: ItemStore, images: ImageBucket, user_id: UUID
) -> None:
    item = uploaded(items, images, user_id)

    answer = image_processor(batch(envelope(ImageUploaded(user_id, item.item_id, 1))), None)

    assert answer == NONE_GIVEN_BACK
    assert status(items, item) is Status.ANALYZING


def test_only_the_message_of_the_item_that_is_busy_comes_back(
    items: ItemStore, images: ImageBucket, user_id: UUID, sqs: Sqs
) -> None:
    busy, fresh = uploaded(items, images, user_id), uploaded(items, images, user_id, "blue")
    items.claim(busy.ref, IMAGE_PROCESSING, lease_seconds=60)

    answer = image_processor(
        batch(s3_event("nobody/images/x.jpg"), s3_event(busy.object_key), s3_event(fresh.object_key)), None
    )

    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert 55 <= sqs.hidden["handle-1"] <= 61
    assert status(items, fresh) is Status.ANALYZING


def test_an_event_of_another_stage_is_refused_loudly(user_id: UUID) -> None:
    with pytest.raises(ValueError, match="expected ImageProcessed"):
        analyzer(batch(envelope(AnalysisComplete(user_id, uuid4(), 1))), None)
