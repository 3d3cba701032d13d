"""Searches that are answered in words, from what they found."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.chat.models import NOTHING_FOUND
from app.platform import wiring
from tests.integration.http_api.answering import InvokedHere
from tests.integration.http_api.application import User, given_searchable


@pytest.fixture
def bread(user: User) -> UUID:
    return given_searchable(user, "Sourdough bread from the bakery", "Sourdough loaf 5.40")


def test_an_answer_rests_on_the_results_and_begins_no_conversation(user: User, bread: UUID) -> None:
    body = user.post("/search", {"query": "sourdough bread", "include_answer": True}).json()

    assert "[1]" in body["answer"]
    assert body["citations"] == [str(bread)]
    assert body["answer_time_ms"] > 0
    assert body["degraded"] == []
    assert user.get("/chat/sessions").json()["sessions"] == []
    assert wiring.usage().usage(user.user_id).today["chats"].count == 1  # type: ignore[index]


def test_nobody_is_asked_where_nothing_was_found(user: User, bread: UUID, chat_function: InvokedHere) -> None:
    body = user.post("/search", {"query": "zeppelin timetable", "search_type": "bm25", "include_answer": True}).json()

    assert body["results"] == []
    assert (body["answer"], body["citations"]) == (NOTHING_FOUND, [])
    assert chat_function.invoked == []


def test_a_search_without_an_answer_asks_nobody(user: User, bread: UUID, chat_function: InvokedHere) -> None:
    body = user.post("/search", {"query": "sourdough bread"}).json()

    assert body["answer"] is None
    assert chat_function.invoked == []


def test_results_come_also_where_no_answer_can_be_had(
    user: User, bread: UUID, reconfigured: Callable[..., None]
) -> None:
    reconfigured(CHATS_PER_DAY="0")

    body = user.post("/search", {"query": "sourdough bread", "include_answer": True}).json()

    assert [result["item_id"] for result in body["results"]] == [str(bread)]
    assert body["answer"] is None
    assert body["degraded"] == ["answer"]


def test_results_come_also_where_an_answer_takes_too_long(user: User, bread: UUID, chat_function: InvokedHere) -> None:
    chat_function.waits_s = 0

    body = user.post("/search", {"query": "sourdough bread", "include_answer": True}).json()

    assert [result["item_id"] for result in body["results"]] == [str(bread)]
    assert body["degraded"] == ["answer"]
