"""The rows of `items`: the API's reads and writes, and the pipeline's claim, fence and release."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from app.items.models import Claim, Item, ItemFilter, ItemRef, Stage, Status
from app.platform.database import Connection, Database
from app.platform.errors import PreconditionFailed, QuotaExceeded, Unavailable

COLUMNS = """
  user_id, item_id, status, generation, reuse_analysis, analysis_provider, analysis_model, attempts, lease_until,
  error_stage, error_code, error_message,
  object_key, object_etag, original_filename, mime_type, file_size, sha256, width, height, taken_at,
  title, notes, tags, category, favorite, created_at, updated_at, occurred_at,
  rendition_generation, waits_until, waits_for
"""


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


@dataclass(frozen=True, slots=True)
class Measured:
    """What the image itself said, once decoded. Sizes in pixels, as displayed (orientation applied)."""

    mime_type: str
    file_size: int
    sha256: bytes
    etag: str
    width: int
    height: int
    taken_at: datetime | None
    phash: int


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """An item that looks the same: `distance` of the 64 bits of the perceptual hashes differ."""

    item_id: UUID
    distance: int


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of one kind (`category`, `tag`, `status`), and how many items have it."""

    kind: str
    value: str
    count: int


class LeaseLost(Exception):
    """Somebody else took the item over, or it is gone: whatever was being written is rolled back."""


def nothing_more(_connection: Connection) -> None:
    """What else is to be done in a transaction: nothing."""


class ItemStore:
    """Every method is one transaction, bound to one tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # --- what the API does ---------------------------------------------------------------------------------------

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

    def under_way(self, user_id: UUID, *, form_seconds: int) -> int:
        """How many of the user's items the pipeline still has to do; an upload counts while its form is good."""
        with self._database.tenant(user_id) as connection:
            return _scalar(connection, COUNT_UNDER_WAY, {"user_id": user_id, "form_seconds": form_seconds})

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

    def list_page(
        self, user_id: UUID, *, narrow: ItemFilter, order: "Order", after: "Position | None", limit: int
    ) -> tuple[list[Item], int]:
        """At most `limit` items behind `after`, and how many the filter lets through in all."""
        where, parameters = _conditions(user_id, narrow)
        count = f"SELECT count(*) AS total FROM items WHERE {where}"
        behind = f" AND {order.behind}" if after else ""
        page = f"SELECT {COLUMNS} FROM items WHERE {where}{behind} ORDER BY {order.by} LIMIT %(limit)s"
        if after:
            parameters |= {"after_value": after.value, "after_id": after.item_id}
        with self._database.tenant(user_id) as connection:
            total = _scalar(connection, count, parameters)
            rows = connection.execute(page.encode(), parameters | {"limit": limit}).fetchall()
        return [Item.from_row(row) for row in rows], total

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

    def near_duplicates(self, user_id: UUID, item: Item, *, within_bits: int) -> list[NearDuplicate]:
        """The user's other items that look like this one, the nearest first; none before its image was looked at."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(
                SELECT_NEAR_DUPLICATES, {"user_id": user_id, "item_id": item.item_id, "within_bits": within_bits}
            ).fetchall()
        return [NearDuplicate(**row) for row in rows]

    def facets(self, user_id: UUID, narrow: ItemFilter) -> list[Facet]:
        """How many of the items that the filter lets through are in which category, have which tag, which status."""
        where, parameters = _conditions(user_id, narrow)
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(FACETS.format(where=where).encode(), parameters).fetchall()
        return [Facet(row["kind"], row["value"], row["count"]) for row in rows]

    def months(self, user_id: UUID, narrow: ItemFilter) -> dict[str, int]:
        """How many of the items that the filter lets through are of which month (`2026-04`), the newest month first."""
        where, parameters = _conditions(user_id, narrow)
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(MONTHS.format(where=where).encode(), parameters).fetchall()
        return {row["month"]: row["count"] for row in rows}

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

    # --- what a rebuilt index is made of ---------------------------------------------------------------------------

    def count_ready(self, user_id: UUID) -> int:
        with self._database.tenant(user_id) as connection:
            return _scalar(connection, COUNT_READY, {"user_id": user_id})

    def ready_after(self, user_id: UUID, item_id: UUID, *, limit: int) -> list[Item]:
        """Items that the pipeline is done with, by their ids."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_READY_AFTER, [user_id, item_id, limit]).fetchall()
        return [Item.from_row(row) for row in rows]

    # --- what the pipeline does ----------------------------------------------------------------------------------

    def find_by_key(self, user_id: UUID, key: str) -> Item | None:
        """The item of an object, also when it is marked deleted."""
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_BY_KEY, [user_id, key]).fetchone()
        return Item.from_row(row) if row else None

    def restart(self, item: Item, *, mime_type: str, file_size: int) -> Item | None:
        """Send an item whose object was replaced through the pipeline anew. None: somebody else just did.

        Whatever was known of the old image goes at once, so that nobody finds the new one by it. Its analyses stay, as
        versions; so do the user's own words.
        """
        with self._database.tenant(item.user_id) as connection:
            row = connection.execute(
                RESTART, [mime_type, file_size, item.user_id, item.item_id, item.generation]
            ).fetchone()
            if row:
                connection.execute(HIDE_FROM_SEARCH, [item.user_id, item.item_id])
                connection.execute(HIDE_FROM_SUGGESTIONS, [item.user_id, item.item_id])
        return Item.from_row(row) if row else None

    def rework(
        self,
        item: Item,
        *,
        starting_as: Status,
        reuse_analysis: bool,
        provider: str | None = None,
        model: str | None = None,
    ) -> Item | None:
        """Send an item through the pipeline anew from one state on, analyzed by somebody in particular where named.

        None: it is gone, or somebody else just did.
        """
        with self._database.tenant(item.user_id) as connection:
            row = connection.execute(
                REWORK,
                [starting_as, reuse_analysis, provider, model, item.user_id, item.item_id, item.generation],
            ).fetchone()
        return Item.from_row(row) if row else None

    def claim(
        self, ref: ItemRef, stage: Stage, *, lease_seconds: int, then: Callable[[Connection], None] = nothing_more
    ) -> Claim | None:
        """Take the item for one stage, in one UPDATE; of any number of workers one wins.

        `then` runs in the same transaction: what it raises, the item is not claimed.
        """
        with self._database.tenant(ref.user_id) as connection:
            row = connection.execute(
                CLAIM,
                [stage.works_as, lease_seconds, ref.user_id, ref.item_id, ref.generation, list(stage.enters)],
            ).fetchone()
            if row:
                then(connection)
        return Claim(Item.from_row(row), row["lease_token"]) if row else None

    def finish(self, claim: Claim, stage: Stage, *, write: Callable[[Connection], None]) -> None:
        """Advance the status and `write` what the stage made, together, if the lease is still ours.

        Raises:
            LeaseLost: it is not; nothing was written.
            Unavailable: another item got these bytes just now; nothing was written.
        """
        item = claim.item
        try:
            with self._database.tenant(item.user_id) as connection:
                if not connection.execute(FINISH, [stage.leaves_as, item.user_id, item.item_id, claim.token]).rowcount:
                    raise LeaseLost(str(item.item_id))
                write(connection)
        except psycopg.errors.UniqueViolation as exc:
            # Two uploads of the same bytes finish at once: the retry will see the other one.
            raise Unavailable("The same image is being stored twice at once.", retry_after=1) from exc

    def fail(
        self,
        claim: Claim,
        stage: Stage,
        *,
        code: str,
        message: str,
        then: Callable[[Connection], None] = nothing_more,
    ) -> bool:
        """Give the item up for good, and do `then` with it. False: the lease was lost, and nothing was done."""
        item = claim.item
        with self._database.tenant(item.user_id) as connection:
            failed = connection.execute(
                FAIL, [stage.name, code, message, item.user_id, item.item_id, claim.token]
            ).rowcount
            if failed:
                then(connection)
        return bool(failed)

    def note_object(self, claim: Claim, etag: str) -> None:
        """Remember which bytes this attempt reads: other bytes under the same key are then known to be new.

        Raises:
            LeaseLost: somebody else reads them by now, and may see others.
        """
        item = claim.item
        with self._database.tenant(item.user_id) as connection:
            if not connection.execute(NOTE_OBJECT, [etag, item.user_id, item.item_id, claim.token]).rowcount:
                raise LeaseLost(str(item.item_id))

    def release(self, claim: Claim, *, then: Callable[[Connection], None] = nothing_more) -> bool:
        """Let go of an item that could not be finished now, so that the next attempt need not wait for the lease.

        `then` is done together with it. False: the lease was lost, and nothing was done.
        """
        item = claim.item
        with self._database.tenant(item.user_id) as connection:
            released = connection.execute(RELEASE, [item.user_id, item.item_id, claim.token]).rowcount
            if released:
                then(connection)
        return bool(released)

    def wait(self, ref: ItemRef, stage: Stage, *, seconds: int, reason: str) -> bool:
        """Have an item that could be claimed wait so long; cleanup moves it on then. False: it could not be."""
        with self._database.tenant(ref.user_id) as connection:
            parameters = [seconds, reason, ref.user_id, ref.item_id, ref.generation, list(stage.enters)]
            return bool(connection.execute(WAIT, parameters).rowcount)


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


def lock(connection: Connection, item: Item) -> Item | None:
    """The item as it is now, and as it stays until the transaction ends. None: it is gone."""
    row = connection.execute(LOCK, [item.user_id, item.item_id]).fetchone()
    return Item.from_row(row) if row else None


def save_measured(connection: Connection, item: Item, measured: Measured) -> None:
    """Write down what the image is. Runs inside `finish`."""
    connection.execute(
        SAVE_MEASURED,
        [
            measured.mime_type,
            measured.file_size,
            measured.sha256,
            measured.etag,
            measured.width,
            measured.height,
            measured.taken_at,
            measured.phash,
            item.user_id,
            item.item_id,
        ],
    )


def save_duplicate(connection: Connection, item: Item, first: Item) -> None:
    """Make an item's id a second name of the one that has its bytes. Its row is left for deletion. Inside `finish`.

    Raises:
        Unavailable: the other one has them no longer.
    """
    parameters = [item.item_id, first.user_id, first.item_id, first.sha256]
    if not connection.execute(INSERT_DUPLICATE, parameters).rowcount:
        raise Unavailable("The image with the same bytes is being deleted or replaced.", retry_after=1)
    connection.execute(LEAVE_FOR_DELETION, [item.user_id, item.item_id])


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

COUNT_UNDER_WAY = """
SELECT count(*) AS under_way FROM items
WHERE user_id = %(user_id)s AND deleted_at IS NULL AND status NOT IN ('ready', 'failed')
  AND (status <> 'uploading' OR created_at > now() - make_interval(secs => %(form_seconds)s))
"""

SELECT_TWIN = f"""
SELECT {COLUMNS} FROM items
WHERE user_id = %s AND (sha256 = %s OR object_key = %s) AND deleted_at IS NULL
ORDER BY created_at LIMIT 1
"""

SELECT_ONE = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND item_id = %s AND deleted_at IS NULL"

SELECT_MANY = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND item_id = ANY(%s) AND deleted_at IS NULL"

LOCK = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND item_id = %s AND deleted_at IS NULL FOR UPDATE"

COUNT_READY = """
SELECT count(*) AS items FROM items WHERE user_id = %(user_id)s AND status = 'ready' AND deleted_at IS NULL
"""

SELECT_READY_AFTER = f"""
SELECT {COLUMNS} FROM items WHERE user_id = %s AND status = 'ready' AND deleted_at IS NULL AND item_id > %s
ORDER BY item_id LIMIT %s
"""

SELECT_BY_KEY = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND object_key = %s"

SELECT_BY_SHA256 = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND sha256 = ANY(%s) AND deleted_at IS NULL"

SELECT_DUPLICATE_OF = f"""
SELECT {COLUMNS} FROM items WHERE deleted_at IS NULL AND (user_id, item_id) =
  (SELECT user_id, duplicate_of FROM duplicates WHERE user_id = %s AND item_id = %s)
"""

# The lock waits for a deletion or a replacement that is being committed, and then sees it.
INSERT_DUPLICATE = """
INSERT INTO duplicates (user_id, item_id, duplicate_of)
SELECT user_id, %s, item_id FROM items
WHERE user_id = %s AND item_id = %s AND sha256 = %s AND deleted_at IS NULL FOR SHARE
"""

LEAVE_FOR_DELETION = "UPDATE items SET deleted_at = now() WHERE user_id = %s AND item_id = %s"

# Every statement that changes an item sets `updated_at`: it is the item's version (`app.platform.etags`).
IS_ONE_OF_THE_VERSIONS = "(%(versions)s::timestamptz[] IS NULL OR updated_at = ANY(%(versions)s::timestamptz[]))"

EDIT = f"""
UPDATE items SET {{assignments}}updated_at = now()
WHERE user_id = %(user_id)s AND item_id = %(item_id)s AND deleted_at IS NULL AND {IS_ONE_OF_THE_VERSIONS}
RETURNING {COLUMNS}
"""

SELECT_NEAR_DUPLICATES = """
SELECT other.item_id, bit_count((other.phash # this.phash)::bit(64))::integer AS distance
FROM items this JOIN items other ON other.user_id = this.user_id AND other.item_id <> this.item_id
WHERE this.user_id = %(user_id)s AND this.item_id = %(item_id)s AND this.deleted_at IS NULL
  AND other.deleted_at IS NULL AND other.phash IS NOT NULL
  AND bit_count((other.phash # this.phash)::bit(64)) <= %(within_bits)s
ORDER BY distance, other.item_id
"""

MONTHS = """
SELECT to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month, count(*) AS count
FROM items WHERE {where} GROUP BY month ORDER BY month DESC
"""

# Most frequent first; of tags the first hundred.
FACETS = """
WITH chosen AS MATERIALIZED (SELECT effective_category, tags, status FROM items WHERE {where}),
counted AS (
  SELECT 'category' AS kind, effective_category AS value, count(*) AS count
  FROM chosen WHERE effective_category IS NOT NULL GROUP BY effective_category
  UNION ALL
  SELECT 'tag', tag, count(*) FROM chosen CROSS JOIN unnest(tags) AS tag GROUP BY tag
  UNION ALL
  SELECT 'status', status, count(*) FROM chosen GROUP BY status
)
SELECT kind, value, count
FROM (SELECT *, row_number() OVER (PARTITION BY kind ORDER BY count DESC, value) AS place FROM counted) AS placed
WHERE place <= 100 ORDER BY kind, place
"""

MARK_DELETED = f"""
UPDATE items SET deleted_at = coalesce(deleted_at, now()), lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %(user_id)s AND item_id = %(item_id)s AND {IS_ONE_OF_THE_VERSIONS}
RETURNING {COLUMNS}
"""

PURGE = "DELETE FROM items WHERE user_id = %s AND item_id = %s AND deleted_at IS NOT NULL"

RESTART = f"""
UPDATE items SET status = 'processing', generation = generation + 1, reuse_analysis = false,
  analysis_provider = NULL, analysis_model = NULL, lease_token = NULL, lease_until = NULL, attempts = 0,
  waits_until = NULL, waits_for = NULL, error_stage = NULL, error_code = NULL, error_message = NULL,
  mime_type = %s, file_size = %s, sha256 = NULL, object_etag = NULL, phash = NULL, width = NULL, height = NULL,
  taken_at = NULL, analyzed_category = NULL, rendition_generation = 0, updated_at = now()
WHERE user_id = %s AND item_id = %s AND generation = %s AND deleted_at IS NULL
RETURNING {COLUMNS}
"""

# Two statements behind it: they see what an embedder committed while `RESTART` waited for the row.
HIDE_FROM_SEARCH = "DELETE FROM item_search WHERE user_id = %s AND item_id = %s"
HIDE_FROM_SUGGESTIONS = "DELETE FROM item_words WHERE user_id = %s AND item_id = %s"

REWORK = f"""
UPDATE items SET status = %s, generation = generation + 1, reuse_analysis = %s, analysis_provider = %s,
  analysis_model = %s, lease_token = NULL, lease_until = NULL, attempts = 0, waits_until = NULL, waits_for = NULL,
  error_stage = NULL, error_code = NULL, error_message = NULL, updated_at = now()
WHERE user_id = %s AND item_id = %s AND generation = %s AND deleted_at IS NULL
RETURNING {COLUMNS}
"""

CLAIM = f"""
UPDATE items SET status = %s, lease_token = gen_random_uuid(), lease_until = now() + make_interval(secs => %s),
  attempts = attempts + 1, waits_until = NULL, waits_for = NULL, updated_at = now()
WHERE user_id = %s AND item_id = %s AND generation = %s AND status = ANY(%s)
  AND (lease_until IS NULL OR lease_until < now()) AND deleted_at IS NULL
RETURNING lease_token, {COLUMNS}
"""

WAIT = """
UPDATE items SET waits_until = now() + make_interval(secs => %s), waits_for = %s, updated_at = now()
WHERE user_id = %s AND item_id = %s AND generation = %s AND status = ANY(%s)
  AND (lease_until IS NULL OR lease_until < now()) AND deleted_at IS NULL
"""

FINISH = """
UPDATE items SET status = %s, lease_token = NULL, lease_until = NULL, attempts = 0,
  error_stage = NULL, error_code = NULL, error_message = NULL, updated_at = now()
WHERE user_id = %s AND item_id = %s AND lease_token = %s
"""

FAIL = """
UPDATE items SET status = 'failed', lease_token = NULL, lease_until = NULL,
  error_stage = %s, error_code = %s, error_message = %s, updated_at = now()
WHERE user_id = %s AND item_id = %s AND lease_token = %s
"""

NOTE_OBJECT = "UPDATE items SET object_etag = %s WHERE user_id = %s AND item_id = %s AND lease_token = %s"

RELEASE = """
UPDATE items SET lease_token = NULL, lease_until = NULL, updated_at = now()
WHERE user_id = %s AND item_id = %s AND lease_token = %s
"""

SAVE_MEASURED = """
UPDATE items SET mime_type = %s, file_size = %s, sha256 = %s, object_etag = %s, width = %s, height = %s, taken_at = %s,
  phash = %s, rendition_generation = generation
WHERE user_id = %s AND item_id = %s
"""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the value it was sorted by, and the item's id to break ties."""

    value: Any
    item_id: UUID


@dataclass(frozen=True, slots=True)
class Order:
    """A sort order as SQL, and the keyset condition that continues it."""

    by: str
    behind: str
    # The sort key of an item, as it is compared in SQL.
    value: Callable[[Item], Any]


def _order(expression: str, sql_type: str, value: Callable[[Item], Any], *, descending: bool) -> Order:
    direction, comparison = ("DESC", "<") if descending else ("ASC", ">")
    return Order(
        by=f"{expression} {direction}, item_id {direction}",
        behind=f"({expression}, item_id) {comparison} (%(after_value)s::{sql_type}, %(after_id)s)",
        value=value,
    )


ORDERS = {
    "created_at": _order("created_at", "timestamptz", lambda item: item.created_at, descending=False),
    "-created_at": _order("created_at", "timestamptz", lambda item: item.created_at, descending=True),
    "taken_at": _order("occurred_at", "timestamptz", lambda item: item.occurred_at, descending=False),
    "-taken_at": _order("occurred_at", "timestamptz", lambda item: item.occurred_at, descending=True),
    "title": _order(
        "shown_title",
        "text",
        lambda item: item.original_filename if item.title is None else item.title,
        descending=False,
    ),
}


def _conditions(user_id: UUID, narrow: ItemFilter) -> tuple[str, dict[str, Any]]:
    """The WHERE clause of a filter, from fixed pieces, and its parameters."""
    pieces = {
        "status = %(status)s": narrow.status,
        "effective_category = %(category)s": narrow.category,
        "tags @> ARRAY[%(tag)s]": narrow.tag,
        "favorite = %(favorite)s": narrow.favorite,
        "occurred_at >= %(occurred_from)s": narrow.occurred_from,
        "occurred_at < %(occurred_to)s": narrow.occurred_to,
    }
    used = [piece for piece, value in pieces.items() if value is not None]
    parameters: dict[str, Any] = {"user_id": user_id} | {
        name: getattr(narrow, name) for name in narrow.__slots__ if getattr(narrow, name) is not None
    }
    return " AND ".join(["user_id = %(user_id)s", "deleted_at IS NULL", *used]), parameters


def _scalar(connection: Connection, statement: str, parameters: dict[str, Any]) -> int:
    row = connection.execute(statement.encode(), parameters).fetchone()
    return int(next(iter(row.values()))) if row else 0
