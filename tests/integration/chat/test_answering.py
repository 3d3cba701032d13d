"""What is answered, and what of the collection it rests on."""

from collections.abc import Callable
from uuid import UUID

from app.chat.grounding import mark
from app.chat.models import NOTHING_FOUND, Cited, Delta, ToolStarted
from app.platform.database import Database
from tests.integration.chat.talking import DINNER, Chat, add, scripted


def test_an_answer_quotes_the_item_and_cites_it(chat: Chat, user_id: UUID, bread: UUID) -> None:
    answer = chat.ask(user_id, "how much was the sourdough loaf?")

    message = answer.reply.message
    assert message.content == "KRUME & KORN says “Sourdough loaf 5.40” [1]"
    assert [citation.item_id for citation in message.citations] == [bread]
    assert [use.tool for use in message.tools_used] == ["search_collection"]
    assert message.tools_used[0].output == "1 item"
    assert (answer.turn, answer.session.title) == (1, "how much was the sourdough loaf?")
    assert answer.reply.usage.cost_usd == 0


def test_what_is_streamed_is_the_answer_and_tools_and_citations_are_told(
    chat: Chat, user_id: UUID, bread: UUID
) -> None:
    answer = chat.ask(user_id, "how much was the sourdough loaf?")

    assert chat.streamed.strip() == answer.reply.message.content
    assert sum(isinstance(event, Delta) for event in chat.events) > 3
    assert [event.tool for event in chat.events if isinstance(event, ToolStarted)] == ["search_collection"]
    assert [event.citation.item_id for event in chat.events if isinstance(event, Cited)] == [bread]


def test_a_question_that_nothing_supports_is_told_so(chat: Chat, user_id: UUID, bread: UUID) -> None:
    answer = chat.ask(user_id, "what is the licence of my zeppelin?")

    assert answer.reply.message.content == NOTHING_FOUND
    assert answer.reply.message.citations == ()


def test_follow_ups_are_about_what_was_said_before(
    chat: Chat, user_id: UUID, bread: UUID, database_pool: Database
) -> None:
    dinner = add(database_pool, user_id, "TRATTORIA · receipt", lines=DINNER, cosine=0.6)

    session_id = chat.ask(user_id, "which receipts do I have?").session.session_id
    cheaper = chat.ask(user_id, "the cheaper one?", session_id).reply.message
    when = chat.ask(user_id, "when was that?", session_id).reply.message
    other = chat.ask(user_id, "how much was the pasta?", session_id).reply.message
    instead = chat.ask(user_id, "and the croissant?", session_id).reply.message

    assert [citation.item_id for citation in cheaper.citations] == [bread]
    assert "14.03.2026 08:12" in when.content
    assert [citation.item_id for citation in other.citations] == [dinner]
    assert "Butter croissant 3.80" in instead.content


def test_a_choice_can_be_made_again_and_the_other_one_be_asked_for(
    chat: Chat, user_id: UUID, bread: UUID, database_pool: Database
) -> None:
    dinner = add(database_pool, user_id, "TRATTORIA · receipt", lines=DINNER, cosine=0.6)

    session_id = chat.ask(user_id, "which is the cheapest receipt?").session.session_id
    dearest = chat.ask(user_id, "and the most expensive?", session_id).reply.message
    other = chat.ask(user_id, "show me the other one", session_id).reply.message
    back = chat.ask(user_id, "and the other one?", session_id).reply.message

    assert [citation.item_id for citation in dearest.citations] == [dinner]
    assert [citation.item_id for citation in other.citations] == [bread]
    assert [citation.item_id for citation in back.citations] == [dinner]


def test_a_count_of_a_month_counts_that_month(chat: Chat, user_id: UUID, database_pool: Database) -> None:
    march, _ = (
        add(database_pool, user_id, f"{day} · receipt", category="receipt", lines=[day, "TOTAL EUR 1.00"])
        for day in ("14.03.2026", "02.04.2026")
    )

    message = chat.ask(user_id, "how many receipts are from March?").reply.message

    assert message.content.startswith("I found 1 item:")
    assert [citation.item_id for citation in message.citations] == [march]


def test_counts_come_from_the_whole_collection(chat: Chat, user_id: UUID, database_pool: Database) -> None:
    for number in range(12):
        add(database_pool, user_id, f"Receipt {number}", category="receipt")

    message = chat.ask(user_id, "how many receipts do I have?").reply.message

    assert message.content.startswith("You have 12 items of category receipt, the newest 10:")
    assert len(message.citations) == 10


def test_the_users_own_words_are_read_too(chat: Chat, user_id: UUID, database_pool: Database) -> None:
    add(database_pool, user_id, "A key", notes="the spare key hangs behind the boiler", cosine=0.6)

    assert "behind the boiler" in chat.ask(user_id, "where does the spare key hang").reply.message.content


def test_a_category_that_the_question_is_bound_to_binds_every_search(
    deploy: Callable[..., Chat], user_id: UUID, bread: UUID, database_pool: Database
) -> None:
    poster = add(database_pool, user_id, "Sourdough workshop", category="poster", cosine=0.6)
    model = scripted([("search_collection", {"query": "sourdough", "category": "photo"})], f"There {mark(poster)}.")

    answer = deploy(model).ask(user_id, "sourdough?", category="poster")

    assert answer.reply.message.tools_used[0].output == "1 item"
    assert [citation.item_id for citation in answer.reply.message.citations] == [poster]
