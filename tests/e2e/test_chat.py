"""Conversations in the deployed local cloud: over HTTP, and as they stream."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.e2e.collection import Collection
from tests.e2e.local_cloud import LocalCloud

WITHIN_S = 60


def token_of(user: Collection) -> str:
    return str(user.api.headers["Authorization"]).removeprefix("Bearer ")


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
    assert kinds[0] == "chat.tool"
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
