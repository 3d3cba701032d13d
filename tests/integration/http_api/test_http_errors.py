"""Who is let in, and how what goes wrong is told."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.testclient import TestClient

from app.items import s3
from app.platform import wiring
from app.platform.errors import Unavailable
from tests.integration.http_api.application import CLIENT_ID, Pool, User, assert_problem, objects_of

NEVER = "8c9f2f0e-5b4d-4c6f-9d1a-0a1b2c3d4e5f"
GUARDED = [
    ("POST", "/items"),
    ("POST", "/uploads"),
    ("GET", "/items"),
    ("GET", f"/items/{NEVER}"),
    ("DELETE", f"/items/{NEVER}"),
    ("GET", f"/items/{NEVER}/image"),
    ("POST", "/search"),
]


@pytest.mark.parametrize(("method", "path"), GUARDED)
@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer not-a-token", "Bearer \xe9\xff"]
)
def test_without_a_good_token_every_door_is_shut(
    http: TestClient, method: str, path: str, authorization: str | None
) -> None:
    headers = [] if authorization is None else [(b"authorization", authorization.encode("latin-1"))]

    answer = http.request(method, path, headers=headers)

    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_an_id_token_is_told_what_to_send_instead(http: TestClient, pool: Pool) -> None:
    token = pool.token(uuid4(), token_use="id", aud=CLIENT_ID)

    answer = http.get("/items", headers={"Authorization": f"Bearer {token}"})

    assert "access token" in assert_problem(answer, 401)["detail"]


def test_while_the_identity_provider_is_down_callers_are_asked_to_come_back(
    user: User, reconfigured: Callable[..., None]
) -> None:
    reconfigured(COGNITO_JWKS_URL="http://127.0.0.1:9/jwks.json")

    answer = user.get("/items")

    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/items/", "/item", "//items", "/health/", "/items/a/b/c", "/%2e%2e"]
)
def test_an_unknown_path_is_a_problem(user: User, path: str) -> None:
    problem = assert_problem(user.http.get(path, headers=user.headers, follow_redirects=False), 404)

    assert problem["detail"] == "Not Found"


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/items"), ("DELETE", "/health"), ("GET", "/search"), ("PATCH", "/uploads")]
)
def test_a_method_that_does_not_fit_is_a_problem(user: User, method: str, path: str) -> None:
    answer = user.http.request(method, path, headers=user.headers)

    assert_problem(answer, 405)
    assert answer.headers["allow"]


def test_what_is_wrong_is_listed_by_place(user: User) -> None:
    answer = user.post("/search", {"query": "", "top_k": 51, "surprise": 1})

    problem = assert_problem(answer, 422)
    assert problem["instance"] == "/search"
    assert {(tuple(error["loc"]), error["type"]) for error in problem["errors"]} == {
        (("body", "query"), "string_too_short"),
        (("body", "top_k"), "less_than_equal"),
        (("body", "surprise"), "extra_forbidden"),
    }
    assert all(set(error) == {"loc", "msg", "type"} for error in problem["errors"])


INVALID_SEARCHES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a word": b'"query"',
    "cut short": b'{"query": "a',
    "not UTF-8": b'{"query": "\xff\xfe"}',
    "no query": b"{}",
    "query null": b'{"query": null}',
    "query a number": b'{"query": 5}',
    "query a list": b'{"query": ["a"]}',
    "query too long": json.dumps({"query": "a" * 1001}).encode(),
    "half a character": b'{"query": "\\ud800"}',
    "half a character as a field": b'{"query": "a", "\\ud800": 1}',
    "half a character as a mode": b'{"query": "a", "search_type": "\\udfff"}',
    "half a character as a number": b'{"query": "a", "top_k": "\\ud800"}',
    "half a character as a time": b'{"query": "a", "from": "\\ud800"}',
    "not a number": b'{"query": "a", "min_similarity_score": NaN}',
    "infinity": b'{"query": "a", "min_relevance_score": Infinity}',
    "minus infinity": b'{"query": "a", "min_relevance_score": -Infinity}',
    "a number beyond doubles": b'{"query": "a", "min_relevance_score": 1e999}',
    "a count that is not whole": b'{"query": "a", "top_k": 1.5}',
    "a count at infinity": b'{"query": "a", "top_k": Infinity}',
    "a count of five thousand digits": b'{"query": "a", "top_k": ' + b"9" * 5000 + b"}",
    "a count of a thousand digits": b'{"query": "a", "top_k": ' + b"9" * 1000 + b"}",
    "no results": b'{"query": "a", "top_k": 0}',
    "another mode": b'{"query": "a", "search_type": "magic"}',
    "a similarity above one": b'{"query": "a", "min_similarity_score": 1.01}',
    "a time that is none": b'{"query": "a", "from": "yesterday"}',
    "a thirteenth month": b'{"query": "a", "to": "2024-13-01T00:00:00Z"}',
    "a time beyond calendars": b'{"query": "a", "to": 1e300}',
    "tags a word": b'{"query": "a", "tags": "red"}',
    "too many tags": json.dumps({"query": "a", "tags": ["t"] * 21}).encode(),
    "somebody else's id": b'{"query": "a", "user_id": "8c9f2f0e-5b4d-4c6f-9d1a-0a1b2c3d4e5f"}',
    "nested ten thousand deep": b'{"query": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nested objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
}


@pytest.mark.parametrize("body", INVALID_SEARCHES.values(), ids=INVALID_SEARCHES.keys())
def test_a_search_that_makes_no_sense_is_a_problem(user: User, body: bytes) -> None:
    answer = user.post_raw("/search", body)

    problem = assert_problem(answer, 422)
    assert not {"NaN", "Infinity"} & set(re.findall(r"\w+", answer.text))
    assert all(set(error) == {"loc", "msg", "type"} for error in problem.get("errors", []))


def test_json_of_another_media_type_is_not_read(user: User) -> None:
    assert_problem(user.post_raw("/search", b'{"query": "a"}', "text/plain"), 422)


def test_an_unexpected_error_says_nothing_of_the_inside(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("SELECT secret FROM vault WHERE password = 'hunter2'")

    monkeypatch.setattr(wiring, "items", broken)

    answer = user.get("/items")

    problem = assert_problem(answer, 500)
    assert problem["detail"] == "Something went wrong on our side."
    assert not any(word in answer.text for word in ("secret", "hunter2", "RuntimeError", "Traceback"))


@pytest.mark.parametrize(("method", "path", "body"), [("GET", "/items", None), ("POST", "/search", {"query": "a"})])
def test_while_the_database_is_down_callers_are_asked_to_come_back(
    user: User, reconfigured: Callable[..., None], method: str, path: str, body: Any
) -> None:
    reconfigured(DATABASE_URL="postgresql://nobody@/nowhere?host=/nowhere")

    answer = user.http.request(method, path, json=body, headers=user.headers)

    problem = assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert "nowhere" not in answer.text
    assert problem["detail"] == "The database cannot be reached."


def test_while_storage_is_down_an_upload_is_asked_to_come_back_and_then_succeeds(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = wiring.images()
    with monkeypatch.context() as broken:
        broken.setattr(wiring, "images", lambda: _Down(bucket))
        refused = user.upload(b"once more")
    again = user.upload(b"once more")

    assert_problem(refused, 503)
    assert again.status_code == 200
    assert objects_of(user) == [s3.original_key(user.user_id, UUID(again.json()["id"]), "image/png")]


class _Down:
    """An images bucket that can be named but not reached."""

    def __init__(self, bucket: s3.ImageBucket) -> None:
        self._bucket = bucket

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bucket, name)

    def put(self, *_: Any, **__: Any) -> str:
        raise Unavailable("The image store does not answer.")


def test_every_answer_carries_its_request_id(user: User) -> None:
    identifiers = {user.get("/items").headers["x-request-id"] for _ in range(3)}

    assert len(identifiers) == 3


def test_a_hostile_host_header_changes_nothing(user: User) -> None:
    for host in ("[", "[::1", "a/b?c#d", "x@y:99999999"):
        answer = user.http.get("/nothing", headers=user.headers | {"Host": host})

        assert assert_problem(answer, 404)["instance"] == "/nothing"
