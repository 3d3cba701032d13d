"""Cursors come back as they were made, or not at all."""

import base64
import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.items import cursors
from app.items.lists import Position
from app.items.models import as_text
from app.platform.errors import InvalidInput

QUERY = '{"sort": "-created_at", "tag": "rome"}'


def forged(content: object) -> str:
    """A cursor that a client made up."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def opened(cursor: str) -> list[str]:
    content: list[str] = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return content


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_time_comes_back_to_the_microsecond(moment: datetime, item_id: UUID) -> None:
    position = Position(moment, item_id)

    cursor = cursors.encode(position, query=QUERY)

    assert cursors.decode(cursor, query=QUERY, is_time=True) == position


@given(st.text(max_size=255), st.uuids())
def test_any_filename_comes_back_as_it_was(filename: str, item_id: UUID) -> None:
    position = Position(as_text(filename), item_id)

    cursor = cursors.encode(position, query=QUERY)

    assert cursors.decode(cursor, query=QUERY, is_time=False) == position


@pytest.mark.parametrize("letter", ["a", "é", "写", "\N{PILE OF POO}", "\x01", '"'])
def test_a_list_sorted_by_the_longest_names_can_be_paged(letter: str) -> None:
    position = Position(letter * 255, uuid4())

    cursor = cursors.encode(position, query=QUERY)

    assert cursors.decode(cursor, query=QUERY, is_time=False) == position


def test_a_cursor_can_stand_in_a_url() -> None:
    cursor = cursors.encode(Position("\N{PILE OF POO}?>" * 20, uuid4()), query=QUERY)

    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = cursors.encode(Position("a", uuid4()), query=QUERY)

    with pytest.raises(InvalidInput):
        cursors.decode(cursor, query='{"sort": "title"}', is_time=False)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        (0, None),
        (0, 5),
        (0, "a\x00b"),
        (0, "\ud800"),
        (0, ["a"]),
        (1, "not an id"),
        (1, 5),
        (1, None),
        (1, ["a"]),
        (1, {"int": 5}),
        (2, "0" * 16),
        (2, None),
    ],
)
def test_a_cursor_that_was_tampered_with_is_refused(part: int, value: object) -> None:
    content: list[object] = [*opened(cursors.encode(Position("a", uuid4()), query=QUERY))]
    content[part] = value

    with pytest.raises(InvalidInput):
        cursors.decode(forged(content), query=QUERY, is_time=False)


@pytest.mark.parametrize("value", ["a", "", "2024-13-01", "24:00", "0000-00-00T00:00:00", "9" * 500])
def test_a_cursor_with_no_time_in_it_does_not_continue_a_list_sorted_by_time(value: str) -> None:
    cursor = cursors.encode(Position(value, uuid4()), query=QUERY)

    with pytest.raises(InvalidInput):
        cursors.decode(cursor, query=QUERY, is_time=True)


@pytest.mark.parametrize(
    "content", [None, 5, "abc", [], [1], ["a", "b"], ["a", "b", "c", "d"], {}, {"a": 1, "b": 2, "c": 3}, [[[]]] * 3]
)
def test_other_json_is_refused(content: object) -> None:
    with pytest.raises(InvalidInput):
        cursors.decode(forged(content), query=QUERY, is_time=False)


@pytest.mark.parametrize("cursor", ["", "=", "a", "%%%", "é", "\x00", "\ud800", "[" * 3900, "A" * 100_000])
def test_what_is_no_cursor_at_all_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInput):
        cursors.decode(cursor, query=QUERY, is_time=True)


def test_json_nested_without_end_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 2900).decode()

    with pytest.raises(InvalidInput):
        cursors.decode(deep, query=QUERY, is_time=True)


@given(st.text(max_size=200), st.booleans())
def test_any_text_is_refused_politely(cursor: str, is_time: bool) -> None:
    with pytest.raises(InvalidInput):
        cursors.decode(cursor, query=QUERY, is_time=is_time)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists), st.booleans())
def test_any_json_is_refused_politely(content: object, is_time: bool) -> None:
    with pytest.raises(InvalidInput):
        cursors.decode(forged(content), query=QUERY, is_time=is_time)
