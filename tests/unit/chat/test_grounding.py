"""From what a model says to what its reader gets."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.chat.grounding import LINK_REMOVED, Grounding, mark
from app.chat.models import Citation, Cited

BREAD, SEA = uuid4(), uuid4()
HEADLINES = {BREAD: "Bread", SEA: "Sea"}


def grounded(text: str, *, own: str = "", size: int = 10_000) -> tuple[str, Grounding]:
    grounding = Grounding(HEADLINES, lambda: [own])
    pieces = [grounding.feed(text[start : start + size]) for start in range(0, len(text), size)]
    return "".join(pieces) + grounding.close(), grounding


def test_citations_are_numbered_in_order_of_first_mention() -> None:
    text, grounding = grounded(f"The sea {mark(SEA)}, bread {mark(BREAD)}, the sea again {mark(SEA)}.")

    assert text == "The sea [1], bread [2], the sea again [1]."
    assert grounding.citations == [Citation(SEA, "Sea"), Citation(BREAD, "Bread")]
    assert grounding.new_citations() == [Cited(1, Citation(SEA, "Sea")), Cited(2, Citation(BREAD, "Bread"))]
    assert grounding.new_citations() == []


def test_what_no_tool_returned_cannot_be_cited() -> None:
    text, grounding = grounded(f"Bread {mark(BREAD)} and gold {mark(uuid4())}. Also [cite:that one].")

    assert text == "Bread [1] and gold. Also."
    assert grounding.removed_citations == 2


def test_several_items_in_one_mark_are_several_citations() -> None:
    text, _ = grounded(f"Both [cite: {SEA}, {BREAD}, {UUID(int=0)}].")

    assert text == "Both [1][2]."


def test_a_number_that_only_looks_like_a_citation_does_not() -> None:
    assert grounded("As they say [1].")[0] == "As they say (1)."


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/steal?q=secret",
        "HTTP://evil.example",
        "www.evil.example",
        "evil.example/path",
        "javascript:alert(1)",
        "mailto:a@evil.example",
        "data:text/html,boo",
    ],
)
def test_a_link_that_is_not_the_users_is_removed(link: str) -> None:
    text, grounding = grounded(f"Look at {link}, now.")

    assert text == f"Look at {LINK_REMOVED}, now."
    assert grounding.removed_links == 1


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("[click here](https://evil.example/a b)", "click here"),
        ('![secret](https://evil.example/x.png "t")', "secret"),
        ("<a href='https://evil.example'>here</a>", "here"),
        ("<img src=https://evil.example/x.png>", ""),
    ],
)
def test_a_link_in_markup_leaves_its_words(written: str, shown: str) -> None:
    text, grounding = grounded(f"See {written}.")

    assert text == f"See {shown}."
    assert grounding.removed_links >= 1


def test_a_link_that_the_user_wrote_may_be_repeated_letter_by_letter() -> None:
    own = "My shop is https://shop.example/me?x, see there."

    assert grounded("It is https://shop.example/me?x.", own=own)[0] == "It is https://shop.example/me?x."
    assert grounded("[shop](https://shop.example/me?x)", own=own)[0] == "shop https://shop.example/me?x"
    assert grounded("It is https://shop.example/me?xyz.", own=own)[0] == f"It is {LINK_REMOVED}."
    assert grounded("It is https://shop.example/m.", own=own)[0] == f"It is {LINK_REMOVED}."


def test_words_that_are_no_links_stay() -> None:
    text = "Tickets 28 EUR at kupferhalle.example, 3 < 4, a [b] c, e.g. and/or 10/12."

    assert grounded(text)[0] == text


ANSWER = (
    f"You paid 5 {mark(BREAD)}, see [1] and ![x](http://evil/?q=1 'a b') or [click me](https://evil.example/a b).\n"
    f"<b>So</b> it is {mark(uuid4())} at www.evil.example/x {mark(SEA)}{mark(BREAD)}"
)


@given(st.integers(1, len(ANSWER)))
def test_what_was_streamed_is_what_is_kept_however_it_was_cut(size: int) -> None:
    whole, all_at_once = grounded(ANSWER)

    streamed, piecewise = grounded(ANSWER, size=size)

    assert streamed == whole
    assert piecewise.citations == all_at_once.citations
    assert (piecewise.removed_citations, piecewise.removed_links) == (
        all_at_once.removed_citations,
        all_at_once.removed_links,
    )


@given(st.text(max_size=80), st.integers(1, 9))
def test_no_text_of_a_model_makes_a_link_or_an_invented_citation(noise: str, size: int) -> None:
    text, grounding = grounded(f"{noise} https://evil.example/{noise} [cite:{UUID(int=7)}] {noise}", size=size)

    assert "://evil" not in text
    assert not grounding.citations


def test_a_bracket_that_never_closes_does_not_hold_the_answer_back_for_ever() -> None:
    grounding = Grounding(HEADLINES, lambda: [])

    shown = grounding.feed("open [ " + "word " * 400)

    assert shown.startswith("open [ word")
