"""Understanding questions, and completing follow-ups from the question before."""

import pytest

from app.chat.questions import Intent, Kind, Wanted, beside_category, understand


def asked(*questions: str) -> Intent:
    """The last of these questions, asked one after the other."""
    intent: Intent | None = None
    for question in questions:
        intent = understand(question, Intent.from_dict(intent.as_dict()) if intent else None)
    assert intent is not None
    return intent


@pytest.mark.parametrize(
    ("question", "kind", "wanted", "category"),
    [
        ("Hello!", Kind.TALK, Wanted.ANY, ""),
        ("How many receipts do I have?", Kind.COUNT, Wanted.ANY, "receipt"),
        ("how many items are there", Kind.COUNT, Wanted.ANY, ""),
        ("how many eggs do the pancakes need?", Kind.FIND, Wanted.ANY, ""),
        ("What's in my collection?", Kind.OVERVIEW, Wanted.ANY, ""),
        ("Show me my recipes", Kind.LIST, Wanted.ANY, "recipe"),
        ("what do I have about travel?", Kind.LIST, Wanted.ANY, ""),
        ("receipts from March 2026", Kind.LIST, Wanted.ANY, "receipt"),
        ("Which is the cheapest receipt?", Kind.CHOOSE, Wanted.ANY, "receipt"),
        ("how much did I spend in total on receipts?", Kind.SUM, Wanted.PRICE, "receipt"),
        ("how much did I pay for bread", Kind.FIND, Wanted.PRICE, ""),
        ("when does my train leave", Kind.FIND, Wanted.WHEN, ""),
        ("where is the flea market", Kind.FIND, Wanted.WHERE, ""),
        ("ingredients for the lentil soup", Kind.FIND, Wanted.INGREDIENTS, ""),
        ("how do I get to the cinema", Kind.FIND, Wanted.STEPS, ""),
        ("the phone number of the workshop", Kind.FIND, Wanted.PHONE, ""),
        ("what number can I call?", Kind.FIND, Wanted.PHONE, ""),
        ("how much space do the photos take", Kind.FIND, Wanted.ANY, "photo"),
        ("how long is it guaranteed", Kind.FIND, Wanted.DURATION, ""),
        ("which seat do I have?", Kind.FIND, Wanted.ANY, ""),
        ("which receipts do I have?", Kind.LIST, Wanted.ANY, "receipt"),
        ("search the web for opening hours", Kind.WEB, Wanted.ANY, ""),
        ("Who wrote the letter about the rent?", Kind.FIND, Wanted.SENDER, ""),
        ("From whom is the parcel?", Kind.FIND, Wanted.SENDER, ""),
        ("Who plays at the harbour?", Kind.FIND, Wanted.WHO, ""),
        ("Who should I call when the cat is lost?", Kind.FIND, Wanted.CONTACT, ""),
        ("how much did the paint and the bread cost together?", Kind.SUM, Wanted.PRICE, ""),
        ("how much is the ticket in total?", Kind.FIND, Wanted.PRICE, "ticket"),
        ("which is the most expensive thing I bought?", Kind.CHOOSE, Wanted.ANY, "receipt"),
        ("which documents mention Ada Lovelace?", Kind.LIST, Wanted.ANY, "document"),
    ],
)
def test_a_question_says_what_is_to_be_done(question: str, kind: Kind, wanted: Wanted, category: str) -> None:
    intent = asked(question)

    assert (intent.kind, intent.wanted, intent.category) == (kind, wanted, category)
    assert not intent.refers


@pytest.mark.parametrize(
    ("before", "follow_up", "means"),
    [
        ("how much did I pay for bread?", "and for milk?", "how much did I pay for milk?"),
        ("how much did I pay for bread?", "what about the croissants?", "how much did I pay for the croissants?"),
        ("Which concerts did I save in Leipzig?", "and in Kyoto?", "Which concerts did I save in kyoto?"),
        ("Which concerts did I save?", "and in Kyoto?", "Which concerts did I save in kyoto"),
        ("when does my train leave?", "what about the ferry?", "the ferry"),
        ("when does my train leave?", "no, I meant the ferry", "the ferry"),
    ],
)
def test_a_follow_up_is_the_question_before_with_something_else_in_it(before: str, follow_up: str, means: str) -> None:
    intent = asked(before, follow_up)

    assert intent.text == means
    assert intent.wanted is asked(before).wanted
    assert not intent.refers


def test_a_count_goes_on_as_a_count() -> None:
    intent = asked("How many receipts do I have?", "and tickets?")

    assert (intent.kind, intent.category) == (Kind.COUNT, "ticket")


@pytest.mark.parametrize(
    ("follow_up", "kind", "wanted", "choice"),
    [
        ("when was that?", Kind.FIND, Wanted.WHEN, ""),
        ("where is it?", Kind.FIND, Wanted.WHERE, ""),
        ("how much was it", Kind.FIND, Wanted.PRICE, ""),
        ("tell me more about it", Kind.FIND, Wanted.ANY, ""),
        ("the cheaper one", Kind.CHOOSE, Wanted.ANY, "cheapest"),
        ("and the second one?", Kind.CHOOSE, Wanted.ANY, "1"),
        ("anything similar to that?", Kind.SIMILAR, Wanted.ANY, ""),
    ],
)
def test_a_pointing_word_means_the_items_of_the_answer_before(
    follow_up: str, kind: Kind, wanted: Wanted, choice: str
) -> None:
    intent = asked("which hotels did I save", follow_up)

    assert intent.refers
    assert (intent.kind, intent.wanted, intent.choice) == (kind, wanted, choice)
    assert intent.topic == ("hotels",)


def test_a_pointing_word_beside_a_new_subject_points_nowhere() -> None:
    assert not asked("when does my train leave?", "can I eat before the blood test, is that allowed?").refers


def test_a_month_is_a_period_and_may_is_mostly_a_verb() -> None:
    assert asked("receipts from March 2026").period == (2026, 3)
    assert asked("tickets in may").period == (0, 5)
    assert asked("may I eat before the test").period is None
    assert beside_category(asked("receipts from March 2026")) == ()
    assert beside_category(asked("bread receipts from March 2026")) == ("bread",)


def test_what_is_only_asked_of_a_thing_is_not_what_it_is_about() -> None:
    assert asked("when does my train leave?").topic == ("train",)
    assert asked("what is my passport number?").topic == ("passport",)


@pytest.mark.parametrize("follow_up", ["since when?", "what number can I call?", "when did I buy it?"])
def test_who_names_nothing_asks_about_what_was_spoken_of(follow_up: str) -> None:
    assert asked("where is the warranty of the washer?", follow_up).refers


def test_what_is_asked_of_a_thing_tells_its_line() -> None:
    assert asked("until when is it kept?").aspect == ("kept",)
    assert asked("who is it from?").aspect == ("from",)
    assert asked("when does the bus from Seebad arrive?").aspect == ("arrive",)


def test_what_is_to_be_added_up_is_told_apart() -> None:
    assert asked("How much were the wall paint, the bread and my bicycle's brakes in total?").parts == (
        "wall paint",
        "bread",
        "bicycle brakes",
    )


def test_a_bare_subject_inherits_what_was_wanted_and_a_new_question_does_not() -> None:
    assert asked("when does the dentist expect me?", "and the piano lesson?").inherits
    assert not asked("when does the dentist expect me?", "and how much is the piano lesson?").inherits


@pytest.mark.parametrize("follow_up", ["show me the other one", "and the other?", "is there another one?"])
def test_the_other_one_is_a_choice(follow_up: str) -> None:
    intent = asked("show me my recipes", follow_up)

    assert (intent.choice, intent.refers) == ("other", True)


def test_other_things_are_no_choice() -> None:
    assert asked("what other recipes do I have?").choice == ""


@pytest.mark.parametrize(
    ("question", "which"),
    [
        ("when is my flight to Tokyo?", ("tokyo",)),
        ("what is the code of the safe", ("safe",)),
        ("When does my train from Hamburg to Vienna leave?", ("hamburg", "vienna")),
        ("which seat do I have on the train to vienna", ("vienna",)),
        ("When does the Berlin train leave?", ("berlin",)),
        ("my appointment with the lawyer", ("lawyer",)),
        # Nothing beside it that it could narrow.
        ("how much did I pay for bread", ()),
        ("what is the address of the dentist", ()),
        # What is to be done, when, and what an item is are no names of things.
        ("what tools do I need to bring", ()),
        ("the ferry in the morning", ()),
        ("the sourdough loaf on the receipt", ()),
        # Whoever says more describes.
        ("boat trip to the island with our bikes and the dog", ()),
    ],
)
def test_a_question_says_which_of_its_kind_it_means(question: str, which: tuple[str, ...]) -> None:
    assert asked(question).narrowed_to == which
