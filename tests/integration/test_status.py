"""What `make status CLOUD=aws` tells of a stack, its functions, queues and keys, as moto plays AWS."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from app.platform.smoke import SmokeFailed
from scripts import cloud, outputs, secrets, versions

REGION = "eu-central-1"
INFO = {"version": "0.1.0", "git_sha": "0123456789abcdef", "built_at": "2026-11-21T12:00:00+00:00"}
TEMPLATE = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(outputs, "path", lambda cloud: tmp_path / f".{cloud}-outputs.json")
    # moto runs functions in Docker: what they say is said here.
    monkeypatch.setattr(versions, "of_function", lambda name, found: INFO)
    monkeypatch.setattr(secrets, "function_settings", lambda found: [{"ANALYSIS_PROVIDER": "claude"}])
    with mock_aws():
        yield


@pytest.fixture
def api() -> Iterator[dict[str, Any]]:
    """What /health/ready answers."""
    answer: dict[str, Any] = {"status": "ready", "checks": {"database": {"ok": True, "latency_ms": 3.2}}}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({key: value for key, value in answer.items() if key != "url"}).encode()
            self.send_response(200 if answer["status"] == "ready" else 503)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    answer["url"] = f"http://127.0.0.1:{server.server_port}"
    yield answer
    server.shutdown()
    server.server_close()


@pytest.fixture
def dlq(api: dict[str, Any]) -> str:
    """A deployed stack, by its outputs; the URL of a stage's dead letters."""
    boto3.client("cloudformation").create_stack(StackName="collections-dev", TemplateBody=json.dumps(TEMPLATE))
    sqs = boto3.client("sqs")
    queue, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("analyzer", "analyzer-dead"))
    functions = {"ApiFunctionName": "api", "AnalyzerFunctionName": "analyzer"}
    addresses = {"ApiUrl": api["url"], "WebUrl": "https://web.example"}
    queues = {"AnalyzerQueueUrl": queue, "AnalyzerDlqUrl": dead}
    outputs.write("aws", {"Region": REGION, **addresses, **functions, **queues})
    return dead


def status(*arguments: str) -> Result:
    return CliRunner().invoke(cloud.app, ["status", "--cloud", "aws", *arguments])


def test_a_stack_that_is_well_is_told_with_what_waits_and_what_is_missing(dlq: str) -> None:
    boto3.client("sqs").send_message(QueueUrl=dlq, MessageBody="given up")

    said = " ".join(status().output.split())

    assert "collections-dev is CREATE_COMPLETE" in said
    assert "0.1.0, commit 0123456789ab of 2026-11-21T12:00:00+00:00: all functions" in said
    assert "Analyzer 0 waiting, 1 dead letters" in said
    assert "missing: /collections/dev/anthropic_api_key" in said
    assert status().exit_code == 0


def test_functions_of_different_code_are_told_apart(dlq: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_function(name: str, found: dict[str, str]) -> dict[str, Any]:
        if name == "analyzer":
            raise SmokeFailed("analyzer fails: no module named app")
        return INFO

    monkeypatch.setattr(versions, "of_function", of_function)

    said = " ".join(status().output.split())

    assert "of 2026-11-21T12:00:00+00:00: api" in said
    assert "no module named app: analyzer" in said


def test_an_api_that_is_not_ready_is_a_failure(dlq: str, api: dict[str, Any]) -> None:
    api |= {"status": "unavailable", "checks": {"database": {"ok": False, "latency_ms": 3000}}}

    answer = status()

    assert answer.exit_code == 1
    assert "database" in answer.output
    assert "make lambda-logs" in answer.output


def test_a_stack_that_is_not_there_is_told(dlq: str) -> None:
    assert "collections-prod does not exist" in " ".join(status("--env", "prod").output.split())


def test_before_a_deployment_it_says_what_to_run() -> None:
    answer = status()

    assert answer.exit_code == 1
    assert "make infra-deploy" in answer.output
