"""The user's own words: they win over the analysis, and are found at once."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.integration.http_api.application import User, assert_problem, given_item, given_searchable


def found(user: User, query: str, **options: Any) -> list[str]:
    answer = user.post("/search", {"query": query, "search_type": "bm25"} | options)
    return [result["item_id"] for result in answer.json()["results"]]


def test_an_edit_is_shown_and_found_at_once(user: User) -> None:
    item_id = given_searchable(user, "a picture without much to say")

    edited = user.patch(
        f"/items/{item_id}",
        {"title": "Grandmother's clock", "notes": "repaired by Petersen", "tags": ["heirloom"], "category": "product"},
    ).json()

    assert (edited["title"], edited["tags"], edited["category"]) == ("Grandmother's clock", ["heirloom"], "product")
    for query in ("clock", "Petersen", "heirloom"):
        assert found(user, query) == [str(item_id)]
    assert found(user, "clock", category_filter="product") == [str(item_id)]
    assert found(user, "clock", tags=["heirloom"]) == [str(item_id)]
    assert found(user, "clock", category_filter="photo") == []


def test_a_changed_text_is_embedded_again_and_a_favourite_is_not(user: User) -> None:
    item_id = given_searchable(user, "a lighthouse")

    liked = user.patch(f"/items/{item_id}", {"favorite": True}).json()
    titled = user.patch(f"/items/{item_id}", {"title": "Summer on Amrum"}).json()

    assert (liked["status"], liked["favorite"]) == ("ready", True)
    assert (titled["status"], titled["favorite"]) == ("embedding", True)


def test_what_is_left_out_stays_and_null_takes_it_back(user: User) -> None:
    item_id = given_searchable(user, "a lighthouse")
    user.patch(f"/items/{item_id}", {"title": "Mine", "notes": "kept"})

    edited = user.patch(f"/items/{item_id}", {"title": None}).json()

    assert (edited["title"], edited["notes"]) == (None, "kept")


def test_an_item_that_is_not_analyzed_yet_can_be_edited(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user, status="analyzing")

    edited = user.patch(f"/items/{item_id}", {"title": "Early bird"}).json()

    assert (edited["title"], edited["status"]) == ("Early bird", "analyzing")


@pytest.mark.parametrize(
    "body",
    [
        {"user_id": str(uuid4())},
        {"status": "ready"},
        {"object_key": "x"},
        {"title": "x" * 201},
        {"title": "nul \x00"},
        {"tags": None},
        {"tags": [""]},
        {"tags": ["x"] * 51},
        {"favorite": None},
        {"favorite": "maybe"},
    ],
)
def test_only_the_users_own_fields_can_be_set(user: User, body: dict[str, Any]) -> None:
    item_id = given_searchable(user, "a lighthouse")

    assert_problem(user.patch(f"/items/{item_id}", body), 422)
    assert user.get(f"/items/{item_id}").json()["title"] is None


def test_a_batch_does_what_it_can_and_names_the_rest(user: User, stranger: User, owner: psycopg.Connection) -> None:
    mine, unfinished = given_searchable(user, "a lighthouse"), given_item(owner, user, status="uploading")
    theirs, nobodys = given_searchable(stranger, "a lighthouse"), uuid4()

    answer = user.post("/items/batch", {"ids": _text(mine, unfinished, theirs, nobodys), "action": "reanalyze"}).json()

    assert answer == {
        "done": _text(mine),
        "not_found": _text(theirs, nobodys),
        "not_possible": _text(unfinished),
    }
    assert stranger.get(f"/items/{theirs}").json()["status"] == "ready"


def test_tags_are_added_and_taken_away_in_a_batch(user: User) -> None:
    ids = [given_searchable(user, "a lighthouse", tags=["sea"]), given_searchable(user, "a harbour")]

    user.post("/items/batch", {"ids": _text(*ids), "action": "tag", "tags": ["north", "sea"]})
    user.post("/items/batch", {"ids": _text(*ids), "action": "untag", "tags": ["north"]})
    user.post("/items/batch", {"ids": _text(*ids), "action": "favorite"})

    shown = [user.get(f"/items/{item_id}").json() for item_id in ids]
    assert [item["tags"] for item in shown] == [["sea"], ["sea"]]
    assert [item["favorite"] for item in shown] == [True, True]
    assert set(found(user, "sea")) == set(_text(*ids))


def test_a_batch_deletes(user: User) -> None:
    ids = [given_searchable(user, "a lighthouse"), given_searchable(user, "a harbour")]

    answer = user.post("/items/batch", {"ids": _text(*ids, *ids), "action": "delete"}).json()

    assert answer["done"] == _text(*ids)
    assert user.get("/items").json()["total"] == 0


@pytest.mark.parametrize("body", [{"ids": [], "action": "delete"}, {"ids": [str(uuid4())] * 101, "action": "delete"}])
def test_a_batch_has_1_to_100_ids(user: User, body: dict[str, Any]) -> None:
    assert_problem(user.post("/items/batch", body), 422)


def _text(*ids: UUID) -> list[str]:
    return [str(item_id) for item_id in ids]
