"""Conversations over HTTP: what is asked, answered, listed and forgotten, and what is nobody else's business."""

import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from langchain_core.messages import BaseMessage

from app.chat.agent import LangGraphAssistant
from app.chat.models import NOTHING_FOUND
from app.platform import wiring
from app.platform.errors import Unavailable
from tests.chat_models import ScriptedChatModel, Step
from tests.integration.conversations import saver
from tests.integration.http_api.answering import Gate, InvokedHere
from tests.integration.http_api.application import BUCKET, CHECKPOINTS, User, assert_problem, given_searchable


@pytest.fixture
def bread(user: User) -> UUID:
    return given_searchable(user, "Sourdough bread from the bakery", "Sourdough loaf 5.40, croissant 3.80")


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Another model than the configured one."""

    def answering(model: Any) -> None:
        assistant = LangGraphAssistant(
            model,
            model_name="claude-sonnet-5-5",
            checkpoints=saver(CHECKPOINTS, BUCKET),
            settings=wiring.chat_settings(),
        )
        monkeypatch.setattr(wiring, "assistant", lambda _model=None: assistant)

    return answering


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


def waiting(gate: Gate, words: str) -> ScriptedChatModel:
    def decide(_: list[BaseMessage]) -> Step:
        gate.pass_through()
        return words

    return ScriptedChatModel(decide=decide, shown=[])


def ask(user: User, message: str = "Where is the sourdough bread?", **body: Any) -> Any:
    return user.post("/chat", {"message": message, **body})


def chats_today(user: User) -> int:
    return wiring.usage().usage(user.user_id).today["chats"].count  # type: ignore[index]


def test_a_question_is_answered_with_what_it_rests_on(user: User, bread: UUID) -> None:
    answer = ask(user)

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {
        "session_id", "message", "citations", "tools_used", "conversation_turn", "usage", "response_time_ms",
    }  # fmt: skip
    assert set(body["message"]) == {"role", "content", "timestamp"}
    assert body["message"]["role"] == "assistant"
    assert "[1]" in body["message"]["content"]
    (citation,) = body["citations"]
    assert citation["item_id"] == str(bread)
    assert citation["headline"] == "Sourdough bread from the bakery"
    assert f"/{user.user_id}/thumbnails/{bread}" in citation["thumbnail_url"]
    assert body["tools_used"][0]["tool"] == "search_collection"
    assert body["conversation_turn"] == 1
    assert chats_today(user) == 1


def test_a_conversation_goes_on_and_can_be_read_again(user: User, bread: UUID) -> None:
    first = ask(user).json()

    second = ask(user, "How much was it?", session_id=first["session_id"]).json()
    history = user.get(f"/chat/{first['session_id']}/history").json()

    assert second["session_id"] == first["session_id"]
    assert second["conversation_turn"] == 2
    assert history["message_count"] == 4
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"] * 2
    assert history["messages"][1]["content"] == first["message"]["content"]
    assert history["messages"][1]["citations"][0]["item_id"] == str(bread)
    assert history["messages"][1]["tools_used"] == first["tools_used"]
    assert history["messages"][0]["citations"] == []


def test_the_last_turn_is_answered_again_in_its_place(user: User, bread: UUID) -> None:
    first = ask(user).json()
    ask(user, "How much was it?", session_id=first["session_id"])

    again = ask(user, "How much was the loaf?", session_id=first["session_id"], replaces_turn=2)
    history = user.get(f"/chat/{first['session_id']}/history").json()

    assert again.status_code == 200, again.text
    assert again.json()["conversation_turn"] == 2
    assert history["message_count"] == 4
    assert [message["content"] for message in history["messages"]] == [
        "Where is the sourdough bread?",
        first["message"]["content"],
        "How much was the loaf?",
        again.json()["message"]["content"],
    ]
    assert chats_today(user) == 3


def test_a_turn_that_is_not_the_last_is_not_replaced(user: User, stranger: User, bread: UUID) -> None:
    session_id = ask(user).json()["session_id"]
    ask(user, "How much was it?", session_id=session_id)

    assert_problem(ask(user, session_id=session_id, replaces_turn=1), 409)
    assert_problem(ask(user, session_id=session_id, replaces_turn=3), 409)
    assert_problem(ask(stranger, session_id=session_id, replaces_turn=2), 404)
    assert_problem(ask(user, replaces_turn=1), 422)
    assert user.get(f"/chat/{session_id}/history").json()["message_count"] == 4


def test_a_new_answer_that_fails_leaves_the_old_one(user: User, bread: UUID, answering: Callable[[Any], None]) -> None:
    first = ask(user).json()
    answering(ScriptedChatModel(script=[Unavailable("Claude did not answer.")], shown=[]))

    assert_problem(ask(user, session_id=first["session_id"], replaces_turn=1), 503)

    history = user.get(f"/chat/{first['session_id']}/history").json()
    assert history["messages"][-1]["content"] == first["message"]["content"]
    assert history["unanswered"] | {"timestamp": ""} == {
        "status": "failed",
        "content": "Where is the sourdough bread?",
        "timestamp": "",
        "detail": "Claude did not answer.",
        "replaces_turn": 1,
    }


def test_what_nothing_supports_is_not_answered(user: User, bread: UUID) -> None:
    body = ask(user, "When does the zeppelin land?").json()

    assert body["message"]["content"] == NOTHING_FOUND
    assert body["citations"] == []


def test_a_selection_is_all_that_is_asked(user: User, bread: UUID) -> None:
    other = given_searchable(user, "Rye bread of another day", "Rye loaf 4.10")

    body = ask(user, "Which bread is it?", item_ids=[str(other)]).json()

    assert {citation["item_id"] for citation in body["citations"]} == {str(other)}


def test_an_item_that_is_gone_since_has_no_thumbnail_any_more(user: User, bread: UUID) -> None:
    session_id = ask(user).json()["session_id"]
    with wiring.database().tenant(user.user_id) as connection:
        connection.execute("DELETE FROM items WHERE user_id = %s", [user.user_id])

    history = user.get(f"/chat/{session_id}/history").json()

    assert history["messages"][1]["citations"][0]["thumbnail_url"] is None


def test_conversations_are_listed_renamed_and_forgotten(user: User, bread: UUID) -> None:
    older, newer = (ask(user, f"Where is the sourdough bread, {n}?").json()["session_id"] for n in ("one", "two"))

    renamed = user.patch(f"/chat/{older}", {"title": "Bread"})
    first = user.get("/chat/sessions", limit=1).json()
    rest = user.get("/chat/sessions", cursor=first["next_cursor"]).json()

    assert renamed.json()["title"] == "Bread"
    assert [session["session_id"] for session in first["sessions"]] == [newer]
    assert [(session["session_id"], session["title"]) for session in rest["sessions"]] == [(older, "Bread")]
    assert rest["next_cursor"] is None
    assert set(rest["sessions"][0]) == {
        "session_id", "title", "created_at", "last_activity", "message_count", "expires_at",
    }  # fmt: skip
    assert user.delete(f"/chat/{older}").status_code == 204
    assert_problem(user.get(f"/chat/{older}/history"), 404)
    assert_problem(ask(user, session_id=older), 404)


def test_somebody_elses_conversation_is_as_little_there_as_none(user: User, stranger: User, bread: UUID) -> None:
    theirs, nobodys = ask(user).json()["session_id"], str(uuid4())

    for session_id in (theirs, nobodys):
        for answer in (
            stranger.get(f"/chat/{session_id}/history"),
            stranger.patch(f"/chat/{session_id}", {"title": "mine now"}),
            stranger.delete(f"/chat/{session_id}"),
            ask(stranger, session_id=session_id),
        ):
            assert assert_problem(answer, 404)["detail"] == "No such conversation."

    assert user.get(f"/chat/{theirs}/history").json()["message_count"] == 2
    assert stranger.get("/chat/sessions").json()["sessions"] == []
    assert chats_today(stranger) == 0


def test_what_takes_longer_than_a_request_is_finished_and_the_client_told_where(
    user: User, chat_function: InvokedHere, answering: Callable[[Any], None], gate: Gate
) -> None:
    model = waiting(gate, "It took a while.")
    answering(model)
    chat_function.waits_s = 0.3

    answer = ask(user)

    assert answer.status_code == 202, answer.text
    running = answer.json()
    assert running["status"] == "running"
    assert answer.headers["location"] == running["history"] == f"/chat/{running['session_id']}/history"
    under_way = user.get(running["history"]).json()
    assert under_way["messages"] == []
    assert under_way["unanswered"] | {"timestamp": ""} == {
        "status": "running", "content": "Where is the sourdough bread?", "timestamp": "", "detail": None,
        "replaces_turn": None,
    }  # fmt: skip
    assert_problem(ask(user, session_id=running["session_id"]), 409)
    gate.open()
    chat_function.wait()
    history = user.get(running["history"]).json()
    assert history["unanswered"] is None
    assert [message["content"] for message in history["messages"]][1] == "It took a while."
    # Nothing was begun again.
    assert len(model.shown) == 1
    assert chats_today(user) == 1


def test_two_turns_at_once_are_one_turn_and_a_conflict(
    user: User, chat_function: InvokedHere, bread: UUID, answering: Callable[[Any], None], gate: Gate
) -> None:
    session_id = ask(user).json()["session_id"]
    answering(waiting(gate, "Second."))
    chat_function.waits_s = 0.3
    assert ask(user, session_id=session_id).status_code == 202

    chat_function.waits_s = 25
    assert_problem(ask(user, session_id=session_id), 409)

    gate.open()
    chat_function.wait()
    assert user.get(f"/chat/{session_id}/history").json()["message_count"] == 4
    assert chats_today(user) == 2


def test_a_turn_that_was_asked_to_stop_leaves_nothing_behind(
    user: User, chat_function: InvokedHere, answering: Callable[[Any], None], gate: Gate
) -> None:
    def decide(_: list[BaseMessage]) -> Step:
        gate.pass_through()
        return [("collection_overview", {})]

    answering(ScriptedChatModel(decide=decide, shown=[]))
    chat_function.waits_s = 0.3
    session_id = ask(user).json()["session_id"]

    wiring.chat_sessions().stop(user.user_id, UUID(session_id))
    gate.open()
    chat_function.wait()

    history = user.get(f"/chat/{session_id}/history").json()
    assert history["messages"] == []
    assert (history["unanswered"]["status"], history["unanswered"]["detail"]) == ("failed", "The answer was stopped.")
    assert user.get("/chat/sessions").json()["sessions"] == []


def test_a_turn_that_fails_after_the_client_was_sent_to_the_history_is_told_there(
    user: User, chat_function: InvokedHere, answering: Callable[[Any], None], gate: Gate
) -> None:
    def decide(_: list[BaseMessage]) -> Step:
        gate.pass_through()
        return RuntimeError("secret words")

    answering(ScriptedChatModel(decide=decide, shown=[]))
    chat_function.waits_s = 0.3
    running = ask(user).json()
    gate.open()
    chat_function.wait()

    unanswered = user.get(running["history"]).json()["unanswered"]

    assert unanswered["status"] == "failed"
    assert "secret words" not in unanswered["detail"]
    answering(ScriptedChatModel(script=["Fine."], shown=[]))
    chat_function.waits_s = 25
    assert ask(user, session_id=running["session_id"]).status_code == 200
    assert user.get(running["history"]).json()["unanswered"] is None


def test_a_turn_that_could_not_be_paid_for_frees_its_conversation(
    user: User, bread: UUID, reconfigured: Callable[..., None]
) -> None:
    session_id = ask(user).json()["session_id"]
    reconfigured(CHATS_PER_DAY="1")

    for _ in range(2):
        assert_problem(ask(user, session_id=session_id), 429)

    unanswered = user.get(f"/chat/{session_id}/history").json()["unanswered"]
    assert unanswered["status"] == "failed"
    assert "1 chats a day" in unanswered["detail"]


def test_a_delivery_that_comes_twice_is_answered_once(user: User, bread: UUID, chat_function: InvokedHere) -> None:
    session_id = ask(user).json()["session_id"]
    ((name, _, payload),) = chat_function.invoked

    for _ in range(2):
        chat_function.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload).encode())
        chat_function.wait()

    assert user.get(f"/chat/{session_id}/history").json()["message_count"] == 2
    assert chats_today(user) == 1


def test_a_days_questions_are_counted_and_come_to_an_end(
    user: User, bread: UUID, reconfigured: Callable[..., None]
) -> None:
    reconfigured(CHATS_PER_DAY="1")
    assert ask(user).status_code == 200

    refused = ask(user)

    assert "1 chats a day" in assert_problem(refused, 429)["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert chats_today(user) == 1


def test_an_answer_that_breaks_is_told_without_its_reason(
    user: User, answering: Callable[[Any], None], bread: UUID
) -> None:
    answering(ScriptedChatModel(script=[RuntimeError("secret words")], shown=[]))

    answer = ask(user)

    assert_problem(answer, 500)
    assert "secret words" not in answer.text
    assert user.get("/chat/sessions").json()["sessions"] == []


def test_the_same_question_with_the_same_key_is_asked_once(user: User, bread: UUID) -> None:
    body = {"message": "Where is the sourdough bread?"}
    headers = user.headers | {"Idempotency-Key": str(uuid4())}

    first, again = (user.http.post("/chat", json=body, headers=headers) for _ in range(2))

    assert first.status_code == 200, first.text
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert chats_today(user) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"message": ""},
        {"message": "m" * 4001},
        {"message": "hi", "user_id": str(uuid4())},
        {"message": "hi", "session_id": "none"},
        {"message": "hi", "item_ids": [str(uuid4())] * 21},
        {"message": "hi", "top_k": 0},
    ],
)
def test_what_makes_no_sense_is_refused(user: User, body: dict[str, Any]) -> None:
    assert_problem(user.post("/chat", body), 422)


def test_what_no_database_can_carry_breaks_nothing(user: User) -> None:
    answer = user.post_raw("/chat", b'{"message": "bread\\u0000"}')

    assert answer.status_code == 200, answer.text
    assert user.get(f"/chat/{answer.json()['session_id']}/history").json()["messages"][0]["content"] == "bread "


def test_nobody_without_a_token_is_heard(user: User) -> None:
    assert_problem(user.http.post("/chat", json={"message": "hi"}), 401)
    assert_problem(user.http.get("/chat/sessions"), 401)


def test_a_cursor_of_another_list_is_none(user: User) -> None:
    assert_problem(user.get("/chat/sessions", cursor="bm9uc2Vuc2U"), 422)
