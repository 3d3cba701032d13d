"""Stages that are asked for again: an analysis, renditions, what failed."""

from functools import partial

import pytest

from app.items import service
from app.items.models import Status
from app.platform.errors import Conflict
from tests.fakes import CountingAnalyzer
from tests.integration.pipeline.world import World, picture


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
