"""What a deployment to AWS looks for before it builds anything for minutes, and before it asks."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner

from scripts import cdk, deploy, lambda_quota

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials anywhere."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What would take long, in its order."""
    steps: list[str] = []

    def run_or_fail(place: cdk.Place, command: Sequence[str], **_: Any) -> None:
        steps.append(command[0])

    monkeypatch.setattr(deploy, "build", lambda cloud: steps.append("bundles"))
    monkeypatch.setattr(cdk, "run_or_fail", run_or_fail)
    return steps


@pytest.mark.parametrize("command", ["diff", "deploy"])
def test_without_credentials_nothing_is_built(command: str, done: list[str]) -> None:
    answer = CliRunner().invoke(deploy.app, [command, "--cloud", "aws"])

    assert answer.exit_code == 1
    assert "aws configure" in answer.output
    assert done == []


@pytest.mark.parametrize("command", ["diff", "deploy"])
def test_without_a_bootstrap_nothing_is_built(command: str, done: list[str], account: None) -> None:
    answer = CliRunner().invoke(deploy.app, [command, "--cloud", "aws"])

    assert answer.exit_code == 1
    assert "make infra-bootstrap CLOUD=aws" in answer.output
    assert done == []


def test_without_room_for_reservations_nobody_is_asked_and_nothing_deployed(
    done: list[str], account: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    boto3.client("ssm").put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String")

    def no_room(place: cdk.Place, assembly: Path) -> Any:
        assert (place.cloud, place.region) == ("aws", REGION)
        raise typer.Exit(1)

    monkeypatch.setattr(lambda_quota, "check", no_room)

    answer = CliRunner().invoke(deploy.app, ["deploy", "--cloud", "aws", "--yes"])

    assert answer.exit_code == 1
    assert done == ["bundles", "synth"]
