"""One spelling for one thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.labels import key, unify
from app.analysis.models import AnalysisDocument, ImageDetails, Labels


def a_document(*subcategories: str, themes: tuple[str, ...] = ()) -> AnalysisDocument:
    return AnalysisDocument(
        category="photo",
        headline="h",
        summary="",
        subcategories=list(subcategories),
        image_details=ImageDetails(themes=list(themes)),
    )


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("train ticket", "Train-Tickets"),
        ("TRAIN  TICKETS", "Train-Tickets"),
        ("train_ticket", "Train-Tickets"),
        ("ticket", "ticket"),
        ("skincare", "skincare"),
    ],
)
def test_a_label_is_spelled_as_its_owner_spells_it_where_only_case_hyphens_or_a_plural_differ(
    said: str, kept: str
) -> None:
    unified = unify(a_document(said, themes=(said,)), Labels(tags=("Train-Tickets", "skin care")))

    assert unified.subcategories == [kept]
    assert unified.image_details.themes == [kept]


def test_of_two_spellings_that_the_owner_has_the_most_used_one_wins() -> None:
    assert unify(a_document("cars"), Labels(tags=("Car", "cars"))).subcategories == ["Car"]


def test_labels_that_are_the_same_are_kept_once() -> None:
    assert unify(a_document("Recipe", "recipes", "soup"), Labels()).subcategories == ["Recipe", "soup"]


@pytest.mark.parametrize(("one", "other"), [("new", "news"), ("good", "goods"), ("glass", "glasses"), ("bus", "busy")])
def test_words_that_only_look_like_a_plural_of_another_stay_apart(one: str, other: str) -> None:
    assert key(one) != key(other)


@given(st.text(max_size=40), st.lists(st.text(max_size=40), max_size=5))
def test_whatever_is_said_becomes_itself_or_a_word_of_the_owners(said: str, own: list[str]) -> None:
    (kept,) = unify(a_document(said), Labels(tags=tuple(own))).subcategories

    assert kept in (said, *own)
    assert key(kept) == key(said)
