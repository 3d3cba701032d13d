"""The same bytes are one item."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from app.items import s3, service
from app.items.models import Item, Status
from app.items.store import NewItem
from app.platform.errors import NotFound
from app.platform.events import DuplicateFound, ImageUploaded, ItemFailed
from app.search.edits import reindex
from tests.integration.pipeline.world import Crash, World, crash, is_alone, once, outage, picture


def prepared(world: World, body: bytes = picture()) -> Item:
    """An upload by a form whose bytes nobody was told of."""
    item_id = uuid4()
    key = s3.original_key(world.user_id, item_id, "image/jpeg")
    item, _ = world.items.add(NewItem(world.user_id, item_id, key, "copy.jpg", "image/jpeg", 1))
    world.put(key, body)
    return item


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
