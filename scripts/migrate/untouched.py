"""Opening somebody's SQLite file without leaving a trace: no journal, no lock file, no changed time."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from app.platform.errors import InvalidInput

_COMPANIONS = ("-wal", "-journal")


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that cannot write. Text that is no UTF-8 comes with surrogates in it.

    Where the application left something to be merged into the file (it is running, or was killed), a copy is read:
    SQLite would merge it where it lies.

    Raises:
        InvalidInput: there is no such file, or it is no SQLite database (any more).
    """
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.")
    with tempfile.TemporaryDirectory(prefix="collections-migrate-") as folder:
        left = [found for suffix in _COMPANIONS if (found := _companion(path, suffix)).exists() and _size(found)]
        if left:
            for source in (path, *left):
                shutil.copyfile(source, Path(folder) / source.name)
        read = Path(folder) / path.name if left else path.resolve()
        uri = f"{read.as_uri()}?mode={'rw' if left else 'ro&immutable=1'}"
        with _translated(path), closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "surrogateescape")
            connection.execute("PRAGMA query_only = on")
            # The first look at the file: what is no database is told here.
            connection.execute("SELECT count(*) FROM sqlite_master")
            yield connection


def tables(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as exc:
        raise InvalidInput(f"{path} cannot be read: {exc}.") from exc


def _companion(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _size(path: Path) -> int:
    return path.stat().st_size
