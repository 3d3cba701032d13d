"""Dumps of a database, and a database from a dump: made beside the old one, checked, and only then put in its place."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
from psycopg import sql

from app.platform import migrations
from scripts.console import fail
from scripts.deployed_database import check_version, program, split_password

Connection = psycopg.Connection[tuple[Any, ...]]

# A statement that waits for a lock has everybody else wait behind it.
_LOCK_TIMEOUT = "5s"
_FIRST_BYTES_OF_A_CUSTOM_DUMP = b"PGDMP"

_TABLES = """
SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname
"""
_IS_BOUND_BY_POLICIES = "SELECT NOT (rolsuper OR rolbypassrls) FROM pg_roles WHERE rolname = current_user"
_APPLIED = "SELECT migration_id FROM _yoyo_migration ORDER BY migration_id"
_END_SESSIONS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    has_policies: bool
    # Whether they bind the tables' owner, too.
    is_forced: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dump holds, written beside it: rows by table, as of the same moment."""

    taken_at: str
    server: str
    rows: dict[str, int]


# --- backing up -------------------------------------------------------------------------------------------------------


def back_up(url: str, path: Path) -> Manifest:
    """Write the database into a file that only its owner reads (pg_dump's custom format), and its manifest beside it.

    Args:
        url: of the schema's owner.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.part")
    os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        with _policies_lifted(url):
            manifest = _dump(url, unfinished)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    _manifest_path(path).write_text(json.dumps(asdict(manifest), indent=2) + "\n")
    unfinished.replace(path)
    return manifest


def manifest_of(dump: Path) -> Manifest | None:
    try:
        return Manifest(**json.loads(_manifest_path(dump).read_text()))
    except FileNotFoundError:
        return None


def _manifest_path(dump: Path) -> Path:
    return dump.with_suffix(".json")


def _dump(url: str, path: Path) -> Manifest:
    tool = program("pg_dump", url)
    with psycopg.connect(url) as connection:
        check_version(tool, server=connection.info.server_version // 10_000)
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        # Rows are counted in the very state that is dumped.
        (snapshot,) = _one(connection, "SELECT pg_export_snapshot()")
        rows = count_rows(connection)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        manifest = Manifest(moment, connection.info.parameter_status("server_version") or "", rows)
        options = ["--format=custom", "--no-owner", "--no-comments", f"--snapshot={snapshot}", f"--file={path}"]
        _run(tool, url, *options, "--dbname")
    return manifest


@contextmanager
def _policies_lifted(url: str) -> Iterator[None]:
    """Let the tables' owner see all rows meanwhile, where policies bind it: RDS knows no role that stands above them.

    The application's roles stay bound: they own no table. Killed in between, `make db-status` says so, and the
    next backup mends it.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        (is_bound,) = _one(connection, _IS_BOUND_BY_POLICIES)
        guarded = [table.name for table in tables(connection) if table.has_policies] if is_bound else []
        _force(connection, guarded, is_on=False)
        try:
            yield
        finally:
            _force(connection, guarded, is_on=True)


def _force(connection: Connection, names: list[str], *, is_on: bool) -> None:
    word = sql.SQL("FORCE" if is_on else "NO FORCE")
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(_LOCK_TIMEOUT)))
        for name in names:
            connection.execute(
                sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY").format(sql.Identifier("public", name), word)
            )


# --- restoring --------------------------------------------------------------------------------------------------------


def restore(url: str, dump: Path) -> dict[str, int]:
    """Put what a dump holds in the place of the database, migrated to today's schema. Returns its rows by table.

    Raises:
        typer.Exit: the dump is not one, is not of this application, or not all of it came back. Nothing was replaced.
    """
    rows: dict[str, int] = {}

    def fill(beside: str) -> None:
        _make_roles(url)
        _load(beside, dump)
        rows.update(_checked(beside, dump))
        migrations.migrate(beside)
        _protect(beside)

    replace_database(url, fill)
    return rows


def replace_database(url: str, fill: Callable[[str], object]) -> None:
    """Make a database beside the one of this URL, have it filled, and put it in its place. What was there is gone then.

    Args:
        fill: called with the new database's URL. When it fails nothing has changed.
    """
    name = urlsplit(url).path.lstrip("/")
    beside = f"{name}_new_{uuid4().hex[:8]}"
    with psycopg.connect(migrations.for_database(url, "postgres"), autocommit=True) as server:
        migrations.ensure_database(migrations.for_database(url, "postgres"), beside)
        try:
            fill(migrations.for_database(url, beside))
        except BaseException:
            _drop(server, beside)
            raise
        _swap(server, name, beside)


def _swap(server: Connection, name: str, beside: str) -> None:
    old = f"{name}_old_{uuid4().hex[:8]}"
    exists = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if exists:
        # A database that is in use cannot be renamed, and the functions come back the moment they are thrown out.
        _let_in(server, name, is_on=False)
        server.execute(_END_SESSIONS, [name])
    try:
        with server.transaction():
            if exists:
                server.execute(_rename(name, old))
            server.execute(_rename(beside, name))
    except BaseException:
        if exists:
            _let_in(server, name, is_on=True)
        _drop(server, beside)
        raise
    if exists:
        _drop(server, old)


def _rename(name: str, to: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(name), sql.Identifier(to))


def _let_in(server: Connection, name: str, *, is_on: bool) -> None:
    word = sql.SQL("true" if is_on else "false")
    server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(sql.Identifier(name), word))


def _drop(server: Connection, name: str) -> None:
    server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _make_roles(url: str) -> None:
    """Roles belong to the server and are in no dump. The migrations make them: they are run on an empty database."""
    scratch = f"roles_{uuid4().hex[:8]}"
    with psycopg.connect(migrations.for_database(url, "postgres"), autocommit=True) as server:
        migrations.ensure_database(migrations.for_database(url, "postgres"), scratch)
        try:
            migrations.migrate(migrations.for_database(url, scratch))
        finally:
            _drop(server, scratch)


def _load(url: str, dump: Path) -> None:
    with dump.open("rb") as file:
        is_custom = file.read(len(_FIRST_BYTES_OF_A_CUSTOM_DUMP)) == _FIRST_BYTES_OF_A_CUSTOM_DUMP
    if is_custom:
        _run(program("pg_restore", url), url, "--exit-on-error", "--no-owner", "--no-comments", str(dump), "--dbname")
    else:
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", f"--file={dump}")
        _run(program("psql", url), url, *options, "--dbname")


def _checked(url: str, dump: Path) -> dict[str, int]:
    """Rows by table, if they are what the manifest says."""
    with psycopg.connect(url, autocommit=True) as connection:
        there = tables(connection)
        if not {"items", "_yoyo_migration"} <= {table.name for table in there}:
            fail(f"{dump} is not of this application: it has no items. Nothing was changed.")
        # Nobody else is here yet, and the owner must see what it counts.
        _force(connection, [table.name for table in there if table.is_forced], is_on=False)
        rows = count_rows(connection)
    manifest = manifest_of(dump)
    if manifest and rows != manifest.rows:
        wrong = sorted(name for name in rows | manifest.rows if rows.get(name) != manifest.rows.get(name))
        fail(f"Other rows came back than {_manifest_path(dump).name} says, in {', '.join(wrong)}. Nothing was changed.")
    return rows


def _protect(url: str) -> None:
    """Policies bind everybody again, and the planner knows what there is."""
    with psycopg.connect(url, autocommit=True) as connection:
        _force(connection, [table.name for table in tables(connection) if table.has_policies], is_on=True)
        connection.execute("ANALYZE")


# --- looking ----------------------------------------------------------------------------------------------------------


def tables(connection: Connection) -> list[Table]:
    return [Table(*row) for row in connection.execute(_TABLES)]


def count_rows(connection: Connection) -> dict[str, int]:
    """By table, as many as this role can see."""
    return {
        table.name: _one(connection, sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("public", table.name)))[0]
        for table in tables(connection)
    }


def applied(connection: Connection) -> list[str]:
    """Ids of the migrations that were run here; none in an empty database."""
    if _one(connection, "SELECT to_regclass('public._yoyo_migration')") == (None,):
        return []
    return [row[0] for row in connection.execute(_APPLIED)]


def _one(connection: Connection, statement: Any) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row


def _run(tool: Path, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs; its last argument gets the URL. Ends with its own words when it fails."""
    bare, environment = split_password(url)
    *options, last = arguments
    done = subprocess.run(
        [tool, *options, f"{last}={bare}"], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        fail(f"{tool.name} failed:\n{done.stderr.strip()[-2000:]}")
