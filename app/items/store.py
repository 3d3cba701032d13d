"""The rows of `items`: added within the room there is, found, edited and deleted. Lists and stages have their own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.items.columns import COLUMNS
from app.items.lists import ItemLists
from app.items.models import Item
from app.items.work import ItemWork
from app.platform.database import Connection
from app.platform.errors import PreconditionFailed, QuotaExceeded, Unavailable

# Nobody knows when a full collection has room again.
_FULL_ASK_AGAIN_S = 3600
# What is the user's own.
EDITABLE = ("title", "notes", "tags", "category", "favorite")


@dataclass(frozen=True, slots=True)
class NewItem:
    """What is known of an item before its image was looked at."""

    user_id: UUID
    item_id: UUID
    object_key: str
    original_filename: str
    mime_type: str
    file_size: int
    # Only when we hashed the bytes ourselves: a client's claim must not shadow somebody's real image.
    sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """How many items and bytes one user may keep."""

    items: int
    bytes: int


class ItemStore(ItemLists, ItemWork):
    """All that can be done to items. Every method is one transaction, bound to one tenant."""

    def add(self, new: NewItem, *, room: Room | None = None) -> tuple[Item, bool]:
        """Insert an item. Returns it and True, or the item that already has these bytes or this object and False.

        Raises:
            QuotaExceeded: there is no room for it.
        """
        with self._database.tenant(new.user_id) as connection:
            added = _insert(connection, [new], room)
            if added:
                return added[0], True
            row = connection.execute(SELECT_TWIN, [new.user_id, new.sha256, new.object_key]).fetchone()
            if row is None and room:
                _refuse_if_full(connection, [new], room)
        if row is None:
            # It was deleted between the two statements: trying again inserts.
            raise Unavailable("The image is being deleted. Try again.", retry_after=1)
        return Item.from_row(row), False

    def add_all(self, news: Sequence[NewItem], *, room: Room) -> list[Item]:
        """Insert one tenant's items under keys that nobody has, all or none.

        Raises:
            QuotaExceeded: there is no room for all of them.
        """
        if not news:
            return []
        with self._database.tenant(news[0].user_id) as connection:
            added = {item.item_id: item for item in _insert(connection, news, room)}
            if not added:
                _refuse_if_full(connection, news, room)
        return [added[new.item_id] for new in news]

    def get(self, user_id: UUID, item_id: UUID) -> Item | None:
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_ONE, [user_id, item_id]).fetchone()
        return Item.from_row(row) if row else None

    def get_many(self, user_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, Item]:
        """Those of these items that are there, by id."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_MANY, [user_id, list(item_ids)]).fetchall()
        return {row["item_id"]: Item.from_row(row) for row in rows}

    def duplicate_of(self, user_id: UUID, item_id: UUID) -> Item | None:
        """The item that the bytes of an upload turned out to be, by the id that the upload was given."""
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_DUPLICATE_OF, [user_id, item_id]).fetchone()
        return Item.from_row(row) if row else None

    def find_by_sha256(self, user_id: UUID, digests: Sequence[bytes]) -> dict[bytes, Item]:
        """The user's items among these digests."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_BY_SHA256, [user_id, list(digests)]).fetchall()
        return {row["sha256"]: Item.from_row(row) for row in rows}

    def edit(
        self,
        user_id: UUID,
        item_id: UUID,
        changes: Mapping[str, Any],
        *,
        versions: Sequence[datetime] | None = None,
        then: Callable[[Connection, Item], bool],
    ) -> tuple[Item, bool] | None:
        """Change the user's own fields, and run `then` in the same transaction. Returns the item and what that said.

        Args:
            changes: of `EDITABLE`, new values by name.
            versions: change it only if its last change was at one of these moments.

        Raises:
            PreconditionFailed: it was not.
        """
        assignments = ", ".join(f"{name} = %({name})s" for name in EDITABLE if name in changes)
        statement = EDIT.format(assignments=f"{assignments}, " if assignments else "")
        with self._database.tenant(user_id) as connection:
            row = connection.execute(
                statement.encode(), dict(changes) | {"user_id": user_id, "item_id": item_id, "versions": versions}
            ).fetchone()
            if row is None:
                _refuse_if_there(connection, user_id, item_id)
                return None
            item = Item.from_row(row)
            return item, then(connection, item)

    def mark_deleted(self, user_id: UUID, item_id: UUID, *, versions: Sequence[datetime] | None = None) -> Item | None:
        """Hide the item and fence out whoever works on it. None: no such item (or marked before and gone by now).

        Args:
            versions: as for `edit`.

        Raises:
            PreconditionFailed
        """
        parameters = {"user_id": user_id, "item_id": item_id, "versions": versions}
        with self._database.tenant(user_id) as connection:
            row = connection.execute(MARK_DELETED, parameters).fetchone()
            if row is None:
                _refuse_if_there(connection, user_id, item_id)
        return Item.from_row(row) if row else None

    def purge(self, user_id: UUID, item_id: UUID) -> None:
        """Remove a row marked deleted, and all that hangs below it."""
        with self._database.tenant(user_id) as connection:
            connection.execute(PURGE, [user_id, item_id])


def _insert(connection: Connection, news: Sequence[NewItem], room: Room | None) -> list[Item]:
    """Add what is not there yet, all of it or, where there is no room for all, none."""
    user_id = news[0].user_id
    if room:
        # Whoever adds at the same time waits, and then counts these too. Let go with the transaction.
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(user_id)])
    rows = connection.execute(
        INSERT,
        {
            "user_id": user_id,
            "item_ids": [new.item_id for new in news],
            "object_keys": [new.object_key for new in news],
            "filenames": [new.original_filename for new in news],
            "mime_types": [new.mime_type for new in news],
            "file_sizes": [new.file_size for new in news],
            "digests": [new.sha256 for new in news],
            "items": len(news),
            "bytes": sum(new.file_size for new in news),
            "items_max": room.items if room else None,
            "bytes_max": room.bytes if room else None,
        },
    ).fetchall()
    return [Item.from_row(row) for row in rows]


def _refuse_if_full(connection: Connection, news: Sequence[NewItem], room: Room) -> None:
    held = connection.execute(SELECT_HELD, {"user_id": news[0].user_id}).fetchone()
    assert held is not None
    if held["items"] + len(news) > room.items:
        raise QuotaExceeded(f"At most {room.items} items, and you have {held['items']}.", retry_after=_FULL_ASK_AGAIN_S)
    if held["bytes"] + sum(new.file_size for new in news) > room.bytes:
        raise QuotaExceeded(
            f"At most {room.bytes >> 20} MiB in all, and you have {held['bytes'] >> 20} MiB.",
            retry_after=_FULL_ASK_AGAIN_S,
        )


def _refuse_if_there(connection: Connection, user_id: UUID, item_id: UUID) -> None:
    if connection.execute(SELECT_ONE, [user_id, item_id]).fetchone():
        raise PreconditionFailed("The item was changed since. Look at it again.")


def lock(connection: Connection, user_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, Item]:
    """The items as they are now, and as they stay until the transaction ends. Who is gone is missing."""
    rows = connection.execute(LOCK, [user_id, list(item_ids)]).fetchall()
    return {row["item_id"]: Item.from_row(row) for row in rows}


SELECT_HELD = """
SELECT count(*) AS items, coalesce(sum(file_size), 0)::bigint AS bytes
FROM items WHERE user_id = %(user_id)s AND deleted_at IS NULL
"""

# Without maxima nobody counts.
INSERT = f"""
WITH held AS MATERIALIZED ({SELECT_HELD})
INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, sha256)
SELECT %(user_id)s, new.item_id, 'uploading', new.object_key, new.original_filename, new.mime_type, new.file_size,
  new.sha256
FROM unnest(
  %(item_ids)s::uuid[], %(object_keys)s::text[], %(filenames)s::text[], %(mime_types)s::text[],
  %(file_sizes)s::bigint[], %(digests)s::bytea[]
) AS new (item_id, object_key, original_filename, mime_type, file_size, sha256)
WHERE (%(items_max)s::bigint IS NULL OR (SELECT items FROM held) + %(items)s <= %(items_max)s)
  AND (%(bytes_max)s::bigint IS NULL OR (SELECT bytes FROM held) + %(bytes)s <= %(bytes_max)s)
ON CONFLICT DO NOTHING
RETURNING {COLUMNS}
"""

SELECT_TWIN = f"""
SELECT {COLUMNS} FROM items
WHERE user_id = %s AND (sha256 = %s OR object_key = %s) AND deleted_at IS NULL
ORDER BY created_at LIMIT 1
"""

SELECT_ONE = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND item_id = %s AND deleted_at IS NULL"

SELECT_MANY = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND item_id = ANY(%s) AND deleted_at IS NULL"

# In one order: two that lock the same items wait for each other, and not both for ever.
LOCK = f"""
SELECT {COLUMNS} FROM items WHERE user_id = %s AND item_id = ANY(%s) AND deleted_at IS NULL ORDER BY item_id FOR UPDATE
"""

SELECT_BY_SHA256 = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND sha256 = ANY(%s) AND deleted_at IS NULL"

SELECT_DUPLICATE_OF = f"""
SELECT {COLUMNS} FROM items WHERE deleted_at IS NULL AND (user_id, item_id) =
  (SELECT user_id, duplicate_of FROM duplicates WHERE user_id = %s AND item_id = %s)
"""

# Every statement that changes an item sets `updated_at`: it is the item's version (`app.platform.etags`).
IS_ONE_OF_THE_VERSIONS = "(%(versions)s::timestamptz[] IS NULL OR updated_at = ANY(%(versions)s::timestamptz[]))"

EDIT = f"""
UPDATE items SET {{assignments}}updated_at = now()
WHERE user_id = %(user_id)s AND item_id = %(item_id)s AND deleted_at IS NULL AND {IS_ONE_OF_THE_VERSIONS}
RETURNING {COLUMNS}
"""

MARK_DELETED = f"""
UPDATE items SET deleted_at = coalesce(deleted_at, now()), lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %(user_id)s AND item_id = %(item_id)s AND {IS_ONE_OF_THE_VERSIONS}
RETURNING {COLUMNS}
"""

PURGE = "DELETE FROM items WHERE user_id = %s AND item_id = %s AND deleted_at IS NOT NULL"
