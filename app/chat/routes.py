"""Conversations over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.chat import service
from app.chat.asking import announced
from app.chat.schemas import (
    ChatIn,
    ChatOut,
    ChatRunning,
    HistoryMessage,
    HistoryOut,
    SessionEdit,
    SessionOut,
    SessionsOut,
    TurnAsked,
    UnansweredOut,
)
from app.chat.thumbnails import thumbnails
from app.platform import wiring
from app.platform.http import CurrentCaller, ThreadedRouter, problems

router = ThreadedRouter(tags=["chat"])


class SessionsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=100)
    cursor: str | None = None


@router.post(
    "/chat",
    operation_id="chat",
    response_model=ChatOut,
    responses={
        202: {"model": ChatRunning, "description": "It takes longer: the history has the answer later."},
        **problems(404),
    },
)
def chat(caller: CurrentCaller, body: ChatIn) -> ChatOut | Response:
    """Ask the collection. Without `session_id` a new conversation begins; with one it goes on.

    An answer that takes longer than 25 seconds is finished all the same: 202 says where it can be read then. A
    conversation answers one question at a time (409).
    """
    asked = TurnAsked.of(caller.user_id, body)
    with announced(asked, wiring.chat_sessions()):
        answer = wiring.chat_function().ask("turn", asked.model_dump(mode="json"))
    if answer is not None:
        return ChatOut.model_validate(answer)
    running = ChatRunning(session_id=asked.session_id, history=f"/chat/{asked.session_id}/history")
    return Response(
        running.model_dump_json(), 202, headers={"Location": running.history}, media_type="application/json"
    )


@router.get("/chat/sessions", operation_id="listChatSessions")
def list_sessions(caller: CurrentCaller, query: Annotated[SessionsQuery, Query()]) -> SessionsOut:
    """The caller's conversations that are not over, the last used first."""
    found, cursor = service.list_sessions(
        caller.user_id, limit=query.limit, cursor=query.cursor, sessions=wiring.chat_sessions()
    )
    return SessionsOut(sessions=[SessionOut.of(session) for session in found], next_cursor=cursor)


@router.get("/chat/{session_id}/history", operation_id="getChatHistory")
def get_history(caller: CurrentCaller, session_id: UUID) -> HistoryOut:
    """Everything that was said, oldest first; and the last question, if it has no answer."""
    found = service.history(caller.user_id, session_id, sessions=wiring.chat_sessions(), assistant=wiring.assistant())
    cited = {citation.item_id for message in found.messages for citation in message.citations}
    thumbnail = thumbnails(caller.user_id, [*cited], items=wiring.items(), images=wiring.images())
    return HistoryOut(
        session_id=session_id,
        messages=[HistoryMessage.of(message, thumbnail) for message in found.messages],
        unanswered=UnansweredOut.of(found.session.unanswered) if found.session.unanswered else None,
        created_at=found.session.created_at,
        last_activity=found.session.last_activity,
        message_count=found.session.message_count,
    )


@router.patch("/chat/{session_id}", operation_id="renameChatSession")
def rename_session(caller: CurrentCaller, session_id: UUID, body: SessionEdit) -> SessionOut:
    """Give a conversation another title."""
    return SessionOut.of(service.rename(caller.user_id, session_id, body.title, sessions=wiring.chat_sessions()))


@router.delete("/chat/{session_id}", status_code=204, operation_id="deleteChatSession")
def delete_session(caller: CurrentCaller, session_id: UUID) -> None:
    """Forget a conversation, with everything that is written down of it."""
    service.delete(caller.user_id, session_id, sessions=wiring.chat_sessions(), assistant=wiring.assistant())
