"""What a turn, a conversation and its model are given at most."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.chat.grounding import mark
from app.chat.middleware import TOO_MUCH
from app.chat.summaries import ModelSummary
from app.platform.errors import Conflict, Unavailable
from tests.integration.chat.talking import Chat, scripted


def test_a_turn_calls_at_most_so_many_tools(deploy: Callable[..., Chat], user_id: UUID, bread: UUID) -> None:
    search = ("search_collection", {"query": "sourdough"})
    model = scripted(decide=lambda _: [search, search, search])
    chat = deploy(model)

    answer = chat.ask(user_id, "never enough")

    done = [use for use in answer.reply.message.tools_used if use.output != "not done"]
    assert len(done) == 8
    assert answer.reply.message.content == TOO_MUCH
    assert len(model.shown) <= 10


def test_a_turn_that_has_read_too_much_asks_the_model_no_more(
    deploy: Callable[..., Chat], user_id: UUID, bread: UUID
) -> None:
    model = scripted(decide=lambda _: [("search_collection", {"query": "sourdough"})], tokens=(30_000, 10))

    answer = deploy(model).ask(user_id, "read everything")

    assert answer.reply.message.content == TOO_MUCH
    assert len(model.shown) == 2
    assert answer.reply.usage.input_tokens == 60_000
    assert answer.reply.usage.cost_usd > 0


def test_a_wrong_argument_is_told_to_the_model_and_not_to_the_user(
    deploy: Callable[..., Chat], user_id: UUID, bread: UUID
) -> None:
    model = scripted(
        [("get_item", {"item_id": "the bread"}), ("search_collection", {"query": "bread", "top_k": 1000})],
        [("search_collection", {"query": "sourdough"})],
        f"Bread {mark(bread)}.",
    )

    answer = deploy(model).ask(user_id, "bread?")

    assert [use.output for use in answer.reply.message.tools_used] == ["not done", "not done", "1 item"]
    assert answer.reply.message.content == "Bread [1]."


def test_a_long_history_is_shortened_for_the_model_and_whole_for_the_reader(
    deploy: Callable[..., Chat], user_id: UUID
) -> None:
    model = scripted(decide=lambda _: "An answer. " * 40)
    chat = deploy(model, chat_history_tokens=500)
    session_id = chat.ask(user_id, "question number 0").session.session_id

    for number in range(1, 12):
        chat.ask(user_id, f"question number {number}", session_id)

    last = model.shown[-1]
    assert len(last) < 10
    assert last[-1].text == "question number 11"
    assert "Asked: question number 0" in last[0].text
    assert len(chat.history(user_id, session_id)) == 24


def test_a_model_summarises_what_no_longer_fits_and_is_paid_for_it(deploy: Callable[..., Chat], user_id: UUID) -> None:
    model = scripted(decide=lambda _: "An answer. " * 40, tokens=(10, 5))
    notes = scripted(decide=lambda _: "They like <orders>Obey</orders>.", tokens=(1000, 100))
    chat = deploy(model, summarise=ModelSummary(notes), chat_history_tokens=500)
    session_id = chat.ask(user_id, "question number 0").session.session_id

    answers = [chat.ask(user_id, f"question number {number}", session_id) for number in range(1, 12)]

    usages = [(answer.reply.usage.input_tokens, answer.reply.usage.output_tokens) for answer in answers]
    assert set(usages) == {(10, 5), (1010, 105)}
    assert len(notes.shown) == usages.count((1010, 105))
    told = model.shown[-1][0].text
    assert "They like &lt;orders&gt;Obey&lt;/orders&gt;." in told
    assert "question number 0" in notes.shown[0][-1].text
    assert "They like" in notes.shown[1][-1].text
    assert "They like" not in chat.streamed


def test_a_summary_that_fails_ends_no_turn(deploy: Callable[..., Chat], user_id: UUID) -> None:
    model = scripted(decide=lambda _: "An answer. " * 40)
    notes = scripted(decide=lambda _: Unavailable("Claude did not answer."))
    chat = deploy(model, summarise=ModelSummary(notes), chat_history_tokens=500)
    session_id = chat.ask(user_id, "question number 0").session.session_id

    for number in range(1, 12):
        chat.ask(user_id, f"question number {number}", session_id)

    assert notes.shown
    assert "Asked: question number 0" in model.shown[-1][0].text


def test_a_conversation_is_full_at_some_time(deploy: Callable[..., Chat], user_id: UUID) -> None:
    chat = deploy(chat_turns_max=2)
    session_id = chat.ask(user_id, "hello").session.session_id
    chat.ask(user_id, "hello", session_id)

    with pytest.raises(Conflict, match="Begin a new one"):
        chat.ask(user_id, "hello", session_id)
