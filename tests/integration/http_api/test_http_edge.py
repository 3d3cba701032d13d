"""What every request passes and every answer carries: limits, methods, headers, deadlines, and the log."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
import psycopg
import pytest
from starlette.types import Message, Receive, Scope, Send

from app.platform import edge, wiring
from app.platform.edge import MAX_BODY_BYTES, MAX_JSON_BYTES, MAX_JSON_DEPTH, Deadline, is_nested_deeper
from tests.integration.http_api.application import FORM, Embedder, User, assert_problem, given_item, ids

# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"query": "a", "tags": ' + b"[" * (MAX_JSON_DEPTH + 1) + b"]" * (MAX_JSON_DEPTH + 1) + b"}",
    ],
)
@pytest.mark.parametrize("path", ["/search", "/uploads", "/items/batch", "/nothing"])
def test_json_that_is_nested_too_deep_is_not_even_parsed(user: User, path: str, body: bytes) -> None:
    problem = assert_problem(user.post_raw(path, body), 422)

    assert problem["detail"] == f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels."


@pytest.mark.parametrize(
    ("document", "is_deeper"),
    [
        (b"[[[]]]", False),
        (b"[[[[]]]]", True),
        (b"[[]]" * 50, False),
        (b'["[[[[[[[[", "\\"[[[[[[", {"}}}": 1}]', False),
        (b'["\\\\", [[[1]]]]', True),
        (b'"' + b"[" * 50, False),  # a string without an end: no JSON, and the parser says so
        (b'"\\', False),
    ],
)
def test_depth_is_counted_outside_strings(document: bytes, is_deeper: bool) -> None:
    assert is_nested_deeper(document, 3) == is_deeper


@pytest.mark.parametrize("unit", [b'"\\"', b'\\"[', b'"[', b"[{", b"\\", b'"a" ['])
def test_counting_takes_time_in_proportion(unit: bytes) -> None:
    """Whatever is sent: an expression that tries again and again would not come back from a mebibyte."""
    document = b"[" * 65 + b'"' + unit * (MAX_JSON_BYTES // len(unit))

    assert is_nested_deeper(document, MAX_JSON_DEPTH)


def test_json_is_at_most_a_mebibyte(user: User) -> None:
    body = json.dumps({"query": "a" * MAX_JSON_BYTES}).encode()

    problem = assert_problem(user.post_raw("/search", body), 413)

    assert "1 MiB" in problem["detail"]


def test_a_body_is_at_most_what_the_function_takes(user: User) -> None:
    assert_problem(user.post_raw("/items", bytes(MAX_BODY_BYTES + 1), FORM), 413)


def test_a_body_without_a_length_is_cut_off_where_it_gets_too_long(user: User) -> None:
    sent = []

    def endless() -> Any:
        for _ in range(1000):
            sent.append(1)
            yield bytes(64 * 1024)

    answer = user.http.post("/search", content=endless(), headers=user.headers | {"Content-Type": "application/json"})

    assert_problem(answer, 413)


@pytest.mark.parametrize("length", ["999999999999999999999999", "-1", "1e9", "nine"])
def test_a_length_that_is_none_is_not_believed(user: User, length: str) -> None:
    answer = user.http.post(
        "/search",
        content=b'{"query": "a"}',
        headers=user.headers | {"Content-Type": "application/json", "Content-Length": length},
    )

    assert answer.status_code == 200


# --- methods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/items", "/search/config"])
def test_head_is_get_without_content(user: User, path: str) -> None:
    got, headed = user.get(path), user.http.head(path, headers=user.headers)

    assert headed.status_code == got.status_code == 200
    assert headed.content == b""
    assert headed.headers["content-type"] == got.headers["content-type"]
    assert int(headed.headers["content-length"]) > 0


def test_head_of_what_is_not_there_is_404(user: User) -> None:
    answer = user.http.head("/nothing", headers=user.headers)

    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/items", "GET, HEAD, OPTIONS, POST"),
        ("/items/8c9f2f0e-5b4d-4c6f-9d1a-0a1b2c3d4e5f", "DELETE, GET, HEAD, OPTIONS, PATCH"),
        ("/search", "OPTIONS, POST"),
        ("/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_a_path_tells_all_its_methods(user: User, path: str, methods: str) -> None:
    options, refused = user.http.options(path), user.http.request("BREW", path, headers=user.headers)

    assert (options.status_code, options.content, options.headers["allow"]) == (204, b"", methods)
    assert_problem(refused, 405)
    assert refused.headers["allow"] == methods


def test_a_path_that_is_none_has_no_methods(user: User) -> None:
    assert_problem(user.http.options("/nothing"), 404)


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/health", "/items", "/nothing", "/items/none", "/openapi.json"])
def test_every_answer_is_private_and_no_page(user: User, path: str) -> None:
    for answer in (user.get(path), user.http.get(path)):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
        assert not any(name.startswith("access-control-") for name in answer.headers)


def test_https_is_asked_for_where_there_is_https(user: User) -> None:
    plain, secure = user.http.get("/health"), user.http.get("https://api.example.com/health")

    assert "strict-transport-security" not in plain.headers
    assert secure.headers["strict-transport-security"] == "max-age=31536000"


def test_an_answer_says_how_many_requests_are_left(user: User) -> None:
    first, second, missing = user.get("/items"), user.get("/items"), user.get("/items/none")

    left = [int(answer.headers["ratelimit-remaining"]) for answer in (first, second, missing)]
    assert left == [left[0], left[0] - 1, left[0] - 2]
    assert first.headers["ratelimit-limit"] == "600"
    assert first.headers["ratelimit-policy"] == "600;w=60"
    assert 0 < int(first.headers["ratelimit-reset"]) <= 60


def test_nobody_is_told_of_an_allowance_without_a_token(user: User) -> None:
    assert "ratelimit-limit" not in user.http.get("/items").headers
    assert "ratelimit-limit" not in user.http.get("/health").headers


def test_who_asks_too_often_is_asked_to_wait_and_others_are_not(
    user: User, stranger: User, reconfigured: Callable[..., None]
) -> None:
    reconfigured(REQUESTS_PER_MINUTE="25")

    answers = [user.get("/search/config") for _ in range(30)]

    refused = [answer for answer in answers if answer.status_code != 200]
    # The minute may end while this runs, once.
    assert 1 <= len(refused) <= 5
    assert_problem(refused[0], 429)
    assert refused[0].headers["ratelimit-remaining"] == "0"
    assert refused[0].headers["retry-after"] == refused[0].headers["ratelimit-reset"]
    assert stranger.get("/search/config").status_code == 200


def test_a_repeated_answer_counts_as_a_request(user: User) -> None:
    headers = user.headers | {"Idempotency-Key": "key-1"}

    left = [
        int(user.http.post("/search", json={"query": "a"}, headers=headers).headers["ratelimit-remaining"])
        for _ in range(3)
    ]

    assert left == [left[0], left[0] - 1, left[0] - 2]


# --- compression ------------------------------------------------------------------------------------------------------


def test_a_page_of_items_is_compressed_for_those_who_take_that(user: User, owner: psycopg.Connection) -> None:
    for _ in range(10):
        given_item(owner, user)

    plain = user.http.get("/items", headers=user.headers | {"Accept-Encoding": "identity"})
    packed = user.http.get("/items", headers=user.headers | {"Accept-Encoding": "gzip"})

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2
    assert ids(packed) == ids(plain)
    # What stands between them must not give one's answer to the other.
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"


def test_what_is_small_is_sent_as_it_is(user: User) -> None:
    answer = user.http.get("/health", headers={"Accept-Encoding": "gzip"})

    assert "content-encoding" not in answer.headers


# --- deadline ---------------------------------------------------------------------------------------------------------


def test_what_takes_too_long_is_answered_in_our_own_words(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def stuck() -> Any:
        assert go_on.wait(10)
        return wiring.search_settings()

    with monkeypatch.context() as patch:
        patch.setattr(edge.Deadline.__init__, "__kwdefaults__", {"seconds": 0.2})
        from app.api import create_app

        hurried = type(user.http)(create_app(), raise_server_exceptions=False)
        patch.setattr(wiring, "embedder", stuck)
        answer = hurried.get("/search/config", headers=user.headers)
        go_on.set()

    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


def test_what_takes_too_long_keeps_its_idempotency_key(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may still be done: the same request again must not do it beside the first."""
    go_on = threading.Event()
    keyed = user.headers | {"Idempotency-Key": "slow"}

    def stuck() -> Any:
        assert go_on.wait(10)
        return Embedder()

    with monkeypatch.context() as patch:
        patch.setattr(edge.Deadline.__init__, "__kwdefaults__", {"seconds": 0.5})
        from app.api import create_app

        hurried = type(user.http)(create_app(), raise_server_exceptions=False)
        patch.setattr(wiring, "embedder", stuck)
        first = hurried.post("/search", json={"query": "a"}, headers=keyed)
        again = hurried.post("/search", json={"query": "a"}, headers=keyed)
        go_on.set()

    assert_problem(first, 503)
    assert_problem(again, 409)


def test_what_comes_too_late_is_not_heard() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(10)
        finally:
            await send({"type": "http.response.start", "status": 200, "headers": []})

    async def ask() -> list[Message]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request", "body": b""}

        scope = {"type": "http", "method": "GET", "path": "/slow", "headers": [], "state": {"request_id": "1"}}
        await Deadline(slow, seconds=0.05)(scope, receive, send)
        await asyncio.sleep(0)
        return sent

    statuses = [message["status"] for message in asyncio.run(ask()) if message["type"] == "http.response.start"]

    assert statuses == [503]


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_request_id_of_an_answer_is_found_in_the_log(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    (handler,) = logging.getLogger("collections").handlers
    log = io.StringIO()
    monkeypatch.setattr(handler, "stream", log)

    answer = user.get("/items/none")

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    (line,) = [line for line in lines if line.get("request_id") == answer.json()["request_id"]]
    assert (line["message"], line["method"], line["path"], line["status"]) == ("request", "GET", "/items/none", 422)


def test_an_error_of_the_edge_itself_is_a_problem_too(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise RuntimeError("a bug")

    monkeypatch.setattr(wiring, "request_store", broken)

    answer = user.http.post("/search", json={"query": "a"}, headers=user.headers | {"Idempotency-Key": "key-1"})

    assert_problem(answer, 500)
    assert ids(user.get("/items")) == []


# --- threads ----------------------------------------------------------------------------------------------------------


def test_a_request_goes_to_a_thread_once(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its function does; who calls is known from the request before, and what it returns is not looked at again."""
    assert user.get("/items").status_code == 200
    went: list[object] = []

    def counting(hop: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(function: Callable[..., Any], *args: Any, **options: Any) -> Any:
            went.append(function)
            return await hop(function, *args, **options)

        return counted

    monkeypatch.setattr(asyncio, "to_thread", counting(asyncio.to_thread))
    monkeypatch.setattr(anyio.to_thread, "run_sync", counting(anyio.to_thread.run_sync))

    assert user.get("/items").status_code == 200
    assert len(went) == 1
    assert user.http.get("/health").status_code == 200
    assert len(went) == 1
