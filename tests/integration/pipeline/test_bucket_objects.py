"""The bucket's own door: objects that are put, replaced or gone without asking the API."""

from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256

import pytest

from app.items import service
from app.items.models import Status
from app.platform.events import ImageProcessed, ImageUploaded
from app.platform.settings import ImageSettings
from app.search.edits import reindex
from tests.integration.pipeline.world import World, once, picture


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


def test_the_event_of_a_broken_object_that_did_not_change_restarts_nothing(world: World) -> None:
    item = world.upload(b"Dear diary")
    world.drain(item.object_key)

    world.drain(item.object_key)

    assert world.now(item).generation == 1
    assert world.now(item).error_code == "not_an_image"
