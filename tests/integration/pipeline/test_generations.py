"""Renditions of one generation and another."""

import io
from typing import Any

from PIL import Image

from app.items import s3, service
from app.items.models import Item, Status
from tests.integration.pipeline.world import World, once, picture, shown


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
