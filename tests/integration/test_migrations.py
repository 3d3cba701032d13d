"""Migrations, each test in a database of its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from app.platform import migrations


@pytest.fixture
def name(server_url: str) -> Iterator[str]:
    name = f"migrated-{uuid4()}"  # with a character that needs quoting
    yield name
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}"'.encode())


@pytest.fixture
def empty_url(server_url: str, name: str) -> str:
    migrations.ensure_database(server_url, name)
    return migrations.for_database(server_url, name)


ALL = sorted(path.stem for path in migrations.MIGRATIONS.glob("*.sql"))


def test_every_migration_is_applied_in_order(empty_url: str) -> None:
    assert migrations.migrate(empty_url) == ALL


def test_a_second_run_applies_nothing(empty_url: str) -> None:
    migrations.migrate(empty_url)

    assert migrations.migrate(empty_url) == []


def test_two_runs_at_once_wait_for_each_other(empty_url: str) -> None:
    with ThreadPoolExecutor(3) as threads:
        applied = list(threads.map(lambda _: migrations.migrate(empty_url), range(3)))

    assert sorted(applied) == [[], [], ALL]


def test_a_database_is_created_once(server_url: str, name: str) -> None:
    assert migrations.ensure_database(server_url, name)
    assert not migrations.ensure_database(server_url, name)


def test_a_database_created_by_several_at_once_is_created_by_one(server_url: str, name: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        created = list(threads.map(lambda _: migrations.ensure_database(server_url, name), range(4)))

    assert sorted(created) == [False, False, False, True]


def test_a_document_s_length_counts_repeated_words(owner: psycopg.Connection) -> None:
    length = owner.execute(
        "SELECT tsvector_token_count(to_tsvector('english', 'bread, bread and more bread'))"
    ).fetchone()
    of_nothing = owner.execute("SELECT tsvector_token_count(''::tsvector)").fetchone()

    assert length == (3,)
    assert of_nothing == (0,)


def test_a_document_s_length_is_kept_by_the_database_itself(owner: psycopg.Connection) -> None:
    generated = owner.execute(
        """
        SELECT is_generated FROM information_schema.columns WHERE table_name = 'item_search' AND column_name = 'doc_len'
        """
    ).fetchone()

    assert generated == ("ALWAYS",)


def test_a_secret_of_rds_becomes_a_url_that_verifies_tls() -> None:
    secret = {"username": "owner", "password": "p@ss/w:rd?", "host": "db.example", "port": 5432}

    url = migrations.url_from_rds_secret(secret)

    assert url.startswith("postgresql://owner:p%40ss%2Fw%3Ard%3F@db.example:5432/postgres?sslmode=verify-full")
    assert migrations.for_database(url, "collections").startswith(url.replace("/postgres?", "/collections?")[:70])
