"""Reading answers off the lines of a picture."""

from datetime import date
from decimal import Decimal

import pytest

from app.chat import extracts
from app.chat.extracts import Amount
from app.chat.questions import Wanted

RECEIPT = [
    "KRUME & KORN", "Lindenweg 12, 20255 Hamburg", "14.03.2026 08:12 No. 4471", "Sourdough loaf 1 kg 5.40",
    "Butter croissant x2 3.80", "TOTAL EUR 18.80", "incl. VAT 7% 1.23", "Bread from yesterday: half price",
]  # fmt: skip
TICKET = [
    "NORDLINIE", "Hamburg Hbf", "DATE", "DEPARTS", "ARRIVES", "Fri 08 May 2026 07:53", "12:34", "PASSENGER", "BOOKING",
    "Mira Solberg", "K7QX2M",
]  # fmt: skip
LETTER = [
    "Labor am Stadtwall", "Lübeck, 20 April 2026", "Your appointment for a blood test",
    "Dear Mr Reimers, we confirm the appointment your", "doctor arranged for you:", "Tuesday, 5 May 2026, 7:40 am",
]  # fmt: skip


def best(lines: list[str], topic: str, wanted: Wanted, *, own_words: str = "") -> list[str]:
    found = extracts.best(extracts.passages(own_words, lines), topic.split(), wanted)
    return [passage.text for passage in found]


def test_labels_stand_beside_their_values_and_sentences_are_whole() -> None:
    assert [passage.text for passage in extracts.passages("", TICKET)] == [
        "NORDLINIE",
        "Hamburg Hbf",
        "DATE · DEPARTS · ARRIVES: Fri 08 May 2026 07:53 · 12:34",
        "PASSENGER · BOOKING: Mira Solberg · K7QX2M",
    ]
    assert "Dear Mr Reimers, we confirm the appointment your doctor arranged for you:" in [
        passage.text for passage in extracts.passages("", LETTER)
    ]


def test_a_price_is_that_of_the_line_that_was_asked_about() -> None:
    assert best(RECEIPT, "croissants", Wanted.PRICE) == ["Butter croissant x2 3.80"]


def test_a_day_with_its_hour_near_the_subject_is_when_it_is() -> None:
    assert best(LETTER, "blood test", Wanted.WHEN) == [
        "Your appointment for a blood test: Tuesday, 5 May 2026, 7:40 am"
    ]


def test_an_address_is_where_it_is() -> None:
    assert best(RECEIPT, "bakery", Wanted.WHERE) == ["Lindenweg 12, 20255 Hamburg"]


def test_a_caption_brings_its_value_along() -> None:
    lines = ["WARRANTY", "Serial number", "2511-084-77193"]

    assert best(lines, "serial", Wanted.ANY) == ["Serial number: 2511-084-77193"]


def test_the_users_own_words_come_first() -> None:
    assert best(["loaf 5.40"], "loaf", Wanted.ANY, own_words="the loaf was stale")[0] == "the loaf was stale"


def test_what_is_not_there_is_not_found() -> None:
    assert best(RECEIPT, "zeppelin", Wanted.ANY) == []
    assert best(["A poster"], "poster", Wanted.WHEN) == []


@pytest.mark.parametrize(
    ("written", "value", "currency"),
    [
        ("EUR 18.80", "18.80", "EUR"),
        ("1.234,50 €", "1234.50", "EUR"),
        ("$1,234.50", "1234.50", "USD"),
        ("4,800 JPY", "4800", "JPY"),
        ("28 EUR", "28", "EUR"),
        ("18.80", "18.80", ""),
    ],
)
def test_sums_are_read_in_european_and_english_spelling(written: str, value: str, currency: str) -> None:
    assert extracts.amount(written) == Amount(Decimal(value), currency, written)


def test_a_total_is_the_labelled_one_or_the_only_one() -> None:
    assert extracts.total(RECEIPT) == Amount(Decimal("18.80"), "EUR", "EUR 18.80")
    assert extracts.total(["Adult 11.50 EUR"]) == Amount(Decimal("11.50"), "EUR", "11.50 EUR")
    assert extracts.total(["89.00 EUR", "119.00 EUR"]) is None


def test_days_are_read_as_they_are_written() -> None:
    lines = ["14.03.2026", "17 Apr 2026", "May 5, 2026", "2026-01-09", "31.02.2026", "12 April"]

    assert extracts.dates(lines) == [date(2026, 3, 14), date(2026, 4, 17), date(2026, 5, 5), date(2026, 1, 9)]


def test_support_is_the_share_of_the_words_that_are_there() -> None:
    assert extracts.support(["croissants", "zeppelin"], *RECEIPT) == 0.5
    assert extracts.support([], *RECEIPT) == 1


CHAT = [
    "Mr Kruse (landlord)", "Hello Mr Kruse, the boiler is broken and there is no warm water.", "18:20",
    "Thank you for telling me.", "18:31", "I have called the plumber, Mr", "Dahl. He comes tomorrow.",
]  # fmt: skip
WARRANTY = ["WARRANTY CARD", "Date of purchase", "3 November 2025", "Guarantee period", "5 years, motor 10 years"]


def test_who_does_something_is_not_who_is_spoken_to() -> None:
    found = best(CHAT, "boiler repairs", Wanted.WHO)

    assert found == ["Mr Kruse (landlord)", "I have called the plumber, Mr Dahl. He comes tomorrow."]


def test_who_is_in_the_line_of_what_is_done() -> None:
    assert best(["CAFE", "Table 7 - served by Jonna", "Cashier: Ms Blix"], "served", Wanted.WHO) == [
        "Table 7 - served by Jonna"
    ]


def test_where_nobody_is_named_the_line_of_what_is_asked_about_answers_who() -> None:
    assert best(["THE LANTERNS", "live in the harbour hall"], "harbour", Wanted.WHO) == ["live in the harbour hall"]


@pytest.mark.parametrize(
    ("lines", "sender"),
    [
        (["SENDER", "Lampenladen Lumo", "PW 5530"], "SENDER: Lampenladen Lumo"),
        (["Apple crumble", "from Grandma Edda"], "from Grandma Edda"),
        (["Dear Ada, thank you.", "Yours sincerely", "B. Kruse"], "Yours sincerely: B. Kruse"),
    ],
)
def test_a_sender_is_named_where_senders_are(lines: list[str], sender: str) -> None:
    assert sender in best(["A picture", *lines], "letter", Wanted.SENDER)


def test_a_day_after_from_is_no_sender() -> None:
    assert best(["Open from Monday to Friday", "from April on"], "shop", Wanted.SENDER) == []


def test_until_when_is_said_by_the_line_that_says_until() -> None:
    lines = ["PARCEL", "Left on 16 April 2026", "Kept until 23 April 2026"]

    found = extracts.best(extracts.passages("", lines), ["parcel"], Wanted.WHEN, aspect=["expire"])

    assert [passage.text for passage in found] == ["Kept until 23 April 2026"]


def test_what_expires_after_a_time_is_told_with_the_day_it_began() -> None:
    found = extracts.best(extracts.passages("", WARRANTY), ["warranty"], Wanted.WHEN, aspect=["expire"])

    assert [passage.text for passage in found] == [
        "Guarantee period: 5 years, motor 10 years",
        "Date of purchase: 3 November 2025",
    ]


def test_a_machine_has_a_short_name() -> None:
    texts = ["WASHING MACHINE 7 kg", "a sewing-machine and two washing machines", "washing day", "the printing press"]

    assert extracts.machines(texts) == ["washer", "sewer"]
