"""The service about itself."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from starlette.testclient import TestClient


def test_health_needs_no_token_and_no_dependency(http: TestClient, reconfigured: Callable[..., None]) -> None:
    reconfigured(
        DATABASE_URL="postgresql://nobody@/nowhere?host=/nowhere", BUCKET_NAME="gone", CHECKPOINTS_TABLE="gone"
    )

    answer = http.get("/health")

    assert answer.status_code == 200
    assert answer.json() == {"status": "healthy", "version": "0.0.0", "git_sha": "unknown", "cloud": "local"}


def test_version_says_which_code_answers(http: TestClient) -> None:
    answer = http.get("/version")

    assert answer.status_code == 200
    assert set(answer.json()) == {"version", "git_sha", "built_at", "python", "cloud"}


def test_ready_when_everything_answers(http: TestClient) -> None:
    answer = http.get("/health/ready")

    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert {name: check["ok"] for name, check in body["checks"].items()} == {
        "database": True,
        "storage": True,
        "checkpoints": True,
    }
    assert all(check["latency_ms"] >= 0 for check in body["checks"].values())


@pytest.mark.parametrize(
    ("variable", "value", "check"),
    [
        ("DATABASE_URL", "postgresql://nobody@/nowhere?host=/nowhere", "database"),
        ("BUCKET_NAME", "a-bucket-that-is-not-there", "storage"),
        ("CHECKPOINTS_TABLE", "a-table-that-is-not-there", "checkpoints"),
    ],
)
def test_not_ready_when_something_is_down(
    http: TestClient, reconfigured: Callable[..., None], variable: str, value: str, check: str
) -> None:
    reconfigured(**{variable: value})

    answer = http.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert [name for name, found in answer.json()["checks"].items() if not found["ok"]] == [check]


@pytest.fixture
def forbidden() -> Iterator[str]:
    """The address of an S3 that answers 403, as for a bucket that is somebody else's."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(403)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_not_ready_while_the_bucket_is_refused(
    http: TestClient, reconfigured: Callable[..., None], forbidden: str
) -> None:
    reconfigured(AWS_ENDPOINT_URL_S3=forbidden)

    answer = http.get("/health/ready")

    assert answer.status_code == 503
    assert [name for name, found in answer.json()["checks"].items() if not found["ok"]] == ["storage"]


def test_the_openapi_document_is_public(http: TestClient) -> None:
    answer = http.get("/openapi.json")

    assert answer.status_code == 200
    assert answer.json()["info"]["title"] == "Collections"
