"""What the outermost layer makes of an application that breaks, before it answered and in the middle of that."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.platform.edge import RequestLog
from tests.captured_logs import captured_logs

START: Message = {"type": "http.response.start", "status": 200, "headers": []}


def _asked(*sent_before: Message) -> list[Message]:
    """What a caller gets whose request breaks after these messages."""

    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        for message in sent_before:
            await send(dict(message))
        raise RuntimeError("a bug")

    got: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        got.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/items", "scheme": "https", "headers": []}
    asyncio.run(RequestLog(broken)(scope, receive, send))
    return got


def test_before_an_answer_it_is_a_problem_and_logged_with_its_id() -> None:
    with captured_logs() as lines:
        start, body = _asked()

    problem = json.loads(body["body"])
    error, request = (json.loads(line) for line in lines.getvalue().splitlines())
    assert (start["status"], problem["status"]) == (500, 500)
    assert dict(start["headers"])[b"x-request-id"].decode() == problem["request_id"]
    assert {problem["request_id"]} == {error["request_id"], request["request_id"]}
    assert (error["exception_name"], request["message"], request["status"]) == ("RuntimeError", "request", 500)


def test_in_the_middle_of_an_answer_the_server_hears_of_it_and_no_second_answer_begins() -> None:
    with captured_logs() as lines, pytest.raises(RuntimeError, match="a bug"):
        _asked(START)

    (request,) = (json.loads(line) for line in lines.getvalue().splitlines())
    assert request["status"] == 200
