"""The whole application over HTTP: real PostgreSQL, S3 and DynamoDB by moto, real tokens."""

import asyncio
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws
from starlette.testclient import TestClient

from app import api
from app.chat import api as chat_api
from app.chat.function import ChatFunction
from app.platform import wiring
from app.platform.application import assemble
from tests.fakes import RecordingEvents
from tests.integration.http_api.answering import InvokedHere
from tests.integration.http_api.application import (
    BUCKET,
    CHECKPOINTS,
    CLIENT_ID,
    CONNECTIONS,
    ISSUER,
    REQUESTS,
    SESSIONS,
    Embedder,
    Pool,
    User,
    create_tables,
    forget_collaborators,
)
from tests.integration.http_api.belongings import Belongings, given_belongings


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
            "REQUESTS_TABLE": REQUESTS,
            "SESSIONS_TABLE": SESSIONS,
            "CONNECTIONS_TABLE": CONNECTIONS,
            "WEBSOCKET_CALLBACK_URL": "https://live.example.com",
            "CHAT_PROVIDER": "local",
            "CHAT_FUNCTION_NAME": "chat-under-test",
            "QUEUE_URL": "https://sqs.example.com/jobs",
        }
        for name, value in variables.items():
            patch.setenv(name, value)
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        create_tables()
        people = boto3.client("cognito-idp").create_user_pool(PoolName="people", UsernameAttributes=["email"])
        patch.setenv("COGNITO_USER_POOL_ID", people["UserPool"]["Id"])
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
def http(environment: pytest.MonkeyPatch) -> Iterator[TestClient]:
    # Behind one gateway, as they are for callers. Entered, it keeps one event loop, and starts none for each request.
    application = assemble((*api.ROUTERS, *chat_api.ROUTERS))
    with TestClient(application, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="package")
def chat_handler() -> Iterator[Callable[[Any, Any], Any]]:
    """The entry point of the function that answers, with the event loop that Mangum looks for while it is imported."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield importlib.import_module("lambdas.chat.handler").handler
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(autouse=True)
def chat_function(
    environment: pytest.MonkeyPatch, chat_handler: Callable[[Any, Any], Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[InvokedHere]:
    """The function that answers, on this machine."""
    with answering(chat_handler, monkeypatch) as invoked:
        yield invoked


@contextmanager
def answering(handler: Callable[[Any, Any], Any], patch: pytest.MonkeyPatch) -> Iterator[InvokedHere]:
    """Has this handler answer, and waits in the end until it has."""
    invoked = InvokedHere(handler)
    function = ChatFunction(lambda: invoked, "chat-under-test")
    patch.setattr(wiring, "chat_function", lambda _waits_s=None: function)
    yield invoked
    invoked.finish()


@pytest.fixture
def user(http: TestClient, pool: Pool) -> User:
    return User(http, pool)


@pytest.fixture
def stranger(http: TestClient, pool: Pool) -> User:
    return User(http, pool)


@pytest.fixture
def published(environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> RecordingEvents:
    """What the application would have told the bus."""
    events = RecordingEvents()
    monkeypatch.setattr(wiring, "events", lambda: events)
    return events


@pytest.fixture
def own(owner: psycopg.Connection, user: User, published: RecordingEvents, chat_function: InvokedHere) -> Belongings:
    """Somebody who has everything that one can have."""
    return given_belongings(owner, user)


@pytest.fixture(scope="module")
def theirs(owner_url: str, http: TestClient, pool: Pool, chat_handler: Callable[[Any, Any], Any]) -> Belongings:
    """Somebody else who has. The same for all tests of a module: none of them may change anything of theirs."""
    embedder, events = Embedder(), RecordingEvents()
    with (
        pytest.MonkeyPatch.context() as patch,
        answering(chat_handler, patch),
        psycopg.connect(owner_url, autocommit=True) as owner,
    ):
        patch.setattr(wiring, "embedder", lambda: embedder)
        patch.setattr(wiring, "events", lambda: events)
        return given_belongings(owner, User(http, pool))
