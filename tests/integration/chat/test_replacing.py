"""The last turn, asked again."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.chat import service
from app.platform.errors import Unavailable
from tests.chat_models import Step
from tests.integration.chat.talking import Chat, scripted
from tests.integration.conversations import TTL_S, Clock


def test_a_turn_that_is_replaced_is_gone_for_the_reader_and_the_model(
    deploy: Callable[..., Chat], user_id: UUID, clock: Clock
) -> None:
    chat = deploy(scripted("The first answer.", "The old answer.", "The new answer."))
    session_id = chat.ask(user_id, "first?").session.session_id
    chat.ask(user_id, "second?", session_id)
    # What the checkpoint before the last turn may not outlive.
    clock.move(seconds=TTL_S - 1)

    again = chat.ask(user_id, "second?", session_id, replaces_turn=2)

    assert (again.turn, again.session.message_count) == (2, 4)
    assert chat.history(user_id, session_id) == ["first?", "The first answer.", "second?", "The new answer."]
    model = scripted("Fine.")
    deploy(model).ask(user_id, "and now?", session_id)
    said = [message.text for message in model.shown[0][1:]]
    assert said == ["first?", "The first answer.", "second?", "The new answer.", "and now?"]


def test_the_only_turn_can_be_replaced_also_by_another_question(deploy: Callable[..., Chat], user_id: UUID) -> None:
    model = scripted("The old answer.", "The new answer.")
    chat = deploy(model)
    session_id = chat.ask(user_id, "bred?").session.session_id

    again = chat.ask(user_id, "bread?", session_id, replaces_turn=1)

    assert again.turn == 1
    assert chat.history(user_id, session_id) == ["bread?", "The new answer."]
    assert [message.text for message in model.shown[1][1:]] == ["bread?"]


def test_a_turn_that_is_replaced_with_tools_leaves_nothing_of_either(
    deploy: Callable[..., Chat], user_id: UUID, bread: UUID
) -> None:
    chat = deploy()
    session_id = chat.ask(user_id, "which receipts do I have?").session.session_id
    loaf = chat.ask(user_id, "how much was the sourdough loaf?", session_id).reply.message.content

    chat.ask(user_id, "how much was the sourdough loaf?", session_id, replaces_turn=2)

    found = service.history(user_id, session_id, sessions=chat.sessions, assistant=chat.assistant)
    assert [message.content for message in found.messages[2:]] == ["how much was the sourdough loaf?", loaf]
    assert [citation.item_id for citation in found.messages[3].citations] == [bread]


@pytest.mark.parametrize("step", [0, 1])
def test_what_was_to_replace_a_turn_and_failed_leaves_it(
    deploy: Callable[..., Chat], user_id: UUID, bread: UUID, step: int
) -> None:
    steps: list[Step] = [[("search_collection", {"query": "sourdough"})], "never said"]
    steps[step] = Unavailable("Claude did not answer.")
    session_id = deploy(scripted("The old answer.")).ask(user_id, "bread?").session.session_id
    chat = deploy(scripted(*steps))

    with pytest.raises(Unavailable):
        chat.ask(user_id, "bread?", session_id, replaces_turn=1)

    found = service.history(user_id, session_id, sessions=chat.sessions, assistant=chat.assistant)
    assert [message.content for message in found.messages] == ["bread?", "The old answer."]
    assert found.session.unanswered is not None
    assert (found.session.unanswered.failure, found.session.unanswered.replaces_turn) == ("Claude did not answer.", 1)
    model = scripted("Fine.")
    deploy(model).ask(user_id, "and now?", session_id)
    assert [message.text for message in model.shown[0][1:]] == ["bread?", "The old answer.", "and now?"]


def test_of_a_shortened_conversation_too_only_the_last_turn_is_replaced(
    deploy: Callable[..., Chat], user_id: UUID
) -> None:
    model = scripted(decide=lambda _: "An answer. " * 40)
    chat = deploy(model, chat_history_tokens=500)
    session_id = chat.ask(user_id, "question number 0").session.session_id
    for number in range(1, 8):
        chat.ask(user_id, f"question number {number}", session_id)

    chat.ask(user_id, "question number 7, again", session_id, replaces_turn=8)

    told = [message.text for message in model.shown[-1]]
    assert "question number 7" not in "".join(told[:-1])
    assert told[-3] == "question number 6"
    assert "Asked: question number 0" in told[0]
    assert chat.history(user_id, session_id)[::2][-2:] == ["question number 6", "question number 7, again"]


def test_the_last_turn_of_a_full_conversation_can_be_replaced(deploy: Callable[..., Chat], user_id: UUID) -> None:
    chat = deploy(chat_turns_max=1)
    session_id = chat.ask(user_id, "hello").session.session_id

    assert chat.ask(user_id, "hello", session_id, replaces_turn=1).turn == 1
