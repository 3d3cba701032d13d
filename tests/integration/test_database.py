"""Connections to real PostgreSQL: what an outage is, and when it is over."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
import pytest

from app.platform.database import Connection, Database
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
    database = Database(DatabaseSettings(database_url=url, database_connect_timeout_s=2, database_pool_size=4))
    yield database
    database.close()


def kill_connections(owner: psycopg.Connection, role: str) -> None:
    owner.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [role])


def lock_out(owner: psycopg.Connection, role: str) -> None:
    """As if the server were down: open connections break, new ones are refused."""
    owner.execute(f'ALTER ROLE "{role}" NOLOGIN')
    kill_connections(owner, role)


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


def test_a_connection_that_died_while_idle_is_not_given_to_anybody(
    owner: psycopg.Connection, role: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.ping()
    kill_connections(owner, role)
    later = time.time() + 60
    monkeypatch.setattr(time, "time", lambda: later)

    database.ping()


def test_one_that_died_just_after_it_was_used_costs_one_request_at_most(
    owner: psycopg.Connection, role: str, database: Database
) -> None:
    database.ping()
    kill_connections(owner, role)
    with suppress(Unavailable):
        database.ping()

    database.ping()


def test_a_tenant_is_bound_for_one_transaction_only(database: Database) -> None:
    bound = "SELECT current_setting('app.user_id', true) AS user_id"
    user_id = uuid4()
    for _ in range(7):  # more often than the driver waits before it prepares a statement
        with database.tenant(user_id) as connection:
            row = connection.execute(bound).fetchone()
            assert row == {"user_id": str(user_id)}
    with database.all_tenants() as connection:
        row = connection.execute(bound).fetchone()

    assert row == {"user_id": ""}


def test_what_fails_is_rolled_back_whole(owner: psycopg.Connection, role: str, database: Database) -> None:
    owner.execute(f'CREATE TABLE "{role}_t" (n int)')
    owner.execute(f'GRANT ALL ON "{role}_t" TO "{role}"')
    try:
        with pytest.raises(psycopg.errors.DivisionByZero):
            insert(database, role, 1, then="SELECT 1 / 0")
        insert(database, role, 2)

        assert owner.execute(f'SELECT n FROM "{role}_t"').fetchall() == [(2,)]
    finally:
        owner.execute(f'DROP TABLE "{role}_t"')


def insert(database: Database, role: str, number: int, *, then: str = "SELECT 1") -> None:
    with database.tenant(uuid4()) as connection:
        connection.execute(f'INSERT INTO "{role}_t" VALUES (%s)', [number])
        connection.execute(then)


def xid(connection: Connection) -> int:
    row = connection.execute("SELECT txid_current() AS it").fetchone()
    assert row is not None
    return int(row["it"])


def test_blocks_of_one_tenant_within_each_other_are_one_transaction(database: Database) -> None:
    user_id = uuid4()

    with database.tenant(user_id) as outer:
        with database.tenant(user_id) as inner:
            assert inner is outer
            first = xid(inner)
        assert xid(outer) == first

    with database.tenant(user_id) as later:
        assert xid(later) != first


def test_a_block_of_another_tenant_or_thread_is_its_own(database: Database) -> None:
    mine, yours = uuid4(), uuid4()

    def bound(user_id: UUID) -> tuple[int, str]:
        with database.tenant(user_id) as connection:
            row = connection.execute("SELECT current_setting('app.user_id') AS it").fetchone()
            assert row is not None
            return xid(connection), row["it"]

    with database.tenant(mine) as connection, ThreadPoolExecutor(1) as thread:
        outer = xid(connection)
        theirs, elsewhere = bound(yours), thread.submit(bound, mine).result()
        again = bound(mine)

    assert theirs[1] == str(yours)
    assert elsewhere[1] == again[1] == str(mine)
    assert len({outer, theirs[0], elsewhere[0]}) == 3
    assert again[0] == outer


def test_what_fails_within_another_block_ends_both(owner: psycopg.Connection, role: str, database: Database) -> None:
    user_id = uuid4()

    def fail_within() -> None:
        with database.tenant(user_id), database.tenant(user_id) as connection:
            kill_connections(owner, role)
            connection.execute("SELECT 1")

    with pytest.raises(Unavailable):
        fail_within()

    with database.tenant(user_id) as connection:
        assert xid(connection)
