"""Connections to real PostgreSQL: what an outage is, and when it is over."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from app.platform.database import Database
from app.platform.errors import Unavailable
from app.platform.settings import DatabaseSettings


@pytest.fixture
def role(owner: psycopg.Connection) -> Iterator[str]:
    """A role of the test's own, to be locked out and let in again."""
    name = f"role_{uuid4().hex}"
    owner.execute(f'CREATE ROLE "{name}" LOGIN')
    yield name
    owner.execute(f'DROP ROLE "{name}"')


@pytest.fixture
def database(owner_url: str, role: str) -> Iterator[Database]:
    url = owner_url.replace("postgres@", f"{role}@")
    database = Database(DatabaseSettings(database_url=url, database_connect_timeout_s=2))
    yield database
    database.close()


def lock_out(owner: psycopg.Connection, role: str) -> None:
    """As if the server were down: open connections break, new ones are refused."""
    owner.execute(f'ALTER ROLE "{role}" NOLOGIN')
    owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])


def let_in(owner: psycopg.Connection, role: str) -> None:
    owner.execute(f'ALTER ROLE "{role}" LOGIN')


def test_an_outage_is_told_in_less_than_the_five_seconds_that_the_api_promises() -> None:
    assert DatabaseSettings(database_url="any").database_connect_timeout_s <= 4


def test_after_an_outage_the_first_request_is_served(owner: psycopg.Connection, role: str, database: Database) -> None:
    # Left to itself the pool waits ever longer between its attempts, and those who ask meanwhile get nothing.
    lock_out(owner, role)
    for _ in range(2):
        with pytest.raises(Unavailable):
            database.ping()
    let_in(owner, role)

    database.ping()
