"""Images from a folder to where their items wait for them. From there on it is the pipeline's business.

S3 announces every object, the image processor makes the renditions, the analyzer finds an analysis that is to be kept,
and the embedder a vector for the same text: neither provider is asked. An image that is there already, or that turns
out to be another item's, is told by its bytes.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app.items.models import Item, Status
from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.errors import InvalidInput
from scripts.migrate.previous import new_item_id
from scripts.migrate.report import Outcome, Rejected
from scripts.migrate.rows import WAITS_FOR, batches

# Files that are looked up together, and how many of them travel at once: so many are in memory.
BATCH, _AT_ONCE = 100, 8
_SENT, _ON_ITS_WAY = "sent", "on their way already"
# Left by machines, not by people.
_NOT_IMAGES = {".DS_Store", "Thumbs.db", ".gitkeep"}

# The old id that a file belongs to; None where nothing knows of it.
OldIdOf = Callable[[Path], str | None]


@dataclass(frozen=True, slots=True)
class Into:
    """Where images go: the stores of one cloud, and how large an image may be."""

    database: Database
    items: ItemStore
    images: ImageBucket
    max_bytes: int


def files(folder: Path) -> Iterator[Path]:
    """Every file below the folder, one at a time.

    Raises:
        InvalidInput: there is no such folder.
    """
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}.")
    for place, _, names in os.walk(folder):
        yield from (Path(place) / name for name in names if name not in _NOT_IMAGES)


def by_id(file: Path) -> str:
    """The previous application called a file as its item: ID.jpg."""
    return file.stem


def migrate(
    folder: Path,
    user_id: UUID,
    *,
    old_id_of: OldIdOf = by_id,
    into: Into,
    outcome: Outcome,
    dry_run: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Store what is not stored yet. Repeat it at any time.

    Raises:
        InvalidInput: there is no such folder.
        Unavailable: the database or the image store does not answer; what was done stays done.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for batch in batches(files(folder), BATCH):
            old_ids = [old_id_of(file) for file in batch]
            known = resolved(user_id, [old_id for old_id in old_ids if old_id], into.items)
            pairs = [(file, known.get(old_id) if old_id else None) for file, old_id in zip(batch, old_ids, strict=True)]
            stored = pool.map(lambda pair: _store(pair[0], pair[1], into, dry_run=dry_run), pairs)
            there: list[UUID] = []
            try:
                for (_, item), said in zip(pairs, stored, strict=True):
                    _count(said, outcome)
                    if item and said in (_SENT, _ON_ITS_WAY):
                        there.append(item.item_id)
                    advance(1)
            finally:
                if there and not dry_run:
                    _stop_waiting(user_id, there, into.database)


def _count(said: str | Rejected, outcome: Outcome) -> None:
    if isinstance(said, Rejected):
        outcome.reject(said)
    else:
        outcome.counts[said] += 1
    outcome.counts["files"] += 1


def resolved(user_id: UUID, old_ids: Sequence[str], items: ItemStore) -> dict[str, Item]:
    """By old ids, their items; that of the same image where it was there before."""
    found = items.get_many(user_id, [new_item_id(user_id, old_id) for old_id in old_ids])
    known = {old_id: found.get(new_item_id(user_id, old_id)) for old_id in old_ids}
    return {
        old_id: item
        for old_id, own in known.items()
        if (item := own or items.duplicate_of(user_id, new_item_id(user_id, old_id)))
    }


def _store(file: Path, item: Item | None, into: Into, *, dry_run: bool) -> str | Rejected:
    """What became of one file, in a few words."""
    if item is None:
        return Rejected("image", file.name, "there is no such item: run migrate-db first")
    if item.status is Status.FAILED:
        return Rejected("image", file.name, f"the pipeline refused it: {item.error_code}")
    if not 0 < file.stat().st_size <= into.max_bytes:
        return Rejected("image", file.name, f"empty, or larger than {into.max_bytes >> 20} MiB")
    body = file.read_bytes()
    if item.sha256 is not None:
        if item.sha256 == hashlib.sha256(body).digest():
            return "there already"
        return Rejected("image", file.name, "the item has another image by now")
    found = into.images.head(item.object_key)
    if dry_run:
        return _ON_ITS_WAY if found else "to be sent"
    if found is None:
        into.images.put(item.object_key, body, content_type=item.mime_type)
    return _ON_ITS_WAY if found else _SENT


def _stop_waiting(user_id: UUID, item_ids: Sequence[UUID], database: Database) -> None:
    """Their objects are there: from now on cleanup looks after them, should an event be lost."""
    with database.tenant(user_id) as connection:
        connection.execute(STOP_WAITING, [user_id, list(item_ids), WAITS_FOR])


@dataclass(frozen=True, slots=True)
class Progress:
    """How a user's items stand. `waiting`: no image came for them, or they wait for tomorrow's quota."""

    ready: int
    failed: int
    waiting: int
    under_way: int


def progress(user_id: UUID, database: Database) -> Progress:
    with database.tenant(user_id) as connection:
        row = connection.execute(COUNT_BY_PROGRESS, [user_id]).fetchone()
    assert row is not None
    return Progress(**row)


STOP_WAITING = """
UPDATE items SET waits_until = NULL, waits_for = NULL, updated_at = now()
WHERE user_id = %s AND item_id = ANY(%s) AND status = 'uploading' AND waits_for = %s
"""

COUNT_BY_PROGRESS = """
SELECT count(*) FILTER (WHERE status = 'ready') AS ready, count(*) FILTER (WHERE status = 'failed') AS failed,
  count(*) FILTER (WHERE status NOT IN ('ready', 'failed') AND waits_until > now()) AS waiting,
  count(*) FILTER (WHERE status NOT IN ('ready', 'failed') AND (waits_until IS NULL OR waits_until <= now()))
    AS under_way
FROM items WHERE user_id = %s AND deleted_at IS NULL
"""
