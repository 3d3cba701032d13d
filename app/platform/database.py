"""PostgreSQL: a lazy pool, one transaction per use, always bound to a tenant."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout
from pydantic_core import from_json

from app.platform.errors import NotAuthenticated, Unavailable
from app.platform.settings import DatabaseSettings

Connection = psycopg.Connection[dict[str, Any]]

# The pool's own attempts stop before the request that asked for them gives up, so that the next request makes new ones.
# Left alone they come ever further apart, and whoever asks in between gets nothing, although the server is back.
_RECONNECT_S = 1

# One that was used so recently is not asked whether it lives. By the wall clock: it goes on while a Lambda is frozen.
_FRESH_S = 1.0

# Raised by the trigger `refuse_deleted_user` (migration 0011): the row would be of somebody who has left.
_DELETED_USER = "DU001"


class _Pooled(psycopg.Connection[dict[str, Any]]):
    used_at = 0.0


class Database:
    """Connections are opened on first use, and checked when they have lain idle: a frozen Lambda wakes with dead ones.

    They commit on their own as far as the driver knows, so that what begins a transaction and binds it to its tenant
    is one round trip.
    """

    def __init__(self, settings: DatabaseSettings, *, sign_token: Callable[[str], str] | None = None) -> None:
        """Args:
        sign_token: makes the password for a libpq URL, when the server wants IAM tokens (they last 15 minutes).
        """
        self._settings = settings
        self._sign_token = sign_token
        # By thread: the tenant whose block is open, and its connection.
        self._open = threading.local()
        self._pool: ConnectionPool[_Pooled] = ConnectionPool(
            self._conninfo,
            connection_class=_Pooled,
            kwargs={
                "row_factory": dict_row,
                "autocommit": True,
                "connect_timeout": settings.database_connect_timeout_s,
                "options": f"-c statement_timeout={settings.database_statement_timeout_ms}",
            },
            min_size=0,
            max_size=settings.database_pool_size,
            timeout=settings.database_connect_timeout_s,
            reconnect_timeout=_RECONNECT_S,
            configure=_configure,
            check=_check,
            num_workers=1,
            open=False,
        )

    @contextmanager
    def tenant(self, user_id: UUID) -> Iterator[Connection]:
        """One transaction that sees and writes this tenant's rows only; commits at the end of the block.

        Within a block of the same tenant and thread it is part of that one: what a request reads in several places
        costs one connection, one beginning and one commit. An error in it must end that block too.

        Raises:
            Unavailable: no connection to be had, or it was lost.
            NotAuthenticated: a row was added for an account that is deleted; nothing was written.
        """
        outer: tuple[UUID, Connection] | None = getattr(self._open, "block", None)
        if outer and outer[0] == user_id:
            yield outer[1]
            return
        with self._transaction(f"BEGIN; SET LOCAL app.user_id TO '{UUID(str(user_id))}'") as connection:
            self._open.block = (user_id, connection)
            try:
                yield connection
            finally:
                self._open.block = outer

    @contextmanager
    def all_tenants(self) -> Iterator[Connection]:
        """One transaction without a tenant. Row-level security lets only cleanup's role see anything in it."""
        with self._transaction() as connection:
            yield connection

    def ping(self) -> None:
        """One round trip.

        Raises:
            Unavailable: nobody answers.
        """
        with self._transaction() as connection:
            connection.execute("SELECT 1")

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _transaction(self, begin: str = "BEGIN") -> Iterator[Connection]:
        self._pool.open()
        try:
            with self._pool.connection() as connection:
                # Prepared, it could not be two statements.
                connection.execute(begin.encode(), prepare=False)
                yield connection
                connection.used_at = time.time()
        except (psycopg.OperationalError, PoolTimeout) as exc:
            raise Unavailable("The database cannot be reached.") from exc
        except psycopg.DatabaseError as exc:
            if exc.sqlstate == _DELETED_USER:
                raise NotAuthenticated("This account is deleted.") from exc
            raise

    def _conninfo(self) -> str:
        url = self._settings.database_url
        return with_password(url, self._sign_token(url)) if self._sign_token else url


def _configure(connection: _Pooled) -> None:
    """JSON is read by Pydantic's parser, in a quarter of the standard library's time: a page has fifty analyses."""
    set_json_loads(from_json, connection)


def _check(connection: _Pooled) -> None:
    if time.time() - connection.used_at > _FRESH_S:
        ConnectionPool.check_connection(connection)


def with_password(url: str, password: str) -> str:
    """The same libpq URL with a password in it (IAM tokens are full of characters that need quoting)."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
