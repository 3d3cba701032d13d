"""Whatever happens to messages and workers, one input has one effect."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest

from app.items import s3
from app.items.models import Status
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, ItemFailed, ItemReady
from tests.integration.pipeline.world import Crash, Message, World, crash, once, outage, picture


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
