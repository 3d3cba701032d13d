"""Conversations in the deployed local cloud: over HTTP, and as they stream."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from websockets.asyncio.client import connect

from app.chat.models import Ticket
from app.chat.store import BROKE_OFF, SessionStore
from app.platform.errors import Conflict
from tests.e2e.collection import Collection
from tests.e2e.local_cloud import ROOT, LocalCloud

WITHIN_S = 180


def token_of(user: Collection) -> str:
    return str(user.api.headers["Authorization"]).removeprefix("Bearer ")


def sessions_table(cloud: LocalCloud) -> str:
    found = cloud.client("lambda").get_function_configuration(FunctionName=cloud.outputs["ChatFunctionName"])
    return str(found["Environment"]["Variables"]["SESSIONS_TABLE"])


async def turn(url: str, said: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that one message is answered with, to the end of the turn."""
    async with connect(url, proxy=None) as window:
        await window.send(json.dumps(said))
        heard: list[dict[str, Any]] = []
        while not heard or heard[-1]["type"] not in {"chat.done", "error"}:
            message = json.loads(await asyncio.wait_for(window.recv(), WITHIN_S))
            if message["type"] != "item.status":
                heard.append(message)
        return heard


def test_a_conversation_is_answered_listed_and_forgotten(user: Collection) -> None:
    first = user.api.post("/chat", json={"message": "What do I have?"}).json()

    second = user.api.post("/chat", json={"message": "And tickets?", "session_id": first["session_id"]})

    assert second.status_code == 200, second.text
    assert second.json()["conversation_turn"] == 2
    history = user.api.get(f"/chat/{first['session_id']}/history").json()
    assert history["message_count"] == 4
    assert [each["session_id"] for each in user.api.get("/chat/sessions").json()["sessions"]] == [first["session_id"]]
    assert user.api.get("/me").json()["usage_today"]["chats"] == 2
    assert user.api.delete(f"/chat/{first['session_id']}").status_code == 204
    assert user.api.get(f"/chat/{first['session_id']}/history").status_code == 404


def test_a_turn_streams_and_is_in_the_history(cloud: LocalCloud, user: Collection) -> None:
    url = f"{cloud.outputs['WebSocketUrl']}?token={token_of(user)}"

    heard = asyncio.run(turn(url, {"action": "chat", "message": "What do I have?"}))

    kinds = [message["type"] for message in heard]
    assert kinds[:2] == ["chat.started", "chat.tool"]
    assert "chat.delta" in kinds
    assert kinds[-1] == "chat.done", heard[-1]
    (session_id,) = {message["session_id"] for message in heard}
    streamed = "".join(message["text"] for message in heard if message["type"] == "chat.delta")
    history = user.api.get(f"/chat/{session_id}/history").json()
    assert history["messages"][-1]["content"] == heard[-1]["message"]["content"] == streamed.strip()


def test_somebody_elses_conversation_is_not_there_on_either_way(
    cloud: LocalCloud, new_user: Callable[[], Collection]
) -> None:
    one, other = new_user(), new_user()
    session_id = one.api.post("/chat", json={"message": "What do I have?"}).json()["session_id"]

    url = f"{cloud.outputs['WebSocketUrl']}?token={token_of(other)}"
    heard = asyncio.run(turn(url, {"action": "chat", "message": "hi", "session_id": session_id}))

    assert [(message["type"], message["status"]) for message in heard] == [("error", 404)]
    assert other.api.get(f"/chat/{session_id}/history").status_code == 404


@pytest.mark.parametrize("said", [{"action": "dance"}, {"action": "chat", "message": ""}])
def test_what_makes_no_sense_is_told_and_the_connection_stays(
    cloud: LocalCloud, user: Collection, said: dict[str, Any]
) -> None:
    heard = asyncio.run(turn(f"{cloud.outputs['WebSocketUrl']}?token={token_of(user)}", said))

    assert [(message["type"], message["status"]) for message in heard] == [("error", 422)]


def test_two_questions_at_once_are_one_answer_and_a_conflict_or_two_answers(user: Collection) -> None:
    session_id = user.api.post("/chat", json={"message": "What do I have?"}).json()["session_id"]
    at_once = threading.Barrier(4)

    def ask(number: int) -> tuple[str, int]:
        at_once.wait(WITHIN_S)
        message = f"Where is number {number}?"
        return message, user.api.post("/chat", json={"message": message, "session_id": session_id}).status_code

    with ThreadPoolExecutor(4) as threads:
        asked = dict(threads.map(ask, range(4)))

    # 202: where the machine is slow, the answer comes after the request.
    assert set(asked.values()) <= {200, 202, 409}
    answered = {message for message, status in asked.items() if status in (200, 202)}
    assert answered
    history = until(lambda: settled(user, session_id))
    messages = history["messages"][2:]
    assert [message["role"] for message in messages] == ["user", "assistant"] * len(answered)
    assert {message["content"] for message in messages[::2]} == answered
    assert history["unanswered"] is None


def test_of_turns_that_are_announced_at_the_same_moment_one_is(cloud: LocalCloud) -> None:
    table = sessions_table(cloud)
    contenders = [SessionStore(cloud.client("dynamodb"), table, ttl_seconds=60, lease_seconds=60) for _ in range(4)]
    user_id, session_id = uuid4(), uuid4()
    for is_new in (True, False, False, False, False, False, False, False):
        won = _raced(contenders, user_id, session_id, is_new=is_new)

        assert len(won) == 1
        # Delivered to everybody at once, it is begun by one of them.
        begun = _attempted([partial(store.begin, won[0]) for store in contenders])
        assert sum(begun) == 1
        contenders[0].release(won[0], "over")

    contenders[0].remove(user_id, session_id)


def _raced(contenders: Sequence[SessionStore], user_id: UUID, session_id: UUID, *, is_new: bool) -> list[Ticket]:
    tickets = [Ticket(user_id, session_id) for _ in contenders]
    attempts = [
        partial(store.announce, ticket, question="?", title="?", is_new=is_new)
        for store, ticket in zip(contenders, tickets, strict=True)
    ]
    return [ticket for ticket, is_done in zip(tickets, _attempted(attempts), strict=True) if is_done]


def _attempted(attempts: Sequence[Callable[[], Any]]) -> list[bool]:
    """All at the same moment; whether each went through, or met a conflict."""
    at_once = threading.Barrier(len(attempts))

    def attempt(do: Callable[[], Any]) -> bool:
        at_once.wait(WITHIN_S)
        try:
            do()
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(attempts)) as threads:
        return list(threads.map(attempt, attempts))


# Takes the turn as the function does, says so, and answers never.
DIES = """
import sys, time
from uuid import UUID
import boto3
from app.chat.models import Ticket
from app.chat.store import SessionStore

endpoint, region, table, *ids = sys.argv[1:]
client = boto3.client("dynamodb", endpoint_url=endpoint, region_name=region, aws_access_key_id="test",
                      aws_secret_access_key="test")
SessionStore(client, table, ttl_seconds=600, lease_seconds=5).begin(Ticket(*map(UUID, ids)))
print("begun", flush=True)
time.sleep(600)
"""


def test_a_turn_whose_process_is_killed_is_told_and_can_be_asked_again(cloud: LocalCloud, user: Collection) -> None:
    session_id = user.api.post("/chat", json={"message": "What do I have?"}).json()["session_id"]
    user_id = UUID(user.api.get("/me").json()["user_id"])
    table = sessions_table(cloud)
    sessions = SessionStore(cloud.client("dynamodb"), table, ttl_seconds=600, lease_seconds=WITHIN_S)
    ticket = Ticket(user_id, UUID(session_id))
    sessions.announce(ticket, question="Is anybody there?", title="")
    names = (cloud.outputs["AwsEndpointUrl"], cloud.outputs["Region"], table)
    command = [sys.executable, "-c", DIES, *names, str(user_id), session_id, str(ticket.turn_id)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as answering:
        assert answering.stdout is not None
        assert answering.stdout.readline() == "begun\n"
        answering.kill()

    told = until(lambda: failed(user, session_id))

    assert (told["content"], told["detail"]) == ("Is anybody there?", BROKE_OFF)
    again = user.api.post("/chat", json={"message": "Is anybody there now?", "session_id": session_id})
    assert again.status_code == 200, again.text
    assert user.api.get(f"/chat/{session_id}/history").json()["unanswered"] is None


def settled(user: Collection, session_id: str) -> dict[str, Any] | None:
    """The conversation, once no turn of it is under way."""
    history: dict[str, Any] = user.api.get(f"/chat/{session_id}/history").json()
    return None if history["unanswered"] and history["unanswered"]["status"] == "running" else history


def failed(user: Collection, session_id: str) -> dict[str, Any] | None:
    unanswered = user.api.get(f"/chat/{session_id}/history").json()["unanswered"]
    return unanswered if unanswered["status"] == "failed" else None


def until(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any]:
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError("it is not told")
