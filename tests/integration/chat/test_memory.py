"""What a conversation keeps, whoever fails on the way, and what is gone when it is over."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.chat import service
from app.platform.errors import Conflict, NotFound, Unavailable
from tests.chat_models import Step
from tests.integration.chat.talking import Chat, rows, scripted
from tests.integration.conversations import TTL_S, Clock


def test_a_conversation_goes_on_in_another_container(deploy: Callable[..., Chat], user_id: UUID, bread: UUID) -> None:
    session_id = deploy().ask(user_id, "how much was the sourdough loaf?").session.session_id

    restarted = deploy()
    answer = restarted.ask(user_id, "when was that?", session_id)

    assert "14.03.2026 08:12" in answer.reply.message.content
    assert answer.turn == 2
    assert restarted.history(user_id, session_id) == [
        "how much was the sourdough loaf?",
        "KRUME & KORN says “Sourdough loaf 5.40” [1]",
        "when was that?",
        answer.reply.message.content,
    ]


def test_the_history_has_what_was_cited_and_used(chat: Chat, user_id: UUID, bread: UUID) -> None:
    answer = chat.ask(user_id, "how much was the sourdough loaf?")

    found = service.history(user_id, answer.session.session_id, sessions=chat.sessions, assistant=chat.assistant)

    assert found.messages[1] == answer.reply.message
    assert (found.messages[0].role, found.messages[1].role) == ("user", "assistant")


@pytest.mark.parametrize("step", [0, 1])
def test_a_turn_that_fails_leaves_no_half_turn(
    deploy: Callable[..., Chat], user_id: UUID, bread: UUID, step: int
) -> None:
    steps: list[Step] = [[("search_collection", {"query": "sourdough"})], "never said"]
    steps[step] = Unavailable("Claude did not answer.")
    session_id = deploy().ask(user_id, "how much was the sourdough loaf?").session.session_id
    broken = deploy(scripted(*steps))
    before = broken.history(user_id, session_id)

    with pytest.raises(Unavailable):
        broken.ask(user_id, "and this is lost", session_id)

    assert broken.history(user_id, session_id) == before
    model = scripted("Fine.")
    deploy(model).ask(user_id, "again", session_id)
    assert "and this is lost" not in str(model.shown)


def test_a_first_turn_that_fails_leaves_no_session(deploy: Callable[..., Chat], user_id: UUID) -> None:
    chat = deploy(scripted(Unavailable("Claude did not answer.")))

    with pytest.raises(Unavailable):
        chat.ask(user_id, "hello")

    assert service.list_sessions(user_id, limit=10, cursor=None, sessions=chat.sessions) == ([], None)


def test_two_turns_at_once_are_never_mixed(deploy: Callable[..., Chat], user_id: UUID) -> None:
    chat = deploy()
    session_id = chat.ask(user_id, "hello").session.session_id
    refused = []

    def interrupt(_: Any) -> Step:
        with pytest.raises(Conflict) as caught:
            deploy().ask(user_id, "hello too", session_id)
        refused.append(caught.value)
        return "Fine."

    deploy(scripted(decide=interrupt)).ask(user_id, "take your time", session_id)

    assert len(refused) == 1
    assert chat.history(user_id, session_id)[2:] == ["take your time", "Fine."]


def test_a_turn_that_outlived_its_lease_is_not_part_of_the_conversation(
    deploy: Callable[..., Chat], user_id: UUID, clock: Clock
) -> None:
    chat = deploy()
    session_id = chat.ask(user_id, "hello").session.session_id

    def overtaken(_: Any) -> Step:
        clock.move(seconds=200)
        deploy().ask(user_id, "thanks", session_id)
        return "Too late."

    with pytest.raises(Conflict):
        deploy(scripted(decide=overtaken)).ask(user_id, "slow", session_id)

    history = chat.history(user_id, session_id)
    assert history[2] == "thanks"
    assert "Too late." not in history
    assert len(history) == 4


def test_expired_means_gone_at_once(chat: Chat, user_id: UUID, clock: Clock, dynamodb: Any, tables: Any) -> None:
    session_id = chat.ask(user_id, "hello").session.session_id

    clock.move(seconds=TTL_S + 1)

    assert rows(dynamodb, tables[1]) > 0
    with pytest.raises(NotFound):
        chat.history(user_id, session_id)
    with pytest.raises(NotFound):
        chat.ask(user_id, "hello?", session_id)


def test_what_is_deleted_leaves_no_checkpoint(chat: Chat, user_id: UUID, dynamodb: Any, tables: Any) -> None:
    session_id = chat.ask(user_id, "hello").session.session_id
    chat.ask(user_id, "thanks", session_id)

    service.delete(user_id, session_id, sessions=chat.sessions, assistant=chat.assistant)

    assert [rows(dynamodb, table) for table in tables] == [0, 0]
    with pytest.raises(NotFound):
        chat.history(user_id, session_id)


def test_what_is_deleted_while_it_is_answering_leaves_nothing_either(
    deploy: Callable[..., Chat], user_id: UUID, dynamodb: Any, tables: Any
) -> None:
    chat = deploy()
    session_id = chat.ask(user_id, "hello").session.session_id

    def deleted(_: Any) -> Step:
        service.delete(user_id, session_id, sessions=chat.sessions, assistant=chat.assistant)
        return "To nobody."

    with pytest.raises(Conflict):
        deploy(scripted(decide=deleted)).ask(user_id, "slow", session_id)

    assert [rows(dynamodb, table) for table in tables] == [0, 0]


def test_one_turn_is_one_checkpoint_that_expires(
    chat: Chat, user_id: UUID, bread: UUID, dynamodb: Any, tables: Any
) -> None:
    session_id = chat.ask(user_id, "how much was the sourdough loaf?").session.session_id
    chat.ask(user_id, "when was that?", session_id)

    written = dynamodb.scan(TableName=tables[1])["Items"]
    # A checkpoint is a row that names its payload's row.
    assert len(written) == 4
    assert all("ttl" in row for row in written)
    assert all(row["PK"]["S"].partition("_")[2].startswith(f"{user_id}#{session_id}") for row in written)


def test_a_conversation_too_large_for_a_row_is_kept_in_the_bucket(
    deploy: Callable[..., Chat], user_id: UUID, s3_client: Any, bucket_name: str
) -> None:
    noise = "".join(str(uuid4()) for _ in range(25_000))
    chat = deploy(scripted(noise, "Fine."))
    session_id = chat.ask(user_id, "say much").session.session_id

    chat.ask(user_id, "and?", session_id)

    keys = [entry["Key"] for entry in s3_client.list_objects_v2(Bucket=bucket_name)["Contents"]]
    assert all(key.startswith("checkpoints/") for key in keys)
    assert chat.history(user_id, session_id)[1] == noise
    service.delete(user_id, session_id, sessions=chat.sessions, assistant=chat.assistant)
    assert "Contents" not in s3_client.list_objects_v2(Bucket=bucket_name)
