"""What clients say over their connection, and who is still heard."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.chat.models import Ticket
from app.chat.schemas import TurnAsked
from app.platform.errors import Conflict, Unavailable
from app.platform.rate_limits import Allowance
from app.realtime.gateway import WebSocketGateway
from app.realtime.models import Connection
from app.realtime.questions import hear
from tests.unit.realtime.test_realtime import ManagementApi

USER, SESSION = uuid4(), uuid4()


@dataclass
class Connections:
    """The connections table: whose each is, and until when."""

    expires_at: dict[str, float] = field(default_factory=dict)

    def owner(self, connection_id: str) -> UUID | None:
        return USER if self.expires_at.get(connection_id, 0) > time.time() else None

    def remove(self, connection_id: str) -> None:
        self.expires_at.pop(connection_id, None)

    def add(self, connection: Connection, *, expires_at: float) -> None:
        self.expires_at[connection.connection_id] = expires_at


@dataclass
class Turns:
    """The function that answers."""

    is_down: bool = False
    started: list[TurnAsked] = field(default_factory=list)

    def start(self, kind: str, payload: Mapping[str, Any]) -> None:
        if self.is_down:
            raise Unavailable("The assistant does not answer.", retry_after=5)
        assert kind == "turn"
        self.started.append(TurnAsked.model_validate(json.loads(json.dumps(payload))))


@dataclass
class Sessions:
    """The sessions table: the questions that stand there, and why those that failed did."""

    questions: dict[UUID, str] = field(default_factory=dict)
    replaced: dict[UUID, int] = field(default_factory=dict)
    failures: dict[UUID, str] = field(default_factory=dict)
    is_answering: bool = False
    stopped: list[tuple[UUID, UUID]] = field(default_factory=list)

    def announce(
        self, ticket: Ticket, *, question: str, title: str, is_new: bool = False, replaces_turn: int | None = None
    ) -> None:
        if self.is_answering:
            raise Conflict("This conversation is answering already.")
        self.questions[ticket.turn_id] = question
        if replaces_turn is not None:
            self.replaced[ticket.turn_id] = replaces_turn

    def release(self, ticket: Ticket, failure: str) -> None:
        self.failures[ticket.turn_id] = failure

    def stop(self, user_id: UUID, session_id: UUID) -> None:
        self.stopped.append((user_id, session_id))


@dataclass
class Limiter:
    is_exceeded: bool = False

    def spend(self, user_id: UUID) -> Allowance:
        return Allowance(600, 0, 17, self.is_exceeded)


@dataclass
class Line:
    """One connection, and everybody behind it."""

    api: ManagementApi = field(default_factory=ManagementApi)
    connections: Connections = field(default_factory=lambda: Connections({"laptop": time.time() + 60}))
    turns: Turns = field(default_factory=Turns)
    sessions: Sessions = field(default_factory=Sessions)
    limiter: Limiter = field(default_factory=Limiter)

    def say(self, said: Any) -> list[Any]:
        """What comes back at once."""
        hear(
            "laptop",
            said if isinstance(said, str) else json.dumps(said),
            connections=self.connections,  # type: ignore[arg-type]  # the table's side alone
            gateway=WebSocketGateway(self.api),
            limiter=self.limiter,
            turns=self.turns,
            sessions=self.sessions,
        )
        return [message for _, message in self.api.sent]


def test_a_question_is_answered_elsewhere_and_this_function_waits_for_nothing() -> None:
    line = Line()

    answer = line.say({"action": "chat", "message": "Where is it?", "session_id": str(SESSION), "top_k": 5})

    (asked,) = line.turns.started
    assert answer == [{"type": "chat.started", "session_id": str(SESSION)}]
    assert (asked.user_id, asked.session_id, asked.is_new, asked.connection_id) == (USER, SESSION, False, "laptop")
    assert (asked.message, asked.top_k) == ("Where is it?", 5)
    assert line.sessions.questions == {asked.turn_id: "Where is it?"}
    assert line.sessions.failures == {}


def test_a_new_conversation_has_its_id_before_it_is_answered() -> None:
    line = Line()

    line.say({"action": "chat", "message": "Where is it?"})

    assert line.turns.started[0].is_new
    assert line.turns.started[0].session_id


def test_a_question_may_be_answered_again() -> None:
    line = Line()

    line.say({"action": "chat", "message": "Where is it?", "session_id": str(SESSION), "replaces_turn": 3})

    (asked,) = line.turns.started
    assert asked.question().replaces_turn == 3
    assert line.sessions.replaced == {asked.turn_id: 3}


def test_whose_question_it_is_nobody_can_say_but_the_connection() -> None:
    line = Line()

    (error,) = line.say({"action": "chat", "message": "hi", "user_id": str(uuid4())})

    assert (error["type"], error["status"]) == ("error", 422)
    assert line.turns.started == []


def test_a_turn_can_be_asked_to_stop() -> None:
    line = Line()

    line.say({"action": "stop", "session_id": str(SESSION)})

    assert line.sessions.stopped == [(USER, SESSION)]
    assert line.turns.started == []


def test_after_its_token_has_expired_a_connection_is_told_so_and_ended() -> None:
    line = Line(connections=Connections({"laptop": time.time() - 1}))

    (error,) = line.say({"action": "chat", "message": "hi"})

    assert (error["type"], error["status"], error["title"]) == ("error", 401, "Unauthorized")
    assert line.turns.started == []
    assert line.api.gone == {"laptop"}
    assert line.connections.expires_at == {}


@pytest.mark.parametrize(
    "said",
    [
        "",
        "not json",
        "[]",
        "[" * 5000,
        "null",
        {"action": "dance"},
        {"message": "hi"},
        {"action": "chat"},
        {"action": "chat", "message": ""},
        {"action": "chat", "message": "m" * 4001},
        {"action": "chat", "message": "hi", "session_id": "none"},
        {"action": "stop"},
        {"action": ["chat"], "message": "hi"},
    ],
)
def test_what_makes_no_sense_is_answered_with_an_error_and_the_connection_stays(said: Any) -> None:
    line = Line()

    (error,) = line.say(said)

    assert (error["type"], error["status"]) == ("error", 422)
    assert error["detail"]
    assert line.turns.started == []
    assert "laptop" in line.connections.expires_at
    assert line.api.gone == set()


def test_an_error_names_the_conversation_that_it_is_about() -> None:
    line = Line(turns=Turns(is_down=True))

    _, error = line.say({"action": "chat", "message": "hi", "session_id": str(SESSION)})

    assert (error["status"], error["retry_after"], error["session_id"]) == (503, 5, str(SESSION))
    # Whoever reads the history is told too.
    assert [*line.sessions.failures.values()] == ["The assistant does not answer."]


def test_a_conversation_that_is_answering_is_not_asked_again() -> None:
    line = Line(sessions=Sessions(is_answering=True))

    (error,) = line.say({"action": "chat", "message": "hi", "session_id": str(SESSION)})

    assert (error["type"], error["status"]) == ("error", 409)
    assert line.turns.started == []
    assert line.sessions.failures == {}


def test_whoever_talks_too_fast_is_slowed_down() -> None:
    line = Line(limiter=Limiter(is_exceeded=True))

    (error,) = line.say({"action": "chat", "message": "hi"})

    assert (error["status"], error["retry_after"]) == (429, 17)
    assert line.turns.started == []
