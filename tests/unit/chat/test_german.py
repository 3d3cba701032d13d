"""Questions in German, told in English."""

import pytest

from app.chat.german import in_english
from app.chat.questions import Kind, Wanted, understand


@pytest.mark.parametrize(
    ("question", "kind", "wanted", "word"),
    [
        ("Wie viel hat das Brot gekostet?", Kind.FIND, Wanted.PRICE, "bread"),
        ("Wann fährt die Fähre?", Kind.FIND, Wanted.WHEN, "ferry"),
        ("Wo ist das Museum?", Kind.FIND, Wanted.WHERE, "museum"),
        ("Von wem ist der Brief?", Kind.FIND, Wanted.SENDER, "brief"),
        ("Wie viele Rezepte habe ich?", Kind.COUNT, Wanted.ANY, "recipes"),
        ("Zeig mir meine Rezepte im Juni", Kind.LIST, Wanted.ANY, "recipes"),
    ],
)
def test_a_german_question_is_understood(question: str, kind: Kind, wanted: Wanted, word: str) -> None:
    intent = understand(in_english(question), None)

    assert (intent.kind, intent.wanted) == (kind, wanted)
    assert word in intent.topic


@pytest.mark.parametrize(
    "question",
    [
        "Was the bill from the Möwen Apotheke paid?",
        "When does the train to München leave?",
        "what does the WiFi cost",
        "Wie Feld 12",
        "¿Cuánto costó el pan?",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert in_english(question) == question
