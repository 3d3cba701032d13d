"""Planning by rules: nothing is searched for that the question does not say."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from app.chat.local_planner import RulePlanner, parts_of
from app.search.agentic import Known, Plan, SubQuery, Tried
from app.search.models import Found, Hit, SearchFilter

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KNOWN = Known(("receipt", "ticket", "poster"), ("Bakery", "road trip"))


def found(query: str, *, items: int = 1, narrow: SearchFilter | None = None) -> Tried:
    hits = [Hit(uuid4(), 1.0, None, None, None, "", "", {}) for _ in range(items)]
    return Tried(SubQuery(query, narrow or SearchFilter()), Found(hits, [], abstained=not hits))


def first(query: str, *, items: int = 1) -> Plan:
    return RulePlanner(now=lambda: NOW).plan(query, KNOWN, [found(query, items=items)])


def on(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("ferry and cinema", ["ferry", "cinema"]),
        ("bread with butter", ["bread with butter"]),
        ("compare the bakery with the museum", ["the bakery", "the museum"]),
        ("compare the bakery and the museum", ["the bakery", "the museum"]),
        ("the difference between tea or coffee?", ["tea", "coffee"]),
        ("rent vs. salary", ["rent", "salary"]),
        ("bread, butter, and jam", ["bread", "butter", "jam"]),
        # Too many to be parts; parts without a word of their own; none at all.
        ("a cup, pot, pan, jar", ["a cup, pot, pan, jar"]),
        ("show me it and that", ["show me it and that"]),
        ("bread", ["bread"]),
        ("android sandals", ["android sandals"]),
        ("", [""]),
    ],
)
def test_a_question_is_split_where_it_names_things_beside_each_other(query: str, parts: list[str]) -> None:
    assert parts_of(query) == parts


def test_every_part_is_searched_for_on_its_own() -> None:
    plan = first("ferry and cinema")

    assert plan.queries == (SubQuery("ferry"), SubQuery("cinema"))
    assert plan.why == "It asks for 2 things: “ferry”, “cinema”."


def test_a_part_has_its_own_category() -> None:
    plan = first("tickets to Rome and receipts from the bakery")

    assert [query.narrow.category for query in plan.queries] == ["ticket", "receipt"]


@pytest.mark.parametrize(
    ("query", "sub_query"),
    [
        ("bills for bread", SubQuery("bread", SearchFilter("receipt"))),
        ("receipts", SubQuery("receipts", SearchFilter("receipt"))),
        # Nobody has a recipe here: it filters nothing.
        ("recipes", None),
        ("pictures of the Road Trip", SubQuery("road trip", SearchFilter(tags=["road trip"]))),
        ("roads and trips of a kind", None),
        ("bread in march", SubQuery("bread", SearchFilter(None, None, on(2026, 3, 1), on(2026, 4, 1)))),
        ("bread in december", SubQuery("bread", SearchFilter(None, None, on(2025, 12, 1), on(2026, 1, 1)))),
        ("bread in march 2024", SubQuery("bread", SearchFilter(None, None, on(2024, 3, 1), on(2024, 4, 1)))),
        ("bread in 2024", SubQuery("bread", SearchFilter(None, None, on(2024, 1, 1), on(2025, 1, 1)))),
    ],
)
def test_what_the_question_names_of_the_users_own_values_narrows(query: str, sub_query: SubQuery | None) -> None:
    queries = first(query).queries

    assert (sub_query in queries) if sub_query else all(each.narrow == SearchFilter() for each in queries)


@pytest.mark.parametrize(
    ("words", "start", "end"),
    [
        ("today", on(2026, 11, 21), on(2026, 11, 22)),
        ("yesterday", on(2026, 11, 20), on(2026, 11, 21)),
        ("last week", on(2026, 11, 14), on(2026, 11, 22)),
        ("last month", on(2026, 10, 22), on(2026, 11, 22)),
    ],
)
def test_days_are_counted_from_today(words: str, start: datetime, end: datetime) -> None:
    (query,) = first(f"bread {words}").queries

    assert (query.narrow.occurred_from, query.narrow.occurred_to) == (start, end)


def test_what_finds_nothing_is_searched_for_by_the_words_it_is_about() -> None:
    assert first("what did I pay for the zeppelin?", items=0).queries == (SubQuery("zeppelin"),)
    assert first("what did I pay for the zeppelin?", items=1).queries == ()
    assert first("zeppelin", items=0).queries == ()


def test_what_finds_nothing_is_not_narrowed_to_where_something_stands_out() -> None:
    assert first("bills for a zeppelin in march", items=0).queries == (SubQuery("bills zeppelin march"),)
    assert first("tickets to Mars and receipts from Venus", items=0).queries == (
        SubQuery("tickets to Mars"),
        SubQuery("receipts from Venus"),
    )


def test_a_filter_that_leaves_nothing_is_lifted_once() -> None:
    narrowed = found("bread", items=0, narrow=SearchFilter("receipt"))
    planner = RulePlanner(now=lambda: NOW)

    second = planner.plan("bills for bread", KNOWN, [found("bills for bread"), narrowed])
    third = planner.plan("bills for bread", KNOWN, [found("bills for bread"), narrowed, found("bread", items=0)])

    assert second.queries == (SubQuery("bread"),)
    assert third == Plan("")


def test_a_filter_that_leaves_something_stays() -> None:
    tried = [found("bills for bread"), found("bread", narrow=SearchFilter("receipt"))]

    assert RulePlanner(now=lambda: NOW).plan("bills for bread", KNOWN, tried) == Plan("")
