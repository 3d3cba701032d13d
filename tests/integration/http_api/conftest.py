"""The whole application over HTTP: real PostgreSQL, S3 and DynamoDB by moto, real tokens."""

from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws
from starlette.testclient import TestClient

from app.api import create_app
from app.platform import wiring
from tests.integration.http_api.application import (
    BUCKET,
    CHECKPOINTS,
    CLIENT_ID,
    ISSUER,
    Embedder,
    Pool,
    User,
    forget_collaborators,
)


@pytest.fixture(scope="package")
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


# By module: a folder without __init__.py is no package to pytest, and AWS would stay mocked for all tests after these.
@pytest.fixture(scope="module")
def environment(app_url: str, pool: Pool) -> Iterator[pytest.MonkeyPatch]:
    """What the function's configuration would say, with everything it names there."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        variables = {
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "CLOUD": "local",
            "ENVIRONMENT": "test",
            "DATABASE_URL": app_url,
            "DATABASE_CONNECT_TIMEOUT_S": "1",
            "BUCKET_NAME": BUCKET,
            "COGNITO_ISSUER": ISSUER,
            "COGNITO_CLIENT_ID": CLIENT_ID,
            "COGNITO_JWKS_URL": pool.jwks_url,
            "ANALYSIS_PROVIDER": "local",
            "EMBEDDING_PROVIDER": "local",
            "CHECKPOINTS_TABLE": CHECKPOINTS,
            "SESSIONS_TABLE": "sessions-under-test",
        }
        for name, value in variables.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        boto3.client("dynamodb").create_table(
            TableName=CHECKPOINTS,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        forget_collaborators()
        yield patch
        forget_collaborators()


@pytest.fixture(autouse=True)
def embedder(environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Embedder:
    embedder = Embedder()
    monkeypatch.setattr(wiring, "embedder", lambda: embedder)
    return embedder


@pytest.fixture
def reconfigured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Another environment for one test."""

    def apply(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        forget_collaborators()
        patched = Embedder()
        monkeypatch.setattr(wiring, "embedder", lambda: patched)

    yield apply
    monkeypatch.undo()
    forget_collaborators()


@pytest.fixture(scope="module")
def http(environment: pytest.MonkeyPatch) -> TestClient:
    return TestClient(create_app(), raise_server_exceptions=False)


@pytest.fixture
def user(http: TestClient, pool: Pool) -> User:
    return User(http, pool)


@pytest.fixture
def stranger(http: TestClient, pool: Pool) -> User:
    return User(http, pool)
