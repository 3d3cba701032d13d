"""What clients say over their connection: a question to the assistant, or that it may stop."""

import json
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from app.chat import asking
from app.chat.schemas import ChatIn, TurnAsked
from app.platform.errors import AppError, InvalidInput, NotAuthenticated, QuotaExceeded
from app.platform.rate_limits import Allowance
from app.realtime.gateway import WebSocketGateway
from app.realtime.models import problem
from app.realtime.store import ConnectionStore


class Turns(Protocol):
    """Whoever answers (`app.chat.function.ChatFunction`)."""

    def start(self, kind: str, payload: Mapping[str, Any]) -> None: ...


class Sessions(asking.Sessions, Protocol):
    """Where turns are announced, and look whether they may stop (`app.chat.store.SessionStore`)."""

    def stop(self, user_id: UUID, session_id: UUID) -> None: ...


class Limiter(Protocol):
    def spend(self, user_id: UUID) -> Allowance: ...


class StopIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    session_id: UUID


def hear(
    connection_id: str,
    text: str,
    *,
    connections: ConnectionStore,
    gateway: WebSocketGateway,
    limiter: Limiter,
    turns: Turns,
    sessions: Sessions,
) -> None:
    """Do what a client asks for, or tell it why not. One whose token has expired is told so and let go."""
    said: Mapping[str, Any] = {}
    try:
        user_id = _admitted(connection_id, connections, limiter)
        said = _parsed(text)
        _obey(user_id, connection_id, dict(said), gateway, turns, sessions)
    except AppError as exc:
        gateway.send(connection_id, _addressed(problem(exc), said))
        if isinstance(exc, NotAuthenticated):
            connections.remove(connection_id)
            gateway.close(connection_id)


def _admitted(connection_id: str, connections: ConnectionStore, limiter: Limiter) -> UUID:
    user_id = connections.owner(connection_id)
    if user_id is None:
        raise NotAuthenticated("The token has expired. Connect again with a new one.")
    allowance = limiter.spend(user_id)
    if allowance.is_exceeded:
        raise QuotaExceeded(f"At most {allowance.limit} requests a minute.", retry_after=allowance.reset_s)
    return user_id


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InvalidInput("A message is a JSON object.") from exc
    if not isinstance(said, dict):
        raise InvalidInput("A message is a JSON object.")
    return said


def _obey(
    user_id: UUID,
    connection_id: str,
    said: dict[str, Any],
    gateway: WebSocketGateway,
    turns: Turns,
    sessions: Sessions,
) -> None:
    action = said.pop("action", None)
    try:
        match action:
            case "chat":
                asked = TurnAsked.of(user_id, ChatIn.model_validate(said), connection_id=connection_id)
                with asking.announced(asked, sessions):
                    # From now on the client knows where to read what became of it.
                    gateway.send(connection_id, {"type": "chat.started", "session_id": str(asked.session_id)})
                    turns.start("turn", asked.model_dump(mode="json"))
            case "stop":
                sessions.stop(user_id, StopIn.model_validate(said).session_id)
            case _:
                raise InvalidInput('An action is "chat" or "stop".')
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidInput(f"{place}: {first['msg']}") from exc


def _addressed(message: dict[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """With the conversation that it is about, where one was named."""
    session_id = said.get("session_id")
    return {**message, "session_id": session_id} if isinstance(session_id, str) else message
