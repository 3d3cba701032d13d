"""Answers that add up and that choose."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

import pytest

from app.chat import answers
from app.chat.answers import LOOKED_AT, Found
from app.chat.models import NOTHING_FOUND
from app.chat.questions import Intent, Wanted, understand


def receipt(name: str, total: str, *lines: str) -> Found:
    return Found(uuid4(), name, "receipt", date(2026, 4, 1), "", "", (*lines, f"TOTAL EUR {total}"), 0.0)


BREAD = receipt("Bakery", "4.00", "bread 4.00")
PAINT = receipt("Tools", "30.00", "paint 30.00")


def test_parts_are_added_up_by_the_items_that_are_about_them_and_what_is_missing_is_told() -> None:
    said = answers.add_up_parts(("bread", "paint", "gold"), [[PAINT, BREAD], [PAINT], [BREAD]])

    assert said.text.startswith("Together EUR 34.00:")
    assert said.text.endswith("I found no total for gold.")
    assert said.about == (BREAD.item_id, PAINT.item_id)


def test_an_item_that_two_parts_are_on_counts_once() -> None:
    both = receipt("Market", "9.00", "bread 4.00", "milk 5.00")

    assert answers.add_up_parts(("bread", "milk"), [[both], [both]]).text.startswith("Together EUR 9.00:")


def test_parts_that_nothing_is_about_add_up_to_nothing() -> None:
    assert answers.add_up_parts(("gold",), [[BREAD]]).text == NOTHING_FOUND


def test_a_choice_remembers_what_it_was_made_from() -> None:
    said = answers.choose(Intent("the cheapest", choice="cheapest"), [PAINT, BREAD])

    assert said.about == (BREAD.item_id,)
    assert set(said.among) == {PAINT.item_id, BREAD.item_id}


def test_whoever_asks_is_told_that_there_may_be_more() -> None:
    many = [receipt(f"Shop {number}", f"{number}.00") for number in range(1, LOOKED_AT + 1)]

    for said in (answers.add_up(many), answers.choose(Intent("", choice="dearest"), many)):
        assert said.text.endswith("I looked at the newest 20 only.")
    assert "only" not in answers.add_up(many[1:]).text


def test_who_sent_something_that_names_no_sender_is_told_its_letterhead() -> None:
    letter = Found(uuid4(), "Rent", "document", date(2026, 4, 1), "", "", ("Harbour Estates", "Rent 742.00"), 0.0)

    said = answers.find(Intent("who wrote about the rent", wanted=Wanted.SENDER, topic=("rent",)), [letter])

    assert said.text.startswith("Who that was it does not say; at its top stands “Harbour Estates”")


def test_a_new_subject_without_what_was_wanted_is_quoted_as_it_stands() -> None:
    lines = ("Rent adjustment from 1 April 2026", "Basic rent 742.00", "Cellar storage 15.00")
    letter = Found(uuid4(), "Estates", "document", date(2026, 4, 1), "", "", lines, 0.0)

    asked = Intent("", wanted=Wanted.WHEN, topic=("cellar", "storage"), inherits=True)

    assert "“Cellar storage 15.00”" in answers.find(asked, [letter]).text


GATE = Found(uuid4(), "Notice", "document", date(2026, 4, 1), "", "", ("Notice", "Gate code 4417"), 0.33)


def test_one_of_a_kind_is_no_answer_to_a_question_about_another() -> None:
    asked = understand("What is the code of the safe?", None)

    assert answers.find(asked, [GATE]).text == NOTHING_FOUND
    assert answers.unnamed(asked, [GATE]) == ("safe",)
    assert "4417" in answers.find(understand("What is the code of the gate?", None), [GATE]).text


def test_what_has_only_the_name_is_no_answer_either() -> None:
    flyer = Found(uuid4(), "Flyer", "poster", date(2026, 4, 1), "", "", ("say SAFE OPEN",), 0.3)

    assert answers.find(understand("the code of the safe", None), [GATE, flyer]).text == NOTHING_FOUND


def test_what_a_search_for_the_name_finds_is_meant() -> None:
    asked = understand("What is the code of the entrance?", None)

    assert answers.find(asked, [GATE]).text == NOTHING_FOUND
    assert "4417" in answers.find(asked, [GATE], meant={GATE.item_id}).text


def test_a_name_counts_in_another_language_and_with_a_letter_missing() -> None:
    ticket = Found(uuid4(), "Ticket", "ticket", date(2026, 4, 1), "", "", ("Train", "København H", "07:53"), 0.4)

    for question in ("When does my train to Copenhagen leave?", "train to Kobenhavn", "train to københavn"):
        assert answers.unnamed(understand(question, None), [ticket]) == (), question
    assert answers.unnamed(understand("When does my train to Berlin leave?", None), [ticket]) == ("berlin",)


def test_what_was_found_by_the_word_of_the_question_has_its_name() -> None:
    parcel = Found(uuid4(), "Parcel", "document", date(2026, 4, 1), "", "", ("pickup code 12",), 0.3, ("package",))

    assert answers.unnamed(understand("the pickup code of the package", None), [parcel]) == ()


FLIGHT = Found(
    uuid4(), "Polaris Air", "ticket", date(2026, 4, 1), "", "", ("Flight PA 2217", "Hamburg", "Lisbon", "06:45"), 0.4
)


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("When is my flight to Portugal?", ()),
        ("flight to the USA", ("usa",)),
        ("flight to the US", ("usa",)),
        ("my flight to South Korea", ("south", "korea")),
        # There it begins.
        ("When is my flight to Germany?", ("germany",)),
    ],
)
def test_a_ticket_to_a_city_is_one_to_its_country_and_to_no_other(question: str, missing: tuple[str, ...]) -> None:
    asked = understand(question, None)

    assert answers.unnamed(asked, [FLIGHT]) == missing
    assert (answers.find(asked, [FLIGHT]).text == NOTHING_FOUND) == bool(missing)


def test_a_city_in_another_language_is_in_its_country() -> None:
    ticket = Found(uuid4(), "Ticket", "ticket", date(2026, 4, 1), "", "", ("Train", "Hamburg Hbf", "København H"), 0.4)

    assert answers.unnamed(understand("train to Denmark", None), [ticket]) == ()


def test_what_is_no_ticket_is_in_the_country_of_every_city_that_it_names() -> None:
    lines = ("Exhibition", "Museum am Deich, Bremen")
    poster = Found(uuid4(), "Blue", "poster", date(2026, 4, 1), "", "", lines, 0.4)

    assert answers.unnamed(understand("the exhibition in Germany", None), [poster]) == ()


def test_a_washing_machine_is_a_washer_and_no_dishwasher() -> None:
    lines = ("Product", "Washing machine 7 kg", "Serial number", "2511-084")
    card = Found(uuid4(), "Warranty", "document", date(2026, 4, 1), "", "", lines, 0.4)

    assert "2511-084" in answers.find(understand("What is the serial number of the washer?", None), [card]).text
    for other in ("dishwasher", "dryer"):
        asked = understand(f"What is the serial number of the {other}?", None)
        assert answers.find(asked, [card]).text == NOTHING_FOUND, other


def test_half_of_what_is_asked_about_is_enough_only_where_the_meaning_is_near() -> None:
    bakery = Found(uuid4(), "Bakery", "receipt", date(2026, 4, 1), "", "", ("14.03.2026", "Flat white 3.90"), 0.05)
    asked = understand("When was the flat viewing?", None)

    assert answers.find(asked, [bakery]).text == NOTHING_FOUND
    assert answers.find(asked, [replace(bakery, lines=("Viewing of the flat", "14.03.2026"))]).about
    assert answers.find(asked, [replace(bakery, lines=("Flat 3, come and see", "14.03.2026"), similarity=0.4)]).about
