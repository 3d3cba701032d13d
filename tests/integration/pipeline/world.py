"""The three stages and everything around them: users, S3, the queues between, and providers that count.

A message is delivered as SQS would: until it is let go, and again later when its worker crashed or gave it back.
"""

import io
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from PIL import Image

from app.analysis.service import analyze_images
from app.analysis.store import AnalysisStore
from app.items import s3, service
from app.items.models import Item, ItemRef, Status
from app.items.pipeline import Verdict
from app.items.processing import process_images, receive_object
from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform.errors import Unavailable
from app.platform.events import (
    AnalysisComplete,
    DuplicateFound,
    ImageProcessed,
    ImageUploaded,
    ItemEvent,
    ItemFailed,
    ItemReady,
)
from app.platform.settings import ImageSettings, StageSettings, StorageSettings
from app.search.service import embed_items
from app.search.store import SearchStore
from tests.fakes import CountingAnalyzer, CountingEmbedder, RecordingEvents

SETTINGS = StageSettings(queue_url="https://queue")


class Crash(Exception):
    """The worker is killed here."""


def crash() -> None:
    raise Crash


def outage() -> None:
    raise Unavailable("It is down.")


def once(act: Callable[[], None]) -> Callable[[], None]:
    """Do it the first time, and nothing ever after."""
    remaining = [act]
    return lambda: remaining.pop()() if remaining else None


def nothing() -> None:
    pass


def picture(colour: str = "red", size: tuple[int, int] = (30, 20)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, "JPEG")
    return buffer.getvalue()


class HookedBucket(ImageBucket):
    """The bucket, and a moment around each write of a rendition for something to happen in."""

    def __init__(self, client: Any, settings: StorageSettings) -> None:
        super().__init__(client, settings)
        self.before_put: Callable[[], None] = nothing
        self.after_put: Callable[[], None] = nothing

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        is_rendition = "/images/" not in key
        if is_rendition:
            self.before_put()
        etag = super().put(key, body, content_type=content_type)
        if is_rendition:
            self.after_put()
        return etag


class HookedEvents(RecordingEvents):
    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[], None] = nothing

    def publish(self, events: Any) -> None:
        self.before()
        super().publish(events)


Message = str | ItemEvent


@dataclass
class World:
    """Everything around the stages of one tenant."""

    user_id: UUID
    items: ItemStore
    analyses: AnalysisStore
    index: SearchStore
    images: HookedBucket
    owner: psycopg.Connection
    client: Any
    bucket: str
    events: HookedEvents = field(default_factory=HookedEvents)
    analyzer: CountingAnalyzer = field(default_factory=CountingAnalyzer)
    embedder: CountingEmbedder = field(default_factory=CountingEmbedder)
    limits: ImageSettings = field(default_factory=ImageSettings)
    # By provider or model, for requests that name one.
    analyzers: dict[str, CountingAnalyzer] = field(default_factory=dict)

    # --- what users do ---

    def upload(self, body: bytes | None = None) -> Item:
        item, _ = service.upload(
            self.user_id,
            filename="photo.jpg",
            content_type="image/jpeg",
            body=picture() if body is None else body,
            items=self.items,
            images=self.images,
            settings=StorageSettings(bucket_name=self.bucket),
        )
        return item

    def put(self, key: str, body: bytes) -> str:
        """Straight into the bucket, as `s3 cp` would."""
        self.client.put_object(Bucket=self.bucket, Key=key, Body=body, ContentType="image/jpeg")
        return key

    def delete(self, item: Item) -> None:
        service.delete(self.user_id, item.item_id, items=self.items, images=self.images)

    # --- what the cloud does ---

    def deliver(self, message: Message) -> Verdict:
        """One delivery of S3's event of a key, or of one of our own."""
        if isinstance(message, str):
            ref = receive_object(message, items=self.items, images=self.images)
            return self._process(ref) if ref else None
        ref = ItemRef(message.user_id, message.item_id, message.generation)
        return self._stages()[type(message)](ref)

    def drain(self, *messages: Message) -> None:
        """Deliver until nothing is left, what is announced on the way included."""
        waiting, taken = deque(messages), len(self.events.published)
        for _ in range(200):
            if not waiting:
                return
            message = waiting.popleft()
            try:
                verdict = self.deliver(message)
            except Crash:
                verdict = 540
            except Unavailable as exc:
                verdict = exc.retry_after
            if verdict is not None:
                self.let_time_pass()
                waiting.append(message)
            waiting.extend(self.events.published[taken:])
            taken = len(self.events.published)
        raise AssertionError("messages go round for ever")

    def let_time_pass(self) -> None:
        """Long enough for every lease to end."""
        self.owner.execute("UPDATE items SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL")

    def _stages(self) -> Mapping[type[ItemEvent], Callable[[ItemRef], Verdict]]:
        return {
            ImageUploaded: self._process,
            ImageProcessed: lambda ref: self.analyze(ref)[0],
            AnalysisComplete: lambda ref: self.embed(ref)[0],
            ItemReady: lambda _: None,
            ItemFailed: lambda _: None,
            DuplicateFound: lambda _: None,
        }

    def _process(self, ref: ItemRef) -> Verdict:
        [verdict] = process_images(
            [ref],
            items=self.items,
            images=self.images,
            events=self.events,
            limits=self.limits,
            settings=SETTINGS,
        )
        return verdict

    def analyze(self, *refs: ItemRef) -> list[Verdict]:
        return analyze_images(
            refs,
            items=self.items,
            images=self.images,
            analyses=self.analyses,
            analyzer=lambda provider, model: self.analyzers.get(provider or model or "", self.analyzer),
            events=self.events,
            settings=SETTINGS,
        )

    def embed(self, *refs: ItemRef) -> list[Verdict]:
        return embed_items(
            refs,
            items=self.items,
            analyses=self.analyses,
            index=self.index,
            embedder=lambda: self.embedder,
            events=self.events,
            settings=SETTINGS,
        )

    # --- what there is to see ---

    def now(self, item: Item) -> Item:
        return service.get(self.user_id, item.item_id, items=self.items)

    def rows(self, table: str) -> int:
        found = self.owner.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", [self.user_id]).fetchone()
        assert found
        return int(found[0])

    def all_rows(self) -> tuple[int, int, int]:
        return self.rows("items"), self.rows("analyses"), self.rows("item_search")

    def objects(self) -> list[str]:
        return [key for key, _ in self.images.list_keys()]

    def calls(self) -> tuple[int, int]:
        return self.analyzer.calls, self.embedder.calls


def shown(world: World, item: Item) -> set[str]:
    """The renditions that the item's links lead to."""
    now = world.now(item)
    assert now.width is not None
    return set(s3.rendition_keys(now.user_id, now.item_id, {now.rendition_generation}))


def is_alone(world: World, item: Item) -> bool:
    """Nothing is left but this item, ready, with its three objects."""
    found = set(world.objects()) == {item.object_key, *shown(world, item)}
    return found and world.rows("items") == 1 and world.now(item).status is Status.READY
