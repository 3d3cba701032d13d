"""The migrator's answers to CloudFormation, at a loopback server in place of its presigned URL."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import boto3
import psycopg
import pytest
from moto import mock_aws

from app.platform import aws, build_info, migrations
from lambdas.migrate.handler import handler
from tests.cloudformation import CloudFormation, cloudformation_on_loopback

OWNER = "postgresql://owner@db.example.com/postgres"


@pytest.fixture
def cloudformation() -> Iterator[CloudFormation]:
    with cloudformation_on_loopback() as stack:
        yield stack


@dataclass
class Server:
    """A database server that remembers what was done to it."""

    done: list[tuple[str, str]] = field(default_factory=list)
    pending: list[str] = field(default_factory=lambda: ["0001.roles", "0002.items"])
    broken: Exception | None = None

    def ensure_database(self, url: str, name: str) -> bool:
        self.done.append(("ensure", f"{url} {name}"))
        return True

    def migrate(self, url: str) -> list[str]:
        if self.broken:
            raise self.broken
        self.done.append(("migrate", url))
        applied, self.pending = self.pending, []
        return applied


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setenv("DATABASE_ADMIN_URL", OWNER)
    monkeypatch.setattr(migrations, "ensure_database", server.ensure_database)
    monkeypatch.setattr(migrations, "migrate", server.migrate)
    return server


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_a_deployment_migrates_and_says_so(cloudformation: CloudFormation, server: Server, request_type: str) -> None:
    handler(cloudformation.asks(request_type), None)

    assert server.done == [
        ("ensure", f"{OWNER} collections"),
        ("migrate", "postgresql://owner@db.example.com/collections"),
    ]
    assert cloudformation.answers == [
        {
            "PhysicalResourceId": "collections-migrations",
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/collections/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Migrated",
            "Status": "SUCCESS",
            "Data": {"Applied": "0001.roles,0002.items"},
        }
    ]


def test_the_answer_is_signed_for_no_content_type(cloudformation: CloudFormation) -> None:
    handler(cloudformation.asks("Create"), None)

    assert cloudformation.headers[0].get("Content-Type", "") == ""


def test_deploying_again_applies_nothing_and_is_the_same_resource(cloudformation: CloudFormation) -> None:
    handler(cloudformation.asks("Create"), None)
    handler(cloudformation.asks("Update"), None)

    first, second = cloudformation.answers
    assert second["Data"] == {"Applied": ""}
    assert second["PhysicalResourceId"] == first["PhysicalResourceId"]


def test_deleting_the_stack_touches_no_data(cloudformation: CloudFormation, server: Server) -> None:
    handler(cloudformation.asks("Delete"), None)

    assert server.done == []
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_a_rollback_touches_no_data_and_cannot_fail(cloudformation: CloudFormation, server: Server) -> None:
    server.broken = psycopg.OperationalError("the server is gone")
    failed = {"deployment": "2026-11-21T12:00:00.000001+00:00"}

    handler(cloudformation.asks("Update", before=failed, deployment="2026-11-20T09:00:00.000001+00:00"), None)

    assert server.done == []
    assert cloudformation.answers[0]["Status"] == "SUCCESS"


def test_the_next_deployment_migrates(cloudformation: CloudFormation, server: Server) -> None:
    last = {"deployment": "2026-11-20T09:00:00.000001+00:00"}

    handler(cloudformation.asks("Update", before=last, deployment="2026-11-21T12:00:00.000001+00:00"), None)

    assert [step for step, _ in server.done] == ["ensure", "migrate"]


def test_a_deployment_asks_it_which_code_it_is(server: Server) -> None:
    assert handler(build_info.PROBE, None) == {"version": "0.0.0", "git_sha": "unknown", "built_at": None}

    assert server.done == []


def test_a_failure_is_told_with_its_reason_so_that_the_stack_does_not_wait_an_hour(
    cloudformation: CloudFormation, server: Server
) -> None:
    server.broken = psycopg.errors.UndefinedTable('relation "items" does not exist')

    with pytest.raises(psycopg.errors.UndefinedTable):
        handler(cloudformation.asks("Update"), None)

    (answer,) = cloudformation.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == 'UndefinedTable: relation "items" does not exist'
    assert answer["PhysicalResourceId"] == "collections-migrations"


def test_a_long_reason_is_cut_to_what_cloudformation_reads(cloudformation: CloudFormation, server: Server) -> None:
    server.broken = ValueError("é" * 10_000)

    with pytest.raises(ValueError, match="é"):
        handler(cloudformation.asks("Update"), None)

    assert len(json.dumps(cloudformation.answers[0])) < 4096


def test_the_owners_way_in_may_be_a_secret_and_is_then_verified_tls(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("DATABASE_ADMIN_URL")
    secret = {"username": "owner", "password": "p@ss/w?rd", "host": "db.example.com", "port": 5432}
    with mock_aws():
        kept = boto3.client("secretsmanager").create_secret(Name="database", SecretString=json.dumps(secret))
        monkeypatch.setenv("DATABASE_ADMIN_SECRET_ARN", kept["ARN"])
        aws.client.cache_clear()

        handler({}, None)

    aws.client.cache_clear()
    (_, migrated) = server.done
    assert migrated[1].startswith(
        "postgresql://owner:p%40ss%2Fw%3Frd@db.example.com:5432/collections?sslmode=verify-full&sslrootcert=/"
    )


def test_by_hand_it_migrates_and_answers_its_caller(server: Server) -> None:
    assert handler({}, None) == {"applied": ["0001.roles", "0002.items"]}

    assert [step for step, _ in server.done] == ["ensure", "migrate"]
