"""What is deleted at any moment of its way through the pipeline leaves nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from app.platform.errors import NotFound
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded
from tests.integration.pipeline.world import World, once


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
