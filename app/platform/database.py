"""PostgreSQL: a lazy pool, one transaction per use, always bound to a tenant."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from app.platform.errors import NotAuthenticated, Unavailable
from app.platform.settings import DatabaseSettings

Connection = psycopg.Connection[dict[str, Any]]

# The pool's own attempts stop before the request that asked for them gives up, so that the next request makes new ones.
# Left alone they come ever further apart, and whoever asks in between gets nothing, although the server is back.
_RECONNECT_S = 1

# Raised by the trigger `refuse_deleted_user` (migration 0011): the row would be of somebody who has left.
_DELETED_USER = "DU001"


class Database:
    """Connections are opened on first use and checked before each: a frozen Lambda wakes up with dead ones."""

    def __init__(self, settings: DatabaseSettings, *, sign_token: Callable[[str], str] | None = None) -> None:
        """Args:
        sign_token: makes the password for a libpq URL, when the server wants IAM tokens (they last 15 minutes).
        """
        self._settings = settings
        self._sign_token = sign_token
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._conninfo,
            connection_class=psycopg.Connection[dict[str, Any]],
            kwargs={
                "row_factory": dict_row,
                "connect_timeout": settings.database_connect_timeout_s,
                "options": f"-c statement_timeout={settings.database_statement_timeout_ms}",
            },
            min_size=0,
            max_size=settings.database_pool_size,
            timeout=settings.database_connect_timeout_s,
            reconnect_timeout=_RECONNECT_S,
            check=ConnectionPool.check_connection,
            num_workers=1,
            open=False,
        )

    @contextmanager
    def tenant(self, user_id: UUID) -> Iterator[Connection]:
        """One transaction that sees and writes this tenant's rows only; commits at the end of the block.

        Raises:
            Unavailable: no connection to be had, or it was lost.
            NotAuthenticated: a row was added for an account that is deleted; nothing was written.
        """
        with self._transaction() as connection:
            connection.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
            yield connection

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
    def _transaction(self) -> Iterator[Connection]:
        self._pool.open()
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout) as exc:
            raise Unavailable("The database cannot be reached.") from exc
        except psycopg.DatabaseError as exc:
            if exc.sqlstate == _DELETED_USER:
                raise NotAuthenticated("This account is deleted.") from exc
            raise

    def _conninfo(self) -> str:
        url = self._settings.database_url
        return with_password(url, self._sign_token(url)) if self._sign_token else url


def with_password(url: str, password: str) -> str:
    """The same libpq URL with a password in it (IAM tokens are full of characters that need quoting)."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
