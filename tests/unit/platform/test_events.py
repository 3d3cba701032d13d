"""Events: what they carry, and how they are read back from a queue."""

import json
from dataclasses import FrozenInstanceError
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.events import (
    AnalysisComplete,
    ImageProcessed,
    ImageUploaded,
    ItemEvent,
    ItemFailed,
    ItemReady,
)
from tests.fakes import envelope

EVENTS = [ImageUploaded, ImageProcessed, AnalysisComplete, ItemReady, ItemFailed]
USER, ITEM = UUID("c0ffee00-2222-4333-8444-555555555555"), UUID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_comes_back_from_the_queue_as_it_was_sent(kind: type[ItemEvent]) -> None:
    event = kind(uuid4(), uuid4(), 7)

    received = kind.from_envelope(envelope(event))

    assert received == event
    assert type(received) is kind


def test_an_event_id_is_the_same_for_every_publication_of_the_same_fact() -> None:
    assert ImageProcessed(USER, ITEM, 1).event_id == ImageProcessed(USER, ITEM, 1).event_id
    # Pinned: consumers may remember ids across deployments.
    assert ImageProcessed(USER, ITEM, 1).event_id == UUID("0c5e9e3f-7d38-5e45-be22-89f850ebcbd8")


def test_an_event_id_differs_by_item_generation_and_kind() -> None:
    facts = [kind(USER, item, generation) for kind in EVENTS for item in (ITEM, uuid4()) for generation in (1, 2)]

    assert len({fact.event_id for fact in facts}) == len(facts)


def test_every_event_has_a_name_of_its_own() -> None:
    assert len({kind.detail_type for kind in EVENTS}) == len(EVENTS)
    assert len({kind.source for kind in EVENTS}) == len(EVENTS)


def test_an_event_carries_ids_and_nothing_else() -> None:
    detail = json.loads(ItemReady(USER, ITEM, 3).detail())

    assert detail.keys() == {"event_id", "user_id", "item_id", "generation"}


def test_events_of_different_kinds_are_not_equal_and_none_can_be_changed() -> None:
    event = ItemReady(USER, ITEM, 1)

    assert event != ItemFailed(USER, ITEM, 1)
    with pytest.raises(FrozenInstanceError):
        event.generation = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    "changes",
    [
        {"detail-type": "AnalysisComplete"},
        {"detail": {}},
        {"detail": {"user_id": "me", "item_id": str(ITEM), "generation": 1}},
        {"detail": {"user_id": str(USER), "item_id": "it", "generation": 1}},
        {"detail": {"user_id": str(USER), "item_id": str(ITEM), "generation": "first"}},
        {"detail": {"user_id": str(USER), "item_id": str(ITEM)}},
    ],
)
def test_what_is_not_our_event_is_told_apart(changes: dict[str, object]) -> None:
    received = {**envelope(ImageProcessed(USER, ITEM, 1)), **changes}

    with pytest.raises((KeyError, ValueError)):
        ImageProcessed.from_envelope(received)


@given(st.uuids(), st.uuids(), st.integers(1, 2**31 - 1))
def test_any_ids_survive_the_journey(user_id: UUID, item_id: UUID, generation: int) -> None:
    event = AnalysisComplete(user_id, item_id, generation)

    assert AnalysisComplete.from_envelope(envelope(event)) == event
