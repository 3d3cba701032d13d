"""Logs that are followed, as moto keeps them: every line once, also one that comes in late."""

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from scripts import cloud, function_logs, outputs

REGION = "eu-central-1"
FOUND = {"Region": REGION, "ApiFunctionName": "api"}


@pytest.fixture(autouse=True)
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A function, and its log with two workers' streams."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(outputs, "read", lambda cloud: FOUND)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("handler.py", "")
    with mock_aws():
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = boto3.client("iam", REGION).create_role(RoleName="any", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        boto3.client("lambda", REGION).create_function(
            FunctionName="api", Role=role, Runtime="python3.13", Handler="h.h", Code={"ZipFile": archive.getvalue()}
        )
        logs = boto3.client("logs", REGION)
        logs.create_log_group(logGroupName="/aws/lambda/api")
        for stream in ("one", "two"):
            logs.create_log_stream(logGroupName="/aws/lambda/api", logStreamName=stream)
        yield


def write(message: str, *, seconds_ago: float = 0, stream: str = "one") -> None:
    event = {"timestamp": int((time.time() - seconds_ago) * 1000), "message": message}
    boto3.client("logs", REGION).put_log_events(logGroupName="/aws/lambda/api", logStreamName=stream, logEvents=[event])


def test_every_line_is_told_once_also_one_that_comes_late() -> None:
    write("long ago", seconds_ago=50)
    write("just now")
    looks = iter(range(100))  # and no more: a line that never comes is a failure
    lines = function_logs.follow("api", FOUND, since=time.time() - 60, pause=lambda _: next(looks))

    first = [next(lines)["message"] for _ in range(2)]
    write("of another worker", seconds_ago=5, stream="two")
    write("and on")
    then = [next(lines)["message"] for _ in range(2)]

    assert first == ["long ago", "just now"]
    assert sorted(then) == ["and on", "of another worker"]


def test_lines_without_a_number_are_told_once_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the local cloud gives what functions print."""
    numbered = function_logs.events

    def bare(*arguments: Any, **options: Any) -> Iterator[dict[str, Any]]:
        yield from ({**event, "eventId": None} for event in numbered(*arguments, **options))

    monkeypatch.setattr(function_logs, "events", bare)
    looks = iter(range(100))
    write("first")
    lines = function_logs.follow("api", FOUND, since=time.time() - 60, pause=lambda _: next(looks))

    told = [next(lines)["message"]]
    write("second")
    told.append(next(lines)["message"])

    assert told == ["first", "second"]


def test_a_log_is_printed_and_a_function_that_is_none_is_told_which_there_are() -> None:
    write("hello")

    printed = CliRunner().invoke(cloud.app, ["logs", "api", "--cloud", "aws"])
    unknown = CliRunner().invoke(cloud.app, ["logs", "stylist", "--cloud", "aws"])

    assert (printed.exit_code, unknown.exit_code) == (0, 1)
    assert "hello" in printed.output
    assert "image_processor" in unknown.output
