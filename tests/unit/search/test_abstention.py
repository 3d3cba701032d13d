"""When a search says that there is nothing."""

import math
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.settings import SearchSettings
from app.search.abstention import is_unanswered, may_be_seen, standing_out
from app.search.models import Evidence, Hit

SETTINGS = SearchSettings()


def evidence(
    known: float | None, nearest: float, *, mean: float = 0.15, deviation: float = 0.1, n: int = 50
) -> Evidence:
    return Evidence(known, n, nearest, mean, deviation)


def test_words_that_are_all_there_are_answered_however_far_the_vectors() -> None:
    assert not is_unanswered(evidence(1.0, 0.3), SETTINGS)


def test_a_picture_that_stands_out_answers_without_a_word_in_common() -> None:
    assert not is_unanswered(evidence(0.0, 0.9), SETTINGS)


def test_neither_words_nor_meaning_is_no_answer() -> None:
    assert is_unanswered(evidence(0.1, 0.35), SETTINGS)
    assert is_unanswered(evidence(None, 0.35), SETTINGS)


def test_by_words_alone_a_few_known_ones_suffice() -> None:
    assert not is_unanswered(Evidence(known=0.5), SETTINGS)
    assert is_unanswered(Evidence(known=0.1), SETTINGS)
    assert is_unanswered(Evidence(known=None), SETTINGS)


def test_one_picture_alone_can_answer() -> None:
    """Nothing to compare it with but what the model makes of unrelated texts in general."""
    assert not is_unanswered(evidence(0.2, 0.6, mean=0.6, deviation=0.0, n=1), SETTINGS)
    assert is_unanswered(evidence(0.0, 0.2, mean=0.2, deviation=0.0, n=1), SETTINGS)


def test_what_is_nearest_by_chance_stands_out_by_nothing() -> None:
    settings = SearchSettings(background_items=0)
    n, reach = 1001, math.sqrt(2 * math.log(1001))
    others = evidence(0, 0.15 + 0.1 * reach, n=n)

    z = standing_out(others, settings)

    assert z == pytest.approx(0, abs=0.05)


@given(st.integers(1, 10_000), st.floats(-1, 1), st.floats(-1, 1), st.floats(0, 1))
def test_no_evidence_breaks_the_rule(n: int, nearest: float, mean: float, deviation: float) -> None:
    z = standing_out(Evidence(0.5, n, nearest, mean, deviation), SETTINGS)

    assert z is not None
    assert math.isfinite(z)


def hit(category: str, *matched: str) -> Hit:
    return Hit(UUID(int=1), 0.5, 1.0, 0.3, category, "A picture", "", {}, matched_terms=list(matched))


@pytest.mark.parametrize(
    ("query", "hits", "may_be"),
    [
        ("Yellow raincoat", [hit("photo", "yellow")], True),
        ("red and blue scarf", [hit("photo", "red", "blue")], True),
        ("red and blue scarf", [hit("photo", "red")], False),
        ("yellow raincoat", [hit("receipt", "yellow")], False),
        ("yellow raincoat", [], False),
        ("tennis racket", [hit("photo", "racket")], False),
        ("yellow raincoat", [hit("document")] * 3 + [hit("photo", "yellow")], False),
    ],
)
def test_a_mere_picture_with_the_colours_asked_for_may_be_the_one(query: str, hits: list[Hit], may_be: bool) -> None:
    assert may_be_seen(query, hits) is may_be
