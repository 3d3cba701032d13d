"""Runs the numbered SQL files of `migrations/` with yoyo, as the schema's owner."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.errors import DuplicateDatabase, UniqueViolation
from yoyo import get_backend, read_migrations
from yoyo.connections import DatabaseURI

from app.platform import concurrency

MIGRATIONS = Path(__file__).parent / "migrations"
# Amazon's certificate authorities for RDS, all regions.
RDS_CA = Path(__file__).parent / "rds-ca.pem"
# Any constant will do; it only has to be the same everywhere.
_LOCK = 0x636F6C6C


def migrate(database_url: str) -> list[str]:
    """Apply what is missing, in order, and return the ids applied.

    Two runs at once wait for each other: the advisory lock is the server's and ends with its session, where yoyo's own
    lock table would stay locked after a crash.

    Args:
        database_url: libpq URL of the schema's owner.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        backend = get_backend(_yoyo_uri(connection))
        try:
            pending = backend.to_apply(read_migrations(str(MIGRATIONS)))
            backend.apply_migrations(pending)
            _bound_roles(connection)
            return [migration.id for migration in pending]
        finally:
            backend.connection.close()


# `rolconfig` is a list of `name=value`.
ROLE = "SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = %s"


def _bound_roles(connection: psycopg.Connection) -> None:
    """Give the roles what the budget of connections says, where they have something else.

    Roles belong to the whole server, and the lock to one database: two that changed the same row at once would fail.
    """
    idle = f"idle_session_timeout={concurrency.IDLE_SECONDS}s"
    for role, limit in concurrency.role_limits().items():
        found = connection.execute(ROLE, [role]).fetchone()
        if found is None:
            continue  # a server on which the migration that makes it was not run
        name, (has_limit, configured) = sql.Identifier(role), found
        if has_limit != limit:
            connection.execute(sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(name, sql.Literal(limit)))
        if idle not in (configured or []):
            wanted = sql.Literal(idle.partition("=")[2])
            connection.execute(sql.SQL("ALTER ROLE {} SET idle_session_timeout = {}").format(name, wanted))


def ensure_database(admin_url: str, name: str) -> bool:
    """Create the database `name` if it is not there. Returns whether it was created."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            return False
        try:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except (DuplicateDatabase, UniqueViolation):
            return False  # somebody else just did
        return True


def for_database(url: str, name: str) -> str:
    """The same libpq URL with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def url_from_rds_secret(secret: Mapping[str, Any]) -> str:
    """The owner's libpq URL from the secret that RDS keeps, with TLS verified against the RDS authorities."""
    user, password = (quote(str(secret[key]), safe="") for key in ("username", "password"))
    return (
        f"postgresql://{user}:{password}@{secret['host']}:{secret['port']}/postgres"
        f"?sslmode=verify-full&sslrootcert={RDS_CA}"
    )


def _yoyo_uri(connection: psycopg.Connection) -> str:
    """The same server, database and owner in yoyo's terms (it wants a driver name and knows no libpq socket URLs)."""
    info = connection.info
    parameters = {key: value for key, value in info.get_parameters().items() if key.startswith("ssl")}
    if info.host.startswith("/"):
        parameters["host"] = info.host
    return str(
        DatabaseURI(
            scheme="postgresql+psycopg",
            username=info.user,
            password=info.password or None,
            hostname=None if info.host.startswith("/") else info.host,
            port=info.port,
            database=info.dbname,
            args=parameters,
        )
    )
