"""The three stages on real PostgreSQL and S3, with providers that count: whatever happens, one input has one effect.

A message is delivered as SQS would: until it is let go, and again later when its worker crashed or gave it back.
"""

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from PIL import Image

from app.analysis.models import AnalysisDocument
from app.analysis.service import analyze_images
from app.analysis.store import AnalysisStore
from app.items import s3, service
from app.items.models import Item, ItemRef, Status
from app.items.pipeline import Verdict
from app.items.processing import process_images, receive_object
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.platform.database import Database
from app.platform.errors import Conflict, NotFound, PermanentFailure, Unavailable
from app.platform.events import (
    AnalysisComplete,
    DuplicateFound,
    ImageProcessed,
    ImageUploaded,
    ItemEvent,
    ItemFailed,
    ItemReady,
)
from app.platform.settings import ImageSettings, SearchSettings, StageSettings, StorageSettings
from app.search.edits import reindex
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


@pytest.fixture
def world(
    user_id: UUID,
    items: ItemStore,
    analyses: AnalysisStore,
    database_pool: Database,
    owner: psycopg.Connection,
    s3_client: Any,
    bucket_name: str,
) -> World:
    images = HookedBucket(s3_client, StorageSettings(bucket_name=bucket_name))
    index = SearchStore(database_pool, SearchSettings())
    return World(user_id, items, analyses, index, images, owner, s3_client, bucket_name)


def test_an_upload_becomes_an_item_that_can_be_found(world: World) -> None:
    item = world.upload()

    world.drain(item.object_key)

    ready = world.now(item)
    assert (ready.status, ready.width, ready.height) == (Status.READY, 30, 20)
    assert ready.sha256 == sha256(picture()).digest()
    assert world.all_rows() == (1, 1, 1)
    assert sorted(world.objects()) == sorted(s3.keys_of(item.user_id, item.item_id, item.object_key, {1}))
    assert world.calls() == (1, 1)


def test_every_event_delivered_five_times_at_once_is_paid_for_once(world: World) -> None:
    item = world.upload()
    chain: list[Message] = [
        item.object_key,
        ImageProcessed(world.user_id, item.item_id, 1),
        AnalysisComplete(world.user_id, item.item_id, 1),
    ]

    with ThreadPoolExecutor(5) as workers:
        for message in chain:
            list(workers.map(world.deliver, [message] * 5))

    assert world.now(item).status is Status.READY
    assert world.calls() == (1, 1)
    assert world.all_rows() == (1, 1, 1)


def test_events_in_any_order_and_number_come_to_the_same_end(world: World) -> None:
    item = world.upload()
    of_item = [kind(world.user_id, item.item_id, 1) for kind in (AnalysisComplete, ImageProcessed, ImageUploaded)]

    world.drain(*of_item, item.object_key, *of_item, item.object_key)

    assert world.now(item).status is Status.READY
    assert world.calls() == (1, 1)
    assert world.all_rows() == (1, 1, 1)


@pytest.mark.parametrize(
    ("break_it", "calls"),
    [
        (lambda world, act: setattr(world.images, "before_put", act), (1, 1)),
        (lambda world, act: setattr(world.images, "after_put", act), (1, 1)),
        (lambda world, act: setattr(world.analyzer, "before", act), (1, 1)),
        (lambda world, act: setattr(world.analyzer, "after", act), (2, 1)),
        (lambda world, act: setattr(world.embedder, "before", act), (1, 1)),
        (lambda world, act: setattr(world.embedder, "after", act), (1, 2)),
        (lambda world, act: setattr(world.events, "before", act), (1, 1)),
    ],
    ids=[
        "before the renditions",
        "between the renditions",
        "before the analysis",
        "after the analysis",
        "before the embedding",
        "after the embedding",
        "after the commit",
    ],
)
@pytest.mark.parametrize("how", [crash, outage])
def test_a_worker_stopped_anywhere_loses_nothing(
    world: World, break_it: Callable[[World, Any], None], calls: tuple[int, int], how: Callable[[], None]
) -> None:
    """A reply that was lost with its worker is paid for again; nothing else is."""
    item = world.upload()
    break_it(world, once(how))

    world.drain(item.object_key)

    assert world.now(item).status is Status.READY
    assert world.calls() == calls
    assert world.all_rows() == (1, 1, 1)
    assert len(world.objects()) == 3


def test_a_worker_killed_at_every_announcement_still_announces(world: World) -> None:
    item = world.upload()
    world.events.before = Crashing(every=2)

    world.drain(item.object_key)

    assert world.now(item).status is Status.READY
    assert world.calls() == (1, 1)
    assert world.events.of(ItemReady)


@dataclass
class Crashing:
    """Crashes at every second (third, …) call."""

    every: int
    calls: int = -1

    def __call__(self) -> None:
        self.calls += 1
        if self.calls % self.every == 0:
            raise Crash


def test_an_outage_of_the_embeddings_costs_no_further_analysis(world: World) -> None:
    item = world.upload()
    outages = iter(range(5))

    def down() -> None:
        if next(outages, None) is not None:
            raise Unavailable("down", retry_after=60)

    world.embedder.before = down

    world.drain(item.object_key)

    assert world.now(item).status is Status.READY
    assert world.calls() == (1, 1)


def test_an_image_that_a_provider_refuses_fails_with_its_code(world: World) -> None:
    item = world.upload()

    def refuse() -> None:
        raise PermanentFailure("refused", "The provider does not look at this.")

    world.analyzer.before = refuse

    world.drain(item.object_key)

    assert world.now(item).error_code == "refused"
    assert world.all_rows() == (1, 0, 0)
    assert world.events.of(ItemFailed) == [ItemFailed(world.user_id, item.item_id, 1)]


@pytest.mark.parametrize(
    ("body", "code"), [(b"Dear diary", "not_an_image"), (b"", "empty_file"), (picture()[:400], "broken_image")]
)
def test_what_is_no_image_fails_at_the_first_stage(world: World, body: bytes, code: str) -> None:
    item = world.upload(body)

    world.drain(item.object_key)

    assert world.now(item).error_code == code
    assert world.calls() == (0, 0)
    assert world.objects() == [item.object_key]


# --- deleting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "at",
    [
        lambda world, act: act(),
        lambda world, act: setattr(world.images, "before_put", act),
        lambda world, act: setattr(world.images, "after_put", act),
        lambda world, act: setattr(world.events, "before", act),
        lambda world, act: setattr(world.analyzer, "before", act),
        lambda world, act: setattr(world.analyzer, "after", act),
        lambda world, act: setattr(world.embedder, "before", act),
        lambda world, act: setattr(world.embedder, "after", act),
    ],
    ids=[
        "before its event",
        "before its renditions",
        "between its renditions",
        "before it is announced",
        "before its analysis",
        "after its analysis",
        "before its embedding",
        "after its embedding",
    ],
)
def test_an_item_deleted_at_any_moment_leaves_nothing(world: World, at: Callable[[World, Any], None]) -> None:
    item = world.upload()
    at(world, once(lambda: world.delete(item)))

    world.drain(item.object_key)

    assert world.all_rows() == (0, 0, 0)
    assert world.objects() == []
    with pytest.raises(NotFound):
        world.now(item)


def test_a_ready_item_s_deletion_takes_everything_and_later_events_bring_nothing_back(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.delete(item)
    kinds = (ImageUploaded, ImageProcessed, AnalysisComplete)

    world.drain(item.object_key, *(kind(world.user_id, item.item_id, 1) for kind in kinds))

    assert world.all_rows() == (0, 0, 0)
    assert world.objects() == []
    assert world.calls() == (1, 1)


def test_a_deletion_that_s3_interrupted_hides_the_item_from_the_pipeline(world: World) -> None:
    item = world.upload()
    world.items.mark_deleted(world.user_id, item.item_id)

    world.drain(item.object_key)

    assert world.calls() == (0, 0)
    assert world.objects() == [item.object_key]  # cleanup's


# --- the bucket's own door --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["holiday.jpg", "2024/05/IMG 0001 (1).JPG", "写真.jpg", "a+b&c=d%20.jpg", "no extension", "it's.jpg"]
)
def test_an_object_put_straight_into_the_bucket_becomes_an_item(world: World, name: str) -> None:
    key = world.put(f"{world.user_id}/images/{name}", picture())

    world.drain(key)

    item = world.items.find_by_key(world.user_id, key)
    assert item
    assert (item.status, item.original_filename) == (Status.READY, name.rpartition("/")[2])
    assert world.all_rows() == (1, 1, 1)


def test_an_object_announced_five_times_at_once_is_one_item(world: World) -> None:
    key = world.put(f"{world.user_id}/images/holiday.jpg", picture())

    with ThreadPoolExecutor(5) as workers:
        list(workers.map(world.deliver, [key] * 5))
    world.drain(key)

    assert world.all_rows() == (1, 1, 1)
    assert world.calls() == (1, 1)


@pytest.mark.parametrize("key", ["images/holiday.jpg", "somebody/images/holiday.jpg", "readme.txt", "{user}/images/"])
def test_an_object_under_nobody_s_prefix_is_left_alone(world: World, key: str) -> None:
    key = world.put(key.format(user=world.user_id), picture())

    assert world.deliver(key) is None
    assert world.rows("items") == 0


def test_an_object_that_is_gone_before_its_event_is_nothing(world: World) -> None:
    assert world.deliver(f"{world.user_id}/images/holiday.jpg") is None
    assert world.rows("items") == 0


def test_an_object_of_a_deleted_item_is_not_adopted(world: World) -> None:
    item = world.upload()
    world.delete(item)
    world.put(item.object_key, picture())

    verdict = world.deliver(item.object_key)

    assert verdict is None
    assert world.rows("items") == 0


def test_a_replaced_object_goes_through_the_pipeline_as_the_next_generation(world: World) -> None:
    key = world.put(f"{world.user_id}/images/holiday.jpg", picture("red"))
    world.drain(key)
    world.put(key, picture("blue", size=(50, 40)))

    world.drain(key)

    item = world.items.find_by_key(world.user_id, key)
    assert item
    assert (item.status, item.generation, item.width) == (Status.READY, 2, 50)
    assert item.sha256 == sha256(picture("blue", size=(50, 40))).digest()
    assert world.calls() == (2, 2)
    assert world.all_rows() == (1, 2, 1)


def test_the_event_of_an_object_that_did_not_change_restarts_nothing(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)

    world.drain(item.object_key)

    assert world.now(item).generation == 1
    assert world.calls() == (1, 1)


def test_a_replaced_object_announced_five_times_at_once_is_one_new_generation(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.put(item.object_key, picture("blue"))

    with ThreadPoolExecutor(5) as workers:
        list(workers.map(world.deliver, [item.object_key] * 5))
    world.drain(item.object_key)

    assert world.now(item).generation == 2
    assert world.calls() == (2, 2)


@pytest.mark.parametrize("first", [b"", b"half an upload", picture()[:300]])
def test_an_object_that_was_broken_and_is_replaced_gets_its_chance(world: World, first: bytes) -> None:
    key = world.put(f"{world.user_id}/images/holiday.jpg", first)
    world.drain(key)
    world.put(key, picture())

    world.drain(key)

    item = world.items.find_by_key(world.user_id, key)
    assert item
    assert (item.status, item.error) == (Status.READY, None)


def test_an_object_replaced_while_it_is_read_ends_as_what_it_is_now(world: World) -> None:
    key = world.put(f"{world.user_id}/images/holiday.jpg", picture("red"))

    def replace_it() -> None:
        world.put(key, picture("blue", size=(50, 40)))

    world.images.before_put = once(replace_it)

    world.drain(key, key)

    item = world.items.find_by_key(world.user_id, key)
    assert item
    assert (item.status, item.width) == (Status.READY, 50)
    assert item.sha256 == sha256(picture("blue", size=(50, 40))).digest()


def test_a_duplicate_that_is_replaced_by_another_picture_gets_its_chance(world: World) -> None:
    world.drain(world.upload().object_key)
    key = world.put(f"{world.user_id}/images/copy.jpg", picture())
    world.drain(key)
    world.put(key, picture("blue"))

    world.drain(key)

    item = world.items.find_by_key(world.user_id, key)
    assert item
    assert item.status is Status.READY


def test_an_object_that_was_too_large_and_is_replaced_gets_its_chance(world: World) -> None:
    key = world.put(f"{world.user_id}/images/holiday.jpg", picture(size=(600, 600)) + bytes(5000))
    world.limits = ImageSettings(image_max_bytes=5000)
    world.drain(key, key)
    refused = world.items.find_by_key(world.user_id, key)
    world.put(key, picture())

    world.drain(key)

    item = world.items.find_by_key(world.user_id, key)
    assert refused
    assert (refused.error_code, refused.generation) == ("file_too_large", 1)
    assert item
    assert (item.item_id, item.status, item.error) == (refused.item_id, Status.READY, None)


def test_an_object_that_was_missing_and_comes_after_all_gets_its_chance(world: World) -> None:
    item = world.upload()
    world.client.delete_object(Bucket=world.bucket, Key=item.object_key)
    world.drain(ImageUploaded(world.user_id, item.item_id, 1))
    assert world.now(item).error_code == "file_missing"
    world.put(item.object_key, picture())

    world.drain(item.object_key)

    assert (world.now(item).status, world.now(item).error) == (Status.READY, None)


def test_an_item_whose_object_is_replaced_by_a_broken_one_is_failed_and_not_found(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    service.edit(
        world.user_id, item.item_id, {"title": "Mine"}, items=world.items, reindex=reindex, events=world.events
    )
    world.drain(*world.events.published[-1:])
    world.put(item.object_key, b"half an upload")

    world.drain(item.object_key)

    broken = world.now(item)
    assert (broken.status, broken.error_code, broken.width, broken.title) == (
        Status.FAILED, "not_an_image", None, "Mine",
    )  # fmt: skip
    assert (world.rows("item_search"), world.rows("item_words")) == (0, 0)
    assert world.objects() == [item.object_key]


def test_an_item_whose_object_is_replaced_is_not_found_by_what_was_there_before(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.put(item.object_key, picture("blue"))

    world.deliver(item.object_key)

    assert world.now(item).status is Status.ANALYZING
    assert world.rows("item_search") == 0
    world.drain(ImageProcessed(world.user_id, item.item_id, 2))
    assert world.rows("item_search") == 1


# --- renditions of one generation and another -------------------------------------------------------------------------


def shown(world: World, item: Item) -> set[str]:
    """The renditions that the item's links lead to."""
    now = world.now(item)
    assert now.width is not None
    return set(s3.rendition_keys(now.user_id, now.item_id, {now.rendition_generation}))


def test_a_worker_that_was_overtaken_does_not_touch_what_the_newer_generation_shows(world: World) -> None:
    item = world.upload(picture("red"))

    def overtake() -> None:
        world.put(item.object_key, picture("blue", size=(50, 40)))
        world.deliver(item.object_key)

    world.images.before_put = once(overtake)

    verdict = world.deliver(item.object_key)

    assert verdict is not None
    now = world.now(item)
    assert (now.generation, now.rendition_generation, now.width) == (2, 2, 50)
    assert set(world.objects()) == {item.object_key, *shown(world, item)}
    body, _ = world.images.get(s3.rendition_key(item.user_id, item.item_id, "display", 2), max_bytes=10**6)
    assert Image.open(io.BytesIO(body)).size == (50, 40)


def test_a_worker_that_reads_the_object_after_its_lease_is_over_writes_nothing(world: World) -> None:
    """Both are of one generation: only the lease tells who reads what the object is now."""
    item = world.upload(picture("red"))
    read = world.images.get

    def read_late(*args: Any, **options: Any) -> tuple[bytes, str]:
        opened = options["opened"]

        def overtaken(etag: str) -> None:
            world.images.get = read
            world.let_time_pass()
            world.put(item.object_key, picture("blue", size=(50, 40)))
            world.deliver(item.object_key)
            opened(etag)

        return read(*args, **options | {"opened": overtaken})

    world.images.get = read_late

    verdict = world.deliver(item.object_key)

    assert verdict is not None
    now = world.now(item)
    assert (now.status, now.generation, now.width) == (Status.ANALYZING, 1, 50)
    body, _ = world.images.get(s3.rendition_key(item.user_id, item.item_id, "display", 1), max_bytes=10**6)
    assert Image.open(io.BytesIO(body)).size == (50, 40)


def test_renditions_made_anew_take_the_place_of_the_old_ones(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    before = shown(world, item)

    service.resize(world.user_id, item.item_id, items=world.items, events=world.events)
    world.drain(*world.events.published[-1:])

    assert world.now(item).rendition_generation == 2
    assert set(world.objects()) == {item.object_key, *shown(world, item)}
    assert not before & shown(world, item)


def test_an_item_of_the_time_before_generations_keeps_its_renditions_until_they_are_made_anew(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    make_old(world, item)
    service.reanalyze(world.user_id, item.item_id, force=True, is_analyzed=True, items=world.items, events=world.events)
    world.drain(*world.events.published[-1:])
    assert world.now(item).status is Status.READY
    assert shown(world, item) == set(s3.rendition_keys(item.user_id, item.item_id, {0})) < set(world.objects())

    service.resize(world.user_id, item.item_id, items=world.items, events=world.events)
    world.drain(*world.events.published[-1:])

    assert set(world.objects()) == {item.object_key, *shown(world, item)}
    assert world.now(item).rendition_generation == 3


def test_an_item_of_the_time_before_generations_leaves_nothing_when_it_is_deleted(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    make_old(world, item)

    world.delete(item)

    assert world.objects() == []


def make_old(world: World, item: Item) -> None:
    """Put its renditions where they lay before keys had generations."""
    for new, old in zip(
        s3.rendition_keys(item.user_id, item.item_id, {1}),
        s3.rendition_keys(item.user_id, item.item_id, {0}),
        strict=True,
    ):
        body, _ = world.images.get(new, max_bytes=10**6)
        world.put(old, body)
        world.images.delete([new])
    world.owner.execute("UPDATE items SET rendition_generation = 0 WHERE item_id = %s", [item.item_id])


def test_the_event_of_a_broken_object_that_did_not_change_restarts_nothing(world: World) -> None:
    item = world.upload(b"Dear diary")
    world.drain(item.object_key)

    world.drain(item.object_key)

    assert world.now(item).generation == 1
    assert world.now(item).error_code == "not_an_image"


# --- the same bytes are one item --------------------------------------------------------------------------------------


def prepared(world: World, body: bytes = picture()) -> Item:
    """An upload by a form whose bytes nobody was told of."""
    item_id = uuid4()
    key = s3.original_key(world.user_id, item_id, "image/jpeg")
    item, _ = world.items.add(NewItem(world.user_id, item_id, key, "copy.jpg", "image/jpeg", 1))
    world.put(key, body)
    return item


def is_alone(world: World, item: Item) -> bool:
    """Nothing is left but this item, ready, with its three objects."""
    found = set(world.objects()) == {item.object_key, *shown(world, item)}
    return found and world.rows("items") == 1 and world.now(item).status is Status.READY


@pytest.mark.parametrize("times", [1, 3])
def test_the_same_bytes_put_into_the_bucket_again_are_the_item_they_were(world: World, times: int) -> None:
    item = world.upload()
    world.drain(item.object_key)

    for _ in range(times):
        world.drain(world.put(f"{world.user_id}/images/copy.jpg", picture()))

    assert is_alone(world, item)
    assert world.calls() == (1, 1)
    assert len(world.events.of(DuplicateFound)) == times
    assert not world.events.of(ItemFailed)


def test_an_upload_of_bytes_that_are_there_becomes_another_name_of_their_item(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    copy = prepared(world)

    world.drain(copy.object_key, copy.object_key)

    assert is_alone(world, item)
    assert service.resolve(world.user_id, copy.item_id, items=world.items) == world.now(item)
    assert set(world.events.of(DuplicateFound)) == {DuplicateFound(world.user_id, copy.item_id, 1)}
    assert world.calls() == (1, 1)


def test_another_name_is_for_looking_only(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    copy = prepared(world)
    world.drain(copy.object_key)

    for attempt in (
        lambda: world.delete(copy),
        lambda: service.resize(world.user_id, copy.item_id, items=world.items, events=world.events),
    ):
        with pytest.raises(NotFound):
            attempt()

    assert is_alone(world, item)


def test_another_name_ends_with_its_item_and_the_bytes_are_welcome_again(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    copy = prepared(world)
    world.drain(copy.object_key)

    world.delete(item)

    with pytest.raises(NotFound):
        service.resolve(world.user_id, copy.item_id, items=world.items)
    assert (world.objects(), world.rows("duplicates")) == ([], 0)
    again = prepared(world)
    world.drain(again.object_key, copy.object_key)
    assert is_alone(world, again)


def test_nobody_looks_through_another_tenant_s_names(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    copy = prepared(world)
    world.drain(copy.object_key)

    assert world.items.duplicate_of(uuid4(), copy.item_id) is None


def test_two_uploads_of_the_same_bytes_at_once_are_one_item(world: World) -> None:
    uploads = [prepared(world) for _ in range(4)]

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(world.deliver, [upload.object_key for upload in uploads]))
    world.drain(*(upload.object_key for upload in uploads), *world.events.published)

    [item] = {service.resolve(world.user_id, upload.item_id, items=world.items).item_id for upload in uploads}
    assert is_alone(world, next(upload for upload in uploads if upload.item_id == item))
    assert world.calls() == (1, 1)
    assert world.rows("duplicates") == 3


def test_an_upload_whose_worker_died_before_the_object_came_gets_it_from_the_next(world: World) -> None:
    item = world.upload()
    world.client.delete_object(Bucket=world.bucket, Key=item.object_key)
    copy = prepared(world)

    world.drain(copy.object_key, item.object_key)

    assert is_alone(world, item)
    assert service.resolve(world.user_id, copy.item_id, items=world.items).item_id == item.item_id


def test_an_original_that_somebody_took_out_of_the_bucket_is_put_back_by_its_copy(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.client.delete_object(Bucket=world.bucket, Key=item.object_key)

    world.drain(prepared(world).object_key, item.object_key)

    assert is_alone(world, item)
    assert world.images.get(item.object_key, max_bytes=10**6)[0] == picture()


def test_bytes_that_another_item_had_until_now_are_an_item_of_their_own(world: World) -> None:
    """Its object was replaced, and nobody told us yet: the copy waits for that, and is not taken for one."""
    item = world.upload()
    world.drain(item.object_key)
    world.put(item.object_key, picture("blue"))
    copy = prepared(world)

    world.drain(copy.object_key, item.object_key)

    assert world.rows("items") == 2
    assert world.now(copy).sha256 == sha256(picture()).digest()
    assert world.now(item).sha256 == sha256(picture("blue")).digest()
    assert {world.now(copy).status, world.now(item).status} == {Status.READY}


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_an_item_that_goes_while_its_copy_is_settled_takes_nothing_with_it(world: World, replaced: bool) -> None:
    item = world.upload()
    world.drain(item.object_key)
    copy = prepared(world)
    head = world.images.head

    def head_then_it_goes(key: str) -> Any:
        found = head(key)
        if key == item.object_key:
            world.images.head = head
            if replaced:
                world.put(key, picture("blue"))
                world.deliver(key)
            else:
                world.delete(item)
        return found

    world.images.head = head_then_it_goes

    world.drain(copy.object_key)

    assert world.now(copy).sha256 == sha256(picture()).digest()
    assert world.now(copy).status is Status.READY


def test_a_copy_is_not_taken_for_the_picture_that_is_put_in_its_place(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    key = world.put(f"{world.user_id}/images/copy.jpg", picture())
    delete = world.images.delete

    def put_another(_keys: Any) -> None:
        raise Crash

    world.images.delete = put_another
    with pytest.raises(Crash):
        world.deliver(key)
    world.images.delete = delete
    world.put(key, picture("blue"))

    world.drain(key)
    world.drain(key)

    assert key in world.objects()
    other = world.items.find_by_key(world.user_id, key)
    assert other
    assert other.sha256 == sha256(picture("blue")).digest()


@pytest.mark.parametrize("how", [crash, outage])
@pytest.mark.parametrize("call", ["head", "delete", "put"])
def test_a_worker_stopped_while_it_settles_a_duplicate_loses_nothing(
    world: World, how: Callable[[], None], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.client.delete_object(Bucket=world.bucket, Key=item.object_key)
    copy = prepared(world)
    stop, really = once(how), getattr(world.images, call)

    def stopped(*args: Any, **options: Any) -> Any:
        stop()
        return really(*args, **options)

    monkeypatch.setattr(world.images, call, stopped)

    world.drain(copy.object_key)

    assert is_alone(world, item)
    assert world.events.of(DuplicateFound)


@pytest.mark.parametrize("how", [crash, outage])
def test_a_duplicate_whose_announcement_was_lost_is_announced_again(world: World, how: Callable[[], None]) -> None:
    item = world.upload()
    world.drain(item.object_key)
    copy = prepared(world)
    calls = iter(range(10))

    def second_time() -> None:
        if next(calls) == 1:
            how()

    world.events.before = second_time

    world.drain(ImageUploaded(world.user_id, copy.item_id, 1))

    assert world.events.of(DuplicateFound)
    assert is_alone(world, item)


def test_what_was_written_on_a_copy_already_goes_to_its_item(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    edit = partial(service.edit, world.user_id, items=world.items, reindex=reindex, events=world.events)
    edit(item.item_id, {"notes": "The first one's.", "tags": ["travel"]})
    copy = prepared(world)
    edit(copy.item_id, {"title": "Harbour", "notes": "Not these.", "tags": ["boats", "travel"], "favorite": True})

    world.drain(copy.object_key, *world.events.published[-1:])

    now = world.now(item)
    assert (now.title, now.notes, now.tags, now.favorite) == ("Harbour", "The first one's.", ["travel", "boats"], True)
    assert is_alone(world, item)
    findable = world.owner.execute(
        "SELECT item_id FROM item_words WHERE user_id = %s AND word = 'harbour'", [world.user_id]
    ).fetchall()
    assert findable == [(item.item_id,)]


def test_an_item_whose_object_is_replaced_by_another_one_s_bytes_becomes_a_name_of_that(world: World) -> None:
    first, second = world.upload(picture("red")), world.upload(picture("blue"))
    world.drain(first.object_key, second.object_key)
    world.put(second.object_key, picture("red"))

    world.drain(second.object_key)

    assert is_alone(world, first)
    assert service.resolve(world.user_id, second.item_id, items=world.items).item_id == first.item_id


# --- batches ----------------------------------------------------------------------------------------------------------


def analyzed(world: World, count: int) -> Iterator[Item]:
    """Items that wait for their embedding."""
    for n in range(count):
        item = world.upload(picture(size=(30, 20 + n)))
        headline = "a poisonous mushroom" if n == 3 else f"picture {n}"
        world.analyzer = CountingAnalyzer(AnalysisDocument(category="photo", headline=headline, summary=""))
        world.deliver(item.object_key)
        world.analyze(item.ref)
        yield item


def test_ten_items_are_made_findable_by_one_call(world: World) -> None:
    batch = list(analyzed(world, 10))

    verdicts = world.embed(*(item.ref for item in batch))

    assert verdicts == [None] * 10
    assert world.embedder.calls == 1
    assert world.rows("item_search") == 10


def test_one_poisonous_text_of_ten_fails_alone(world: World) -> None:
    batch = list(analyzed(world, 10))
    world.embedder = CountingEmbedder(poison="poisonous")

    verdicts = world.embed(*(item.ref for item in batch))

    assert verdicts == [None] * 10
    assert [world.now(item).status for item in batch].count(Status.READY) == 9
    assert world.now(batch[3]).error_code == "refused"
    assert world.rows("item_search") == 9


def test_one_analysis_that_cannot_be_read_fails_alone(world: World) -> None:
    batch = list(analyzed(world, 3))
    broken = 'UPDATE analyses SET raw_response = \'{"headline": ""}\' WHERE item_id = %s'
    world.owner.execute(broken, [batch[1].item_id])

    verdicts = world.embed(*(item.ref for item in batch))

    assert verdicts == [None] * 3
    assert world.now(batch[1]).error_code == "invalid_analysis"
    assert world.rows("item_search") == 2


def test_one_item_without_an_analysis_fails_alone(world: World) -> None:
    batch = list(analyzed(world, 3))
    world.owner.execute("DELETE FROM analyses WHERE item_id = %s", [batch[1].item_id])

    world.embed(*(item.ref for item in batch))

    assert world.now(batch[1]).error_code == "no_analysis"
    assert world.rows("item_search") == 2


def test_a_text_longer_than_an_index_can_hold_is_cut_not_tried_for_ever(world: World) -> None:
    endless = " ".join(str(n) for n in range(400_000))
    world.analyzer = CountingAnalyzer(AnalysisDocument(category="photo", headline="Pi", summary=endless))
    item = world.upload()

    world.drain(item.object_key)

    assert world.now(item).status is Status.READY
    assert world.calls() == (1, 1)


def test_two_tenants_in_one_batch_stay_apart(world: World, owner: psycopg.Connection) -> None:
    mine, somebody = next(analyzed(world, 1)), uuid4()
    tenant, world.user_id = world.user_id, somebody
    theirs = next(analyzed(world, 1))

    verdicts = world.embed(mine.ref, theirs.ref)

    owners = owner.execute(
        "SELECT user_id FROM item_search WHERE item_id = ANY(%s) ORDER BY user_id", [[mine.item_id, theirs.item_id]]
    ).fetchall()
    owner.execute("DELETE FROM items WHERE user_id = %s", [somebody])
    assert verdicts == [None, None]
    assert owners == [(user_id,) for user_id in sorted([tenant, somebody])]


def test_a_forced_analysis_is_a_new_version_and_the_old_one_is_kept(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)

    again, under_way = service.reanalyze(
        world.user_id, item.item_id, force=True, is_analyzed=True, items=world.items, events=world.events
    )
    world.drain(*world.events.published[-1:])

    versions = world.analyses.versions(world.user_id, item.item_id)
    assert under_way
    assert again.status is Status.ANALYZING
    assert [analysis.version for analysis in versions] == [2, 1]
    assert world.now(item).status is Status.READY
    assert world.analyzer.calls == 2


def test_an_analysis_by_a_named_provider_is_asked_of_that_one_and_only_this_time(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.analyzers["openai"] = CountingAnalyzer()
    again = partial(
        service.reanalyze,
        world.user_id,
        item.item_id,
        force=True,
        is_analyzed=True,
        items=world.items,
        events=world.events,
    )

    again(provider="openai", model="gpt-6-luna")
    named = world.now(item)
    world.drain(*world.events.published[-1:])
    again()
    world.drain(*world.events.published[-1:])

    assert (named.analysis_provider, named.analysis_model) == ("openai", "gpt-6-luna")
    assert world.analyzers["openai"].calls == 1
    assert world.analyzer.calls == 2
    assert world.now(item).analysis_provider is None


def test_a_replaced_object_is_analyzed_by_whoever_is_configured(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.owner.execute("UPDATE items SET analysis_provider = 'openai' WHERE item_id = %s", [item.item_id])
    world.analyzers["openai"] = CountingAnalyzer()
    world.put(item.object_key, picture("blue"))

    world.drain(item.object_key)

    assert world.analyzers["openai"].calls == 0


def test_an_analyzed_item_is_not_analyzed_again_unless_forced(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)

    same, under_way = service.reanalyze(
        world.user_id, item.item_id, force=False, is_analyzed=True, items=world.items, events=world.events
    )

    assert not under_way
    assert same.generation == 1


def test_new_renditions_cost_no_analysis_and_no_embedding(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    paid = world.calls()

    service.resize(world.user_id, item.item_id, items=world.items, events=world.events)
    world.drain(*world.events.published[-1:])

    assert world.now(item).status is Status.READY
    assert world.calls() == paid
    assert world.all_rows() == (1, 1, 1)


def test_a_failed_item_is_taken_up_where_it_failed(world: World) -> None:
    item = world.upload()
    world.drain(item.object_key)
    world.owner.execute("UPDATE items SET status = 'failed', error_code = 'gave_up' WHERE item_id = %s", [item.item_id])

    service.reanalyze(
        world.user_id, item.item_id, force=False, is_analyzed=True, items=world.items, events=world.events
    )
    world.drain(*world.events.published[-1:])

    assert world.now(item).status is Status.READY
    assert world.now(item).error is None
    assert world.analyzer.calls == 1


def test_what_was_never_uploaded_cannot_be_analyzed(world: World) -> None:
    item = world.upload()

    with pytest.raises(Conflict):
        service.reanalyze(
            world.user_id, item.item_id, force=True, is_analyzed=False, items=world.items, events=world.events
        )
