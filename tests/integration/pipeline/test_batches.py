"""A batch costs one call, and what is wrong with one of it is its own."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg

from app.analysis.models import AnalysisDocument
from app.items.models import Item, Status
from tests.fakes import CountingAnalyzer, CountingEmbedder
from tests.integration.pipeline.world import World, picture


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
