"""The sweep: what stopped moves again, what was abandoned goes, what is young or foreign stays."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest

from app.account.s3 import ObjectsOfUser
from app.cleanup.conversations import count_expired
from app.cleanup.service import Report, clean_up
from app.cleanup.store import CleanupStore
from app.items import s3
from app.items.models import ANALYSIS, Item, Status
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.platform import aws, wiring
from app.platform.database import Database
from app.platform.errors import Unavailable
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, ItemEvent, ItemFailed
from app.platform.settings import CleanupSettings, StorageSettings
from lambdas.cleanup.handler import handler
from tests.fakes import RecordingEvents

SETTINGS = CleanupSettings()
LONG_AGO = timedelta(seconds=SETTINGS.stuck_after_seconds + 60)
A_DAY_AND_MORE = timedelta(seconds=SETTINGS.upload_abandoned_after_seconds + 60)
Add = Callable[..., Item]
Sweep = Callable[[], Report]


@pytest.fixture
def add(items: ItemStore, images: ImageBucket, owner: psycopg.Connection, user_id: UUID) -> Add:
    """Add an item with its object that nothing happened to for `idle`."""

    def add(status: Status, *, idle: timedelta = LONG_AGO, with_object: bool = True, **columns: Any) -> Item:
        item_id = uuid4()
        key = columns.pop("object_key", s3.original_key(user_id, item_id, "image/jpeg"))
        items.add(NewItem(user_id, item_id, key, "photo.jpg", "image/jpeg", 3))
        if with_object:
            images.put(key, b"abc", content_type="image/jpeg")
        changed = datetime.now(UTC) - idle
        columns = {"status": status, "created_at": changed, "updated_at": changed} | columns
        assignments = ", ".join(f"{name} = %s" for name in columns)
        owner.execute(f"UPDATE items SET {assignments} WHERE item_id = %s", [*columns.values(), item_id])
        item = items.find_by_key(user_id, key)
        assert item
        return item

    return add


@pytest.fixture
def sweep(cleanup_items: CleanupStore, images: ImageBucket, events: RecordingEvents) -> Sweep:
    return lambda: clean_up(
        items=cleanup_items, images=images, events=events, count_expired_conversations=lambda: 0, settings=SETTINGS
    )


def objects(images: ImageBucket) -> set[str]:
    return {key for key, _ in images.list_keys()}


# --- what stopped -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "event"),
    [
        (Status.UPLOADING, ImageUploaded),
        (Status.PROCESSING, ImageUploaded),
        (Status.ANALYZING, ImageProcessed),
        (Status.EMBEDDING, AnalysisComplete),
    ],
)
def test_an_item_that_stopped_is_resumed_by_the_event_it_waits_for(
    add: Add, sweep: Sweep, events: RecordingEvents, status: Status, event: type[ItemEvent]
) -> None:
    item = add(status, generation=2)

    report = sweep()

    assert events.published == [event(item.user_id, item.item_id, 2)]
    assert report == Report(resumed=1)


@pytest.mark.parametrize(
    "columns",
    [
        {"status": Status.READY},
        {"status": Status.FAILED},
        {"status": Status.ANALYZING, "idle": timedelta(seconds=60)},
        {"status": Status.ANALYZING, "lease_in": timedelta(seconds=120)},
        {"status": Status.ANALYZING, "lease_in": timedelta(seconds=-60)},
    ],
    ids=["ready", "failed", "moved lately", "being worked on", "worked on lately"],
)
def test_an_item_that_is_settled_or_moving_is_left_alone(
    add: Add, sweep: Sweep, events: RecordingEvents, columns: dict[str, Any]
) -> None:
    # Counted from now: these columns were written down when the tests were collected, long before.
    lease = {"lease_until": datetime.now(UTC) + columns["lease_in"]} if "lease_in" in columns else {}
    add(**{name: value for name, value in columns.items() if name != "lease_in"}, **lease)

    report = sweep()

    assert events.published == []
    assert report == Report()


def test_an_item_whose_worker_died_long_ago_is_resumed(add: Add, sweep: Sweep, events: RecordingEvents) -> None:
    add(Status.ANALYZING, lease_until=datetime.now(UTC) - LONG_AGO, lease_token=uuid4())

    report = sweep()

    assert report.resumed == 1


def test_an_item_tried_too_often_is_given_up(add: Add, sweep: Sweep, events: RecordingEvents, items: ItemStore) -> None:
    item = add(Status.ANALYZING, attempts=SETTINGS.max_attempts)

    report = sweep()

    failed = items.get(item.user_id, item.item_id)
    assert failed
    assert (failed.status, failed.error_stage, failed.error_code) == (Status.FAILED, "analyzer", "gave_up")
    assert events.published == [ItemFailed(item.user_id, item.item_id, 1)]
    assert report == Report(given_up=1)


def test_an_item_that_moved_in_the_meantime_is_not_given_up(
    add: Add, items: ItemStore, cleanup_items: CleanupStore
) -> None:
    item = add(Status.ANALYZING)
    items.claim(item.ref, ANALYSIS, lease_seconds=120)

    given_up = cleanup_items.give_up(item.ref, stage="analyzer", code="gave_up", message="Too often.")

    assert not given_up


def test_a_bus_that_is_down_stops_the_sweep_and_the_next_one_goes_on(
    add: Add, sweep: Sweep, events: RecordingEvents
) -> None:
    add(Status.ANALYZING)
    events.refuse_next()

    with pytest.raises(Unavailable):
        sweep()

    assert sweep().resumed == 1


def test_many_idle_uploads_of_one_user_do_not_hide_what_stopped_behind_them(
    add: Add, cleanup_items: CleanupStore, owner: psycopg.Connection
) -> None:
    """Forms that were asked for and not used yet stay unsettled for a day, and are older than what stopped since."""
    idle = [add(Status.UPLOADING, idle=LONG_AGO * 2, with_object=False) for _ in range(7)]
    stuck = add(Status.ANALYZING)

    unsettled = list(cleanup_items.unsettled(older_than_seconds=SETTINGS.stuck_after_seconds, page_size=3))

    assert [found.ref for found in unsettled][-1] == stuck.ref
    assert {found.ref for found in unsettled} == {item.ref for item in (*idle, stuck)}


def test_items_that_stopped_at_the_same_moment_are_each_seen_once(
    add: Add, cleanup_items: CleanupStore, owner: psycopg.Connection, user_id: UUID
) -> None:
    stuck = [add(Status.ANALYZING) for _ in range(7)]
    moment = datetime.now(UTC) - LONG_AGO
    owner.execute("UPDATE items SET updated_at = %s WHERE user_id = %s", [moment, user_id])

    unsettled = list(cleanup_items.unsettled(older_than_seconds=SETTINGS.stuck_after_seconds, page_size=3))

    assert sorted(found.ref.item_id for found in unsettled) == sorted(item.item_id for item in stuck)


# --- what was abandoned -----------------------------------------------------------------------------------------------


def test_an_upload_that_never_came_is_forgotten_after_a_day(
    add: Add, sweep: Sweep, items: ItemStore, events: RecordingEvents
) -> None:
    item = add(Status.UPLOADING, idle=A_DAY_AND_MORE, with_object=False)

    report = sweep()

    assert report == Report(abandoned_uploads=1)
    assert items.get(item.user_id, item.item_id) is None
    assert events.published == []


def test_an_upload_that_may_still_come_is_waited_for(
    add: Add, sweep: Sweep, items: ItemStore, events: RecordingEvents
) -> None:
    item = add(Status.UPLOADING, with_object=False)

    report = sweep()

    assert report == Report()
    assert items.get(item.user_id, item.item_id)
    assert events.published == []


def test_an_upload_that_came_while_nobody_listened_is_resumed_however_old(
    add: Add, sweep: Sweep, events: RecordingEvents
) -> None:
    item = add(Status.UPLOADING, idle=A_DAY_AND_MORE)

    sweep()

    assert events.published == [ImageUploaded(item.user_id, item.item_id, 1)]


@pytest.mark.parametrize("status", [Status.PROCESSING, Status.READY, Status.FAILED])
def test_only_unfinished_uploads_and_tombstones_can_be_removed(
    add: Add, cleanup_items: CleanupStore, items: ItemStore, status: Status
) -> None:
    item = add(status)

    cleanup_items.remove(item.ref)

    assert items.get(item.user_id, item.item_id)


# --- what was being deleted -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("name", [None, "holiday.jpg"], ids=["our key", "a foreign key"])
def test_a_deletion_that_was_interrupted_is_finished(
    add: Add,
    sweep: Sweep,
    images: ImageBucket,
    items: ItemStore,
    events: RecordingEvents,
    owner: psycopg.Connection,
    user_id: UUID,
    status: Status,
    name: str | None,
) -> None:
    keys = {"object_key": f"{user_id}/images/{name}"} if name else {}
    item = add(status, deleted_at=datetime.now(UTC) - LONG_AGO, **keys)
    for key in s3.rendition_keys(item.user_id, item.item_id, item.generations):
        images.put(key, b"webp", content_type="image/webp")

    report = sweep()

    assert report == Report(deletions_finished=1)
    assert objects(images) == set()
    assert items.find_by_key(user_id, item.object_key) is None
    assert events.published == []


def test_a_deletion_that_is_under_way_is_left_to_whoever_asked_for_it(
    add: Add, sweep: Sweep, images: ImageBucket, items: ItemStore
) -> None:
    item = add(Status.READY)
    items.mark_deleted(item.user_id, item.item_id)

    report = sweep()

    assert report == Report()
    assert objects(images) == {item.object_key}


# --- what belongs to nobody -------------------------------------------------------------------------------------------


class AgeingBucket(ImageBucket):
    """Objects are as old as the test says: S3 dates them itself."""

    age = timedelta(0)

    def list_keys(self) -> Any:
        return ((key, changed - self.age) for key, changed in super().list_keys())


@pytest.fixture
def images(s3_client: Any, bucket_name: str) -> AgeingBucket:
    return AgeingBucket(s3_client, StorageSettings(bucket_name=bucket_name))


@pytest.fixture
def orphans(images: AgeingBucket, user_id: UUID) -> list[str]:
    """An original and its renditions whose row is gone."""
    item_id = uuid4()
    keys = s3.keys_of(user_id, item_id, s3.original_key(user_id, item_id, "image/png"), {1})
    for key in keys:
        images.put(key, b"abc", content_type="image/png")
    return keys


def test_objects_without_a_row_are_removed(images: AgeingBucket, orphans: list[str], sweep: Sweep) -> None:
    images.age = timedelta(hours=2)

    report = sweep()

    assert report == Report(orphan_objects=3)
    assert objects(images) == set()


def test_young_objects_without_a_row_are_left(images: AgeingBucket, orphans: list[str], sweep: Sweep) -> None:
    images.age = timedelta(minutes=30)

    report = sweep()

    assert report == Report()
    assert objects(images) == set(orphans)


@pytest.mark.parametrize("status", [Status.UPLOADING, Status.READY, Status.FAILED])
@pytest.mark.parametrize("generation", [0, 2, 5], ids=["of the time before keys said so", "shown", "being made"])
def test_objects_with_a_row_are_left_whatever_its_state(
    images: AgeingBucket, add: Add, sweep: Sweep, status: Status, generation: int
) -> None:
    item = add(status, idle=timedelta(0), generation=5, rendition_generation=min(generation, 2))
    for key in s3.rendition_keys(item.user_id, item.item_id, {generation}):
        images.put(key, b"webp", content_type="image/webp")
    images.age = timedelta(hours=2)

    report = sweep()

    assert report.orphan_objects == 0
    assert len(objects(images)) == 3


@pytest.mark.parametrize("generation", [0, 1, 3], ids=["before keys said so", "shown once", "overtaken"])
def test_renditions_of_a_generation_that_is_not_shown_any_more_are_removed(
    images: AgeingBucket, add: Add, sweep: Sweep, generation: int
) -> None:
    item = add(Status.READY, idle=timedelta(0), generation=5, rendition_generation=2)
    for key in s3.rendition_keys(item.user_id, item.item_id, {generation}):
        images.put(key, b"webp", content_type="image/webp")
    images.age = timedelta(hours=2)

    report = sweep()

    assert report == Report(orphan_objects=2)
    assert objects(images) == {item.object_key}


def test_objects_of_an_item_of_another_user_with_the_same_id_are_not_taken_for_owned(
    images: AgeingBucket, add: Add, sweep: Sweep
) -> None:
    item = add(Status.READY)
    foreign = s3.rendition_key(uuid4(), item.item_id, "display", 1)
    images.put(foreign, b"webp", content_type="image/webp")
    images.age = timedelta(hours=2)

    sweep()

    assert objects(images) == {item.object_key}


@pytest.mark.parametrize(
    "name", ["images/holiday.jpg", "images/a b+c%20&.jpg", "images/写真.jpg", "notes.txt", "display/mine.webp"]
)
def test_objects_that_somebody_else_named_are_left(
    images: AgeingBucket, user_id: UUID, sweep: Sweep, name: str
) -> None:
    key = f"{user_id}/{name}"
    images.put(key, b"abc", content_type="image/jpeg")
    images.age = timedelta(hours=2)

    report = sweep()

    assert report == Report()
    assert objects(images) == {key}


def test_orphans_are_found_on_every_page_of_a_large_bucket(
    images: AgeingBucket, user_id: UUID, add: Add, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    monkeypatch.setattr(s3, "_DELETE_AT_ONCE", 10)
    item = add(Status.READY)
    for _ in range(25):
        images.put(s3.rendition_key(user_id, uuid4(), "thumbnail", 1), b"", content_type="image/webp")
    images.age = timedelta(hours=2)

    report = sweep()

    assert report.orphan_objects == 25
    assert objects(images) == {item.object_key}


# --- all of it --------------------------------------------------------------------------------------------------------


def test_two_sweeps_at_once_do_nothing_worse_than_one(
    images: AgeingBucket, add: Add, orphans: list[str], sweep: Sweep, events: RecordingEvents, items: ItemStore
) -> None:
    stuck, hopeless = add(Status.ANALYZING), add(Status.EMBEDDING, attempts=SETTINGS.max_attempts)
    abandoned = add(Status.UPLOADING, idle=A_DAY_AND_MORE, with_object=False)
    deleted = add(Status.READY, deleted_at=datetime.now(UTC) - LONG_AGO)
    images.age = timedelta(hours=2)

    with ThreadPoolExecutor(2) as threads:
        reports = list(threads.map(lambda _: sweep(), range(2)))

    assert sum(report.given_up for report in reports) == 1
    assert events.of(ItemFailed) == [ItemFailed(hopeless.user_id, hopeless.item_id, 1)]
    assert set(events.of(ImageProcessed)) == {ImageProcessed(stuck.user_id, stuck.item_id, 1)}
    assert objects(images) == {stuck.object_key, hopeless.object_key}
    for item in (abandoned, deleted):
        assert items.find_by_key(item.user_id, item.object_key) is None


def test_a_second_sweep_finds_nothing_left_but_what_still_waits(
    images: AgeingBucket, add: Add, orphans: list[str], sweep: Sweep
) -> None:
    add(Status.EMBEDDING, attempts=SETTINGS.max_attempts)
    add(Status.UPLOADING, idle=A_DAY_AND_MORE, with_object=False)
    add(Status.READY, deleted_at=datetime.now(UTC) - LONG_AGO)
    images.age = timedelta(hours=2)
    sweep()

    assert sweep() == Report()


def test_the_function_reports_what_it_did_as_metrics_of_the_embedded_format(
    add: Add,
    cleanup_pool: Database,
    images: ImageBucket,
    events: RecordingEvents,
    s3_client: Any,
    bucket_name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    add(Status.ANALYZING)
    add(Status.UPLOADING, idle=A_DAY_AND_MORE, with_object=False)
    for variable in ("SESSIONS_TABLE", "CHECKPOINTS_TABLE", "CONNECTIONS_TABLE"):
        monkeypatch.setenv(variable, "conversations")
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="conversations",
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "session_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setattr(aws, "client", lambda _service: client)
    for name, collaborator in {"database": cleanup_pool, "images": images, "events": events}.items():
        monkeypatch.setattr(wiring, name, lambda built=collaborator: built)
    for name in ("cleanup_store", "job_cleanup_store", "usage_cleanup_store"):
        monkeypatch.setattr(wiring, name, getattr(wiring, name).__wrapped__)
    monkeypatch.setattr(wiring, "objects_of_user", lambda: ObjectsOfUser(s3_client, bucket_name))

    counts = handler({}, None)

    (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    declared = {metric["Name"] for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    assert {"resumed", "abandoned_uploads"} <= declared
    assert (line["resumed"], line["abandoned_uploads"]) == ([counts["resumed"]], [counts["abandoned_uploads"]])
    assert counts["resumed"] >= 1


def test_conversations_that_are_over_are_reported(
    cleanup_items: CleanupStore, images: ImageBucket, events: RecordingEvents
) -> None:
    report = clean_up(
        items=cleanup_items, images=images, events=events, count_expired_conversations=lambda: 3, settings=SETTINGS
    )

    assert report.as_metrics()["expired_conversations"] == 3


def test_only_what_is_past_its_time_is_over(s3_client: Any) -> None:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="sessions",
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "session_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    now = int(datetime.now(UTC).timestamp())
    for number, ttl in enumerate((now - 10, now - 100_000, now + 100)):
        client.put_item(TableName="sessions", Item={"session_id": {"S": str(number)}, "ttl": {"N": str(ttl)}})

    assert count_expired(client, "sessions") == 2
