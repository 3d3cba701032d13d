"""Migrations, each test in a database of its own."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from app.platform import concurrency, migrations


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


@pytest.fixture
def owned_url(owner_url: str, server_url: str, name: str) -> Iterator[str]:
    """An empty database whose owner is no superuser, as on RDS; the application's roles are there already."""
    role = f"owner-{uuid4()}"
    migrations.ensure_database(server_url, name)
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'CREATE ROLE "{role}" LOGIN CREATEROLE'.encode())
        admin.execute(f'GRANT collections_app, collections_cleanup TO "{role}" WITH ADMIN OPTION'.encode())
        admin.execute(f'ALTER DATABASE "{name}" OWNER TO "{role}"'.encode())
    with psycopg.connect(migrations.for_database(server_url, name), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION vector")  # which RDS lets its master do
    yield migrations.for_database(server_url, name).replace("postgres@", f"{role}@")
    with psycopg.connect(server_url, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}"'.encode())
        admin.execute(f'DROP ROLE "{role}"'.encode())


def migrated_to(last: str, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave a database as it was when `last` (its number) was the newest migration."""
    for migration in migrations.MIGRATIONS.glob("*.sql"):
        if migration.name[: len(last)] <= last:
            shutil.copy(migration, folder)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", folder)
        migrations.migrate(url)


@contextmanager
def as_tenant(url: str, user_id: UUID) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url.replace(url.split("@")[0], "postgresql://collections_app")) as connection:
        connection.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
        yield connection


def test_what_was_findable_before_postings_is_findable_after(
    owned_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants, item_id, vector = [uuid4(), uuid4()], uuid4(), [0.6, -0.8] + [0.0] * 1022
    migrated_to("0007", owned_url, tmp_path, monkeypatch)
    for user_id in tenants:
        with as_tenant(owned_url, user_id) as connection:
            connection.execute(BEFORE_POSTINGS, {"user_id": user_id, "item_id": item_id, "vector": str(vector)})

    migrations.migrate(owned_url)

    for user_id in tenants:
        with as_tenant(owned_url, user_id) as connection:
            postings = connection.execute("SELECT lexeme, tf, doc_len, item_id FROM item_postings").fetchall()
            facts = connection.execute("SELECT doc_len, category, tags FROM item_search").fetchall()
            vectors = connection.execute(
                "SELECT embedding_model, document_hash, embedding <=> %s::halfvec, signature::text FROM item_vectors",
                [str(vector)],
            ).fetchall()
        assert sorted(postings) == [("bread", 2, 3, item_id), ("rye", 1, 3, item_id)]
        assert facts == [(3, "receipt", ["old"])]
        assert vectors == [("model-1", b"hash", pytest.approx(0, abs=1e-6), "1" + "0" * 1023)]


BEFORE_POSTINGS = """
WITH own AS (
  INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size)
  VALUES (%(user_id)s, %(item_id)s, 'ready', 'key', 'a.png', 'image/png', 1)
)
INSERT INTO item_search (user_id, item_id, category, tags, occurred_at, tsv, embedding, embedding_model, document_hash)
VALUES (%(user_id)s, %(item_id)s, 'receipt', '{old}', now(), to_tsvector('english', 'bread, rye bread'),
  %(vector)s::halfvec, 'model-1', 'hash')
"""


def test_tags_that_were_there_before_narrow_lists_after(
    owned_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants, item_id = [uuid4(), uuid4()], uuid4()
    migrated_to("0014", owned_url, tmp_path, monkeypatch)
    for user_id in tenants:
        with as_tenant(owned_url, user_id) as connection:
            connection.execute(TAGGED, [user_id, item_id, ["rome", "rome", str(user_id), "x" * 65]])

    migrations.migrate(owned_url)

    for user_id in tenants:
        with as_tenant(owned_url, user_id) as connection:
            tags = connection.execute("SELECT item_id, tag FROM item_tags").fetchall()
        assert sorted(tags) == sorted([(item_id, "rome"), (item_id, str(user_id))])


TAGGED = """
INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, tags)
VALUES (%s, %s, 'ready', 'key', 'a.png', 'image/png', 1, %s)
"""


def test_a_secret_of_rds_becomes_a_url_that_verifies_tls() -> None:
    secret = {"username": "owner", "password": "p@ss/w:rd?", "host": "db.example", "port": 5432}

    url = migrations.url_from_rds_secret(secret)

    assert url.startswith("postgresql://owner:p%40ss%2Fw%3Ard%3F@db.example:5432/postgres?sslmode=verify-full")
    assert migrations.for_database(url, "collections").startswith(url.replace("/postgres?", "/collections?")[:70])


def role_of(url: str, role: str) -> tuple[int, list[str]]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    assert found is not None
    return found[0], found[1]


@pytest.mark.parametrize("role", [concurrency.APP_ROLE, concurrency.CLEANUP_ROLE])
def test_roles_may_hold_what_the_budget_gives_them(empty_url: str, role: str) -> None:
    migrations.migrate(empty_url)

    limit, configured = role_of(empty_url, role)

    assert limit == concurrency.role_limits()[role]
    assert f"idle_session_timeout={concurrency.IDLE_SECONDS}s" in configured


def test_another_budget_changes_the_roles_although_no_migration_is_new(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations.migrate(empty_url)
    cleaner = concurrency.CLEANUP_ROLE
    wanted = concurrency.role_limits()[cleaner]

    with monkeypatch.context() as patch:
        patch.setattr(concurrency, "role_limits", lambda: {cleaner: wanted + 1})
        assert migrations.migrate(empty_url) == []
        raised, _ = role_of(empty_url, cleaner)
    migrations.migrate(empty_url)

    assert raised == wanted + 1
    assert role_of(empty_url, cleaner)[0] == wanted
