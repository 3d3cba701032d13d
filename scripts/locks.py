"""One command at a time where two would write the same files. Standard library only: installing takes a lock, too."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Work in this folder alone. Whoever comes second is told so and waits, however long that takes.

    The kernel releases the lock when its process ends, however that ends. Not to be nested for the same folder: a
    process waits for itself, too.
    """
    path = _path(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+") as file:
        _lock(file, folder)
        # Read by those who wait, at any moment: written in one piece over who was here before.
        os.pwrite(file.fileno(), f"{os.getpid():<10}".encode(), 0)
        yield


def _path(folder: Path) -> Path:
    """Never in the folder itself: that may be removed and made anew under its lock. No two folders share one."""
    if folder.is_relative_to(ROOT):
        return ROOT / "build" / f"{quote(str(folder.relative_to(ROOT)), safe='')}.lock"
    return folder.with_name(f"{folder.name}.lock")


def _lock(file: TextIO, folder: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # Empty where the first ever has not come to it yet.
        owner = f"process {pid}" if (pid := file.read().strip()) else "another process"
        # On stderr: what a command prints may be somebody's input.
        print(f"› Waiting for {owner}, which works in {_named(folder)}", file=sys.stderr, flush=True)
        fcntl.flock(file, fcntl.LOCK_EX)


def _named(folder: Path) -> str:
    return os.path.relpath(folder, ROOT) if folder.is_relative_to(ROOT) else str(folder)
