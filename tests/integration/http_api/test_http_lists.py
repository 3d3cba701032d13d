"""Lists: filters, orders and pages."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.integration.http_api.application import User, assert_problem, given_item, ids, on


def test_a_new_user_has_an_empty_list(user: User) -> None:
    assert user.get("/items").json() == {"items": [], "next_cursor": None, "total": 0}


def test_a_list_shows_the_callers_items_only(user: User, stranger: User, owner: psycopg.Connection) -> None:
    mine = given_item(owner, user)
    given_item(owner, stranger)

    answer = user.get("/items")

    assert ids(answer) == [str(mine)]
    assert answer.json()["total"] == 1


def test_a_list_is_narrowed_by_every_filter(user: User, owner: psycopg.Connection) -> None:
    wanted = given_item(
        owner,
        user,
        status="failed",
        error_code="x",
        category="recipe",
        tags=["a b", "ü"],
        favorite=True,
        taken_at=on(2),
    )
    other = given_item(owner, user, analyzed_category="photo", taken_at=on(4))

    for narrow in (
        {"status": "failed"},
        {"category": "recipe"},
        {"tag": "ü"},
        {"tag": "a b"},
        {"favorite": "true"},
        {"to": "2024-05-03T00:00:00Z"},
        {"from": "2024-05-02T14:00:00+02:00", "to": "2024-05-02T12:00:01Z"},
    ):
        answer = user.get("/items", **narrow)
        assert ids(answer) == [str(wanted)], narrow
        assert answer.json()["total"] == 1
    assert ids(user.get("/items", category="photo")) == [str(other)]
    assert ids(user.get("/items", favorite="false")) == [str(other)]
    assert ids(user.get("/items", tag="a")) == []
    assert ids(user.get("/items", **{"from": "2024-05-05T00:00:00Z"})) == []


def test_a_time_without_a_zone_is_utc_wherever_the_server_stands(
    user: User, owner: psycopg.Connection, reconfigured: Callable[..., None], app_url: str
) -> None:
    given_item(owner, user, taken_at=datetime(2024, 5, 1, 23, 30, tzinfo=UTC))
    second = given_item(owner, user, taken_at=datetime(2024, 5, 2, 0, 30, tzinfo=UTC))
    owner.execute("ALTER ROLE collections_app SET timezone = 'Asia/Tokyo'")

    try:
        reconfigured()
        answer = user.get("/items", **{"from": "2024-05-02"})
    finally:
        owner.execute("ALTER ROLE collections_app RESET timezone")

    assert ids(answer) == [str(second)]


SORTS: dict[str, list[str]] = {
    "created_at": ["one", "two", "three", "four", "five"],
    "-created_at": ["five", "four", "three", "two", "one"],
    "taken_at": ["five", "four", "two", "three", "one"],
    "-taken_at": ["one", "three", "two", "four", "five"],
    "title": ["two", "one", "five", "three", "four"],
}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 4, 5, 100])
def test_pages_are_one_list_cut_in_pieces(user: User, owner: psycopg.Connection, sort: str, limit: int) -> None:
    titles = {"one": "Beta", "two": "Alpha", "three": "Zulu", "four": "Ölweg", "five": None}
    taken = {"one": on(30), "two": on(12), "three": on(20), "four": None, "five": on(3)}
    rows = {
        name: given_item(
            owner,
            user,
            title=titles[name],
            original_filename="Filename.png",
            taken_at=taken[name],
            created_at=on(5 + position),
        )
        for position, name in enumerate(titles)
    }
    found, cursor = [], {}

    while True:
        page = user.get("/items", sort=sort, limit=limit, **cursor).json()
        assert page["total"] == 5
        assert len(page["items"]) <= limit
        found += [item["id"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    names = {str(item_id): name for name, item_id in rows.items()}
    in_order = [names[item_id] for item_id in found]
    assert in_order == SORTS[sort] or sort == "title"
    assert sorted(in_order) == sorted(rows)


@pytest.mark.parametrize("sort", SORTS)
def test_items_alike_are_told_apart_by_id(user: User, owner: psycopg.Connection, sort: str) -> None:
    created = {str(given_item(owner, user, created_at=on(1), taken_at=on(1), title="same")) for _ in range(7)}

    first = user.get("/items", sort=sort, limit=3).json()
    second = user.get("/items", sort=sort, limit=3, cursor=first["next_cursor"]).json()
    third = user.get("/items", sort=sort, limit=3, cursor=second["next_cursor"]).json()

    found = [item["id"] for page in (first, second, third) for item in page["items"]]
    assert found == sorted(created, reverse=sort.startswith("-"))
    assert third["next_cursor"] is None


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": -1},
        {"limit": "many"},
        {"limit": "9" * 400},
        {"sort": "file_size"},
        {"sort": "title; DROP TABLE items"},
        {"status": "done"},
        {"favorite": "perhaps"},
        {"from": "yesterday"},
        {"to": "10000-01-01T00:00:00Z"},
        {"category": "x" * 65},
        {"category": "a\x00b"},
        {"tag": "a\x00b"},
        {"user_id": "8c9f2f0e-5b4d-4c6f-9d1a-0a1b2c3d4e5f"},
        {"cursor": "nonsense"},
        {"cursor": "x" * 5000},
        {"cursor": "жетон"},
        {"cursor": "\x00"},
    ],
    ids=str,
)
def test_a_list_that_makes_no_sense_is_a_problem(user: User, params: dict[str, Any]) -> None:
    assert_problem(user.get("/items", **params), 422)


@pytest.mark.parametrize(
    "extreme",
    ["0001-01-01T00:00:00+23:59", "0001-01-01", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999Z"],
)
def test_the_ends_of_the_calendar_are_times_too(user: User, extreme: str) -> None:
    assert user.get("/items", **{"from": extreme}).status_code == 200
    assert user.post("/search", {"query": "a", "to": extreme}).status_code == 200


def test_bytes_that_are_no_text_in_a_query_string_break_nothing(user: User) -> None:
    answer = user.http.get("/items?category=%ff%fe&tag=%ed%a0%80", headers=user.headers)

    assert answer.json()["total"] == 0


def test_a_cursor_continues_its_own_list_and_no_other(user: User, stranger: User, owner: psycopg.Connection) -> None:
    for _ in range(3):
        given_item(owner, user, category="recipe")
    given_item(owner, stranger, category="recipe")
    cursor = user.get("/items", limit=1, category="recipe").json()["next_cursor"]

    assert user.get("/items", limit=2, category="recipe", cursor=cursor).json()["next_cursor"] is None
    assert_problem(user.get("/items", limit=1, cursor=cursor), 422)
    assert_problem(user.get("/items", limit=1, category="photo", cursor=cursor), 422)
    assert_problem(user.get("/items", limit=1, category="recipe", sort="title", cursor=cursor), 422)
    assert_problem(stranger.get("/items", category="recipe", cursor=cursor), 422)


def forged(cursor: str, value: Any, item_id: Any = None) -> str:
    """A cursor with its digest right and its content changed."""
    content = json.loads(base64.urlsafe_b64decode(cursor + "=="))
    content = [value, content[1] if item_id is None else item_id, content[2]]
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


@pytest.mark.parametrize("value", ["\ud800", "\x00", None, 5, [], {}, True])
def test_a_forged_cursor_by_title_is_a_problem(user: User, owner: psycopg.Connection, value: Any) -> None:
    for _ in range(2):
        given_item(owner, user)
    cursor = user.get("/items", limit=1, sort="title").json()["next_cursor"]

    assert_problem(user.get("/items", limit=1, sort="title", cursor=forged(cursor, value)), 422)


@pytest.mark.parametrize(
    ("value", "item_id"),
    [
        ("not a time", None),
        ("2024-05-01T00:00:00Z", 5),
        ("2024-05-01T00:00:00Z", "x"),
        ("2024-05-01T00:00:00Z", "\ud800"),
        ("2024-05-01T00:00:00Z", []),
    ],
)
def test_a_forged_cursor_by_time_is_a_problem(user: User, owner: psycopg.Connection, value: Any, item_id: Any) -> None:
    for _ in range(2):
        given_item(owner, user)
    cursor = user.get("/items", limit=1).json()["next_cursor"]

    assert_problem(user.get("/items", limit=1, cursor=forged(cursor, value, item_id)), 422)
