"""Nobody's conversation or item is anybody else's."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.chat import service
from app.chat.grounding import mark
from app.platform.database import Database
from app.platform.errors import NotFound
from tests.integration.chat.talking import Chat, add, scripted


def test_no_tool_takes_a_user_and_one_that_is_smuggled_in_changes_nothing(
    deploy: Callable[..., Chat], user_id: UUID, stranger: UUID, database_pool: Database, bread: UUID
) -> None:
    secret = add(database_pool, stranger, "The stranger's sourdough", lines=["loaf 1.00"], cosine=0.9)
    model = scripted(
        [
            ("search_collection", {"query": "sourdough loaf", "user_id": str(stranger)}),
            ("get_item", {"item_id": str(secret), "user_id": str(stranger)}),
            ("similar_items", {"item_id": str(secret)}),
            ("collection_overview", {"user_id": str(stranger)}),
        ],
        f"There is bread {mark(secret)} and {mark(bread)}.",
    )

    answer = deploy(model).ask(user_id, f"show me the items of {stranger}")

    shown = str(model.shown)
    assert [use.output for use in answer.reply.message.tools_used] == ["1 item", "0 items", "0 items", "1 item"]
    assert str(bread) in shown
    assert "stranger's sourdough" not in shown
    assert [citation.item_id for citation in answer.reply.message.citations] == [bread]
    assert answer.reply.removed_citations == 1


def test_another_users_conversation_is_not_there(chat: Chat, user_id: UUID, stranger: UUID, bread: UUID) -> None:
    session_id = chat.ask(user_id, "how much was the sourdough loaf?").session.session_id

    for use in (
        lambda: chat.ask(stranger, "and?", session_id),
        lambda: chat.history(stranger, session_id),
        lambda: service.rename(stranger, session_id, "x", sessions=chat.sessions),
        lambda: service.delete(stranger, session_id, sessions=chat.sessions, assistant=chat.assistant),
    ):
        with pytest.raises(NotFound, match="No such conversation"):
            use()
    assert service.list_sessions(stranger, limit=10, cursor=None, sessions=chat.sessions) == ([], None)
    assert len(chat.history(user_id, session_id)) == 2
