"""boto3 clients as we make them, and the database's IAM password."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from app.platform import aws
from app.platform.errors import Unavailable


@pytest.fixture(autouse=True)
def _fresh_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a/secret+key")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    forget = aws.client.cache_clear
    forget()
    yield
    forget()


@pytest.mark.parametrize("session_token", [None, "IQoJb3JpZ2luX2VjE//+="])
def test_a_database_password_is_what_boto3s_own_signer_makes(
    monkeypatch: pytest.MonkeyPatch, session_token: str | None
) -> None:
    if session_token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", session_token)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    ours = aws.sign_database_token("postgresql://collections_app@db.example.com:5432/collections?sslmode=verify-full")

    theirs = boto3.client("rds").generate_db_auth_token("db.example.com", 5432, "collections_app")
    assert ours.startswith("db.example.com:5432/?Action=connect&DBUser=collections_app&")
    assert _lasting(ours) == _lasting(theirs)
    assert _lasting(ours)["X-Amz-Expires"] == ["900"]


def _lasting(token: str) -> dict[str, list[str]]:
    """All of a token that does not change from one second to the next."""
    parameters = parse_qs(urlsplit(f"https://{token}").query)
    return {name: value for name, value in parameters.items() if name not in {"X-Amz-Date", "X-Amz-Signature"}}


def test_there_is_one_client_of_each() -> None:
    assert aws.client("s3") is aws.client("s3")
    assert aws.client("s3") is not aws.client("dynamodb")


def test_links_are_signed_as_every_region_accepts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    link = aws.client("s3").generate_presigned_url("get_object", Params={"Bucket": "images", "Key": "a"})

    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link


def test_no_call_outlasts_a_request() -> None:
    config = aws.client("dynamodb").meta.config

    assert (config.connect_timeout, config.read_timeout) == (3, 15)
    assert config.retries["total_max_attempts"] == 3


def test_a_table_that_is_there_answers() -> None:
    with mock_aws():
        aws.client("dynamodb").create_table(
            TableName="checkpoints",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

        aws.ping_table("checkpoints")


def test_a_table_that_is_not_there_is_unavailable() -> None:
    with mock_aws(), pytest.raises(Unavailable):
        aws.ping_table("checkpoints")


def test_an_endpoint_that_does_not_answer_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    once = Config(connect_timeout=1, retries={"total_max_attempts": 1})
    client = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:9", config=once)
    monkeypatch.setattr(aws, "client", lambda _: client)

    with pytest.raises(Unavailable):
        aws.ping_table("checkpoints")
