"""Conversations as they leave the house."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from app.chat.asking import title_of
from app.chat.models import Answer, Citation, Message, Question, Reply, Session, ToolUse, Usage
from app.chat.schemas import ChatIn, ChatOut, HistoryMessage, SessionOut, TurnAsked

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ITEM, SESSION = uuid4(), Session(uuid4(), "Bread", NOW, NOW, 2, NOW, "c1")
MESSAGE = Message(
    "assistant",
    "It costs 5.40 [1]",
    NOW,
    (Citation(ITEM, "Bread"),),
    (ToolUse("search_collection", {"query": "bread"}, "1 item"),),
)
ANSWER = Answer(SESSION, 1, Reply("c1", MESSAGE, Usage("claude", 100, 20, Decimal("0.0005")), 1, 2), 12.5)


def thumbnail(item_id: UUID) -> str:
    return f"https://bucket/{item_id}"


def test_an_answer_has_the_form_of_the_contract() -> None:
    out = ChatOut.of(ANSWER, thumbnail).model_dump(mode="json")

    assert out == {
        "session_id": str(SESSION.session_id),
        "message": {"role": "assistant", "content": "It costs 5.40 [1]", "timestamp": "2026-11-21T12:00:00Z"},
        "citations": [{"item_id": str(ITEM), "headline": "Bread", "thumbnail_url": thumbnail(ITEM)}],
        "tools_used": [{"tool": "search_collection", "input": {"query": "bread"}, "output": "1 item"}],
        "conversation_turn": 1,
        "usage": {
            "model": "claude",
            "input_tokens": 100,
            "output_tokens": 20,
            "cost_usd": 0.0005,
            "removed_citations": 1,
            "removed_links": 2,
        },
        "response_time_ms": 12.5,
    }


def test_sessions_keep_their_checkpoints_to_themselves() -> None:
    assert set(SessionOut.of(SESSION).model_dump()) == {
        "session_id", "title", "created_at", "last_activity", "message_count", "expires_at",
    }  # fmt: skip


def test_a_message_of_the_past_has_its_citations_and_one_of_an_item_that_is_gone_no_picture() -> None:
    out = HistoryMessage.of(MESSAGE, lambda _: None)

    assert (out.citations[0].item_id, out.citations[0].thumbnail_url) == (ITEM, None)
    assert out.tools_used[0].output == "1 item"


def test_a_turn_has_a_session_before_it_begins() -> None:
    user_id = uuid4()

    first = TurnAsked.of(user_id, ChatIn(message="hello", category_filter="receipt", item_ids=[ITEM]))
    second = TurnAsked.of(user_id, ChatIn(message="and?", session_id=first.session_id), connection_id="c")

    assert (first.is_new, second.is_new) == (True, False)
    assert second.session_id == first.session_id
    assert first.question() == Question("hello", 10, "receipt", (ITEM,))
    assert TurnAsked.model_validate(first.model_dump(mode="json")) == first


def test_a_turn_that_replaces_another_says_so_to_whoever_answers() -> None:
    body = ChatIn(message="hello", session_id=SESSION.session_id, replaces_turn=3)

    assert TurnAsked.of(uuid4(), body).question().replaces_turn == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"message": ""},
        {"message": "x" * 4001},
        {"top_k": 0},
        {"user_id": "x"},
        {"replaces_turn": 1},
        {"replaces_turn": 0, "session_id": str(uuid4())},
    ],
)
def test_what_is_no_message_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ChatIn.model_validate({"message": "hello"} | changes)


def test_a_title_is_the_first_question_cut_between_words() -> None:
    assert title_of("  how much\nwas  it? ") == "how much was it?"
    assert title_of("word " * 30) == "word " * 12 + "…"
