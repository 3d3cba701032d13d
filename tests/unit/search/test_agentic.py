"""Searching in several steps: limits, filters, fusion, and what is told of it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform import spending
from app.platform.errors import PermanentFailure, QuotaExceeded, Unavailable
from app.platform.settings import SearchSettings
from app.search import agentic
from app.search.agentic import EXPLORED, Explored, Known, Plan, SubQuery, Tried, explore, fused, narrowed
from app.search.models import Found, Hit, SearchFilter, SearchType
from app.search.service import Question

NAMES = UUID("00000000-0000-0000-0000-000000000001")
KNOWN = Known(("receipt", "ticket"), ("bakery", "trip"))
SETTINGS = SearchSettings()
TRIP = Question("ferry and cinema", SearchType.AGENTIC, top_k=10)


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def hit(name: str, score: float) -> Hit:
    return Hit(uuid5(NAMES, name), score, None, None, None, name, "", {})


def hits(**scores: float) -> list[Hit]:
    return [hit(name, score) for name, score in scores.items()]


@dataclass
class Library:
    """Finds what it is told to, by the words of a search; keeps what it was asked."""

    finds: dict[str, list[Hit] | Exception]
    asked: list[Question] = field(default_factory=list)

    def __call__(self, question: Question) -> Found:
        self.asked.append(question)
        found = self.finds.get(question.query, [])
        if isinstance(found, Exception):
            raise found
        return Found(found, [], abstained=not found)


@dataclass
class Planning:
    """Makes the plans of a script, then none; keeps what it was shown."""

    plans: list[Plan | Exception]
    shown: list[int] = field(default_factory=list)

    def plan(self, query: str, known: Known, tried: Sequence[Tried]) -> Plan:
        self.shown.append(len(tried))
        plan = self.plans.pop(0) if self.plans else Plan("")
        if isinstance(plan, Exception):
            raise plan
        return plan


def planned(*queries: str | SubQuery, why: str = "because") -> Plan:
    return Plan(why, tuple(SubQuery(query) if isinstance(query, str) else query for query in queries))


def run(
    library: Callable[[Question], Found],
    *plans: Plan | Exception,
    question: Question = TRIP,
    seconds: float = 60,
    clock: Callable[[], float] = lambda: 0.0,
    settings: SearchSettings = SETTINGS,
) -> Explored:
    return explore(
        question,
        find=library,
        planner=lambda: Planning([*plans]),
        known=lambda: KNOWN,
        settings=settings,
        seconds=seconds,
        clock=clock,
    )


def names(found: Explored) -> list[str]:
    return [each.headline for each in found.hits]


def test_what_planned_searches_find_is_added_behind_what_the_question_finds() -> None:
    library = Library({TRIP.query: hits(ferry=0.9, beach=0.5), "cinema": hits(film=0.8), "ferry": hits(ferry=1.0)})

    found = run(library, planned("ferry", "cinema", why="Two things."))

    assert names(found) == ["ferry", "beach", "film"]
    assert found.degraded == []
    assert found.reasoning == [
        "The question as it stands finds 2 items.",
        "Two things.",
        "“ferry” finds 1 item, 0 of them new.",
        "“cinema” finds 1 item, 1 of them new.",
        "Together 3 items, 1 of them by the planned searches alone.",
    ]
    assert [(step.tool, step.input, step.output) for step in found.tools_used] == [
        ("search_collection", {"query": "ferry and cinema"}, "2 items"),
        ("search_collection", {"query": "ferry"}, "1 item"),
        ("search_collection", {"query": "cinema"}, "1 item"),
    ]


def test_every_search_is_a_hybrid_one_under_the_users_own_terms() -> None:
    library = Library({})
    question = replace(TRIP, top_k=3, min_similarity=0.4, narrow=SearchFilter(favorite=True))

    run(library, planned("ferry"), question=question)

    assert {(each.search_type, each.top_k, each.min_similarity) for each in library.asked} == {
        (SearchType.HYBRID, 3, 0.4)
    }
    assert all(each.narrow.favorite for each in library.asked)


def test_there_are_three_rounds_at_most_and_each_sees_what_was_found() -> None:
    planner = Planning([planned(f"query {number}") for number in range(9)])
    library = Library({})

    explore(TRIP, find=library, planner=lambda: planner, known=lambda: KNOWN, settings=SETTINGS, seconds=60)

    assert planner.shown == [1, 2, 3]
    assert [each.query for each in library.asked] == [TRIP.query, "query 0", "query 1", "query 2"]


def test_a_round_makes_four_searches_at_most_and_says_what_was_left_out() -> None:
    library = Library({})

    found = run(library, planned(*(f"query {number}" for number in range(50))))

    assert len(library.asked) == 1 + agentic.QUERIES_PER_ROUND
    assert "Of 50 searches that were planned the first 4 are made." in found.reasoning


def test_nothing_is_searched_for_twice() -> None:
    library = Library({})

    run(library, planned("Ferry", "ferry ", TRIP.query), planned("FERRY", "cinema"))

    assert [each.query for each in library.asked] == [TRIP.query, "Ferry", "cinema"]


def test_a_plan_without_anything_new_ends_the_search() -> None:
    planner = Planning([planned(TRIP.query), planned("cinema")])

    explore(TRIP, find=Library({}), planner=lambda: planner, known=lambda: KNOWN, settings=SETTINGS, seconds=60)

    assert planner.shown == [1]


def test_a_search_is_no_longer_than_a_limit_and_never_empty() -> None:
    library = Library({})

    run(library, planned("x" * 5000, "a\x00b", SubQuery(" ", SearchFilter(category="receipt"))))

    assert {each.query for each in library.asked[1:]} == {"x" * agentic.QUERY_LENGTH, "a b", TRIP.query}


def test_searches_of_a_round_are_made_at_once_and_on_the_open_bill() -> None:
    together = threading.Barrier(3, timeout=60)

    def find(question: Question) -> Found:
        if question.query != TRIP.query:
            together.wait()
            spending.paid("voyage-4", input_tokens=10)
        return Found([], [], abstained=True)

    with spending.collecting() as bill:
        run(find, planned("a", "b", "c"))

    assert bill.total.input_tokens == 30


def test_no_round_begins_after_the_deadline() -> None:
    times = iter([0.0, 11.0])
    library = Library({})

    found = run(library, planned("a"), planned("b"), seconds=10, clock=lambda: next(times))

    assert [each.query for each in library.asked] == [TRIP.query, "a"]
    assert "There was no time for another round." in found.reasoning


FAILURES = [Unavailable("down"), PermanentFailure("x", "none"), QuotaExceeded("used up", retry_after=9)]


@pytest.mark.parametrize("failure", FAILURES)
def test_who_cannot_plan_at_all_says_so_to_whoever_asked(failure: Exception) -> None:
    with pytest.raises(type(failure)):
        run(Library({}), failure)


@pytest.mark.parametrize("failure", FAILURES)
def test_who_fails_later_leaves_what_there_is(failure: Exception) -> None:
    library = Library({TRIP.query: hits(ferry=0.9), "cinema": hits(film=0.8)})

    found = run(library, planned("cinema"), failure)

    assert names(found) == ["ferry", "film"]
    assert any(step.startswith("Planning ended:") for step in found.reasoning)


@pytest.mark.parametrize("failure", FAILURES)
def test_a_planned_search_that_fails_takes_nothing_away_and_is_told(failure: Exception) -> None:
    library = Library({TRIP.query: hits(ferry=0.9), "broken": failure, "cinema": hits(film=0.8)})

    found = run(library, planned("broken", "cinema"))

    assert names(found) == ["ferry", "film"]
    assert "“broken” could not be searched for." in found.reasoning
    assert [step.output for step in found.tools_used] == ["1 item", "failed", "1 item"]


def test_a_question_that_cannot_be_searched_for_fails() -> None:
    with pytest.raises(Unavailable):
        run(Library({TRIP.query: Unavailable("down")}), planned("a"))


def test_an_arm_that_was_missing_is_told_once() -> None:
    def find(question: Question) -> Found:
        return Found(hits(ferry=0.9), ["vector"])

    assert run(find, planned("a", "b")).degraded == ["vector"]


def test_nothing_found_stays_nothing_where_the_planner_says_that_nothing_fits() -> None:
    library = Library({"boat": hits(ferry=0.9)})

    assert names(run(library, planned("boat"), Plan("No boat.", is_hopeless=True))) == []
    assert names(run(library, planned("boat"), Plan("A ferry is a boat."))) == ["ferry"]


def test_what_the_question_itself_finds_stays_whatever_the_planner_says() -> None:
    library = Library({TRIP.query: hits(ferry=0.9)})

    assert names(run(library, Plan("Nothing fits.", is_hopeless=True))) == ["ferry"]


def test_as_many_come_as_were_asked_for() -> None:
    library = Library({TRIP.query: hits(a=0.9, b=0.8), "more": hits(c=0.9, d=0.8)})

    assert names(run(library, planned("more"), question=replace(TRIP, top_k=3))) == ["a", "b", "c"]


def test_it_goes_from_function_to_function_and_stays_what_it_is() -> None:
    found = run(Library({TRIP.query: hits(ferry=0.9)}), planned(SubQuery("a", SearchFilter(occurred_from=day(1)))))

    assert EXPLORED.validate_json(EXPLORED.dump_json(found)) == found


# --- filters ----------------------------------------------------------------------------------------------------------


def test_a_plan_narrows_within_the_users_own_filter_and_widens_nothing() -> None:
    own = SearchFilter("ticket", ["trip"], day(5), day(20), favorite=True)
    wide = SearchFilter("receipt", ["bakery"], day(1), day(28), favorite=False)

    assert narrowed(own, wide, KNOWN) == SearchFilter("ticket", ["trip", "bakery"], day(5), day(20), favorite=True)


def test_days_are_cut_to_those_of_both() -> None:
    planned_days = SearchFilter(occurred_from=day(10), occurred_to=day(30))

    assert narrowed(SearchFilter(occurred_to=day(20)), planned_days, KNOWN) == SearchFilter(
        occurred_from=day(10), occurred_to=day(20)
    )


def test_values_that_no_item_has_and_days_that_never_were_filter_nothing() -> None:
    nonsense = SearchFilter("zeppelin", ["nobody's"], day(9), day(8))

    assert narrowed(SearchFilter(), nonsense, KNOWN) == SearchFilter()


def test_filters_are_told() -> None:
    narrow = SearchFilter("receipt", ["bakery"], day(1), day(8))

    found = run(Library({}), planned(SubQuery("bread", narrow)))

    assert (
        "“bread” (category receipt, tagged bakery, from 2026-03-01, before 2026-03-08) finds 0 items, 0 of them new."
        in (found.reasoning)
    )
    assert found.tools_used[1].input == {
        "query": "bread",
        "category": "receipt",
        "tags": ["bakery"],
        "from": "2026-03-01T00:00:00+00:00",
        "to": "2026-03-08T00:00:00+00:00",
    }


# --- fusion -----------------------------------------------------------------------------------------------------------

rankings = st.lists(
    st.tuples(st.sampled_from("abcdefghij"), st.floats(0.01, 5)), max_size=8, unique_by=lambda pair: pair[0]
).map(lambda pairs: [hit(name, score) for name, score in sorted(pairs, key=lambda pair: -pair[1])])


@given(own=rankings, plans=st.lists(rankings, max_size=4), weight=st.floats(0, 1))
def test_whatever_was_planned_nothing_passes_what_is_better_by_more_than_the_weight(
    own: list[Hit], plans: list[list[Hit]], weight: float
) -> None:
    best = max((each.score for each in own), default=1.0)
    scores = {each.item_id: each.score / best for each in own}

    order = [each.item_id for each in fused(own, plans, weight=weight)]

    for place, first in enumerate(order):
        for later in order[place + 1 :]:
            assert scores.get(later, 0.0) - scores.get(first, 0.0) <= weight + 1e-5


@given(own=rankings, plans=st.lists(rankings, max_size=4))
def test_nothing_is_lost_and_nothing_comes_twice(own: list[Hit], plans: list[list[Hit]]) -> None:
    found = fused(own, plans, weight=0.1)

    assert {each.item_id for each in found} == {each.item_id for ranking in (own, *plans) for each in ranking}
    assert len(found) == len({each.item_id for each in found})


def test_the_order_of_the_question_stands_where_no_plan_says_anything() -> None:
    own = hits(a=0.9, b=0.9, c=0.2)

    assert [each.headline for each in fused(own, [], weight=0.1)] == ["a", "b", "c"]


def test_near_ties_go_to_what_a_planned_search_found_too() -> None:
    own = hits(a=1.0, b=0.96, c=0.5)

    assert [each.headline for each in fused(own, [hits(b=0.3), hits(c=0.9)], weight=0.1)] == ["b", "a", "c"]
