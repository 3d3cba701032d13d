"""The rows of `items` as the pipeline moves them: claimed, finished behind the fence, released, begun anew."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import psycopg

from app.items.columns import COLUMNS
from app.items.models import Claim, Item, ItemRef, Stage, Status
from app.platform.database import Connection, Database
from app.platform.errors import Unavailable


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


class LeaseLost(Exception):
    """Somebody else took the item over, or it is gone: whatever was being written is rolled back."""


def nothing_more(_connection: Connection) -> None:
    """What else is to be done in a transaction: nothing."""


class ItemWork:
    """What stages do with one tenant's items; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

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


SELECT_BY_KEY = f"SELECT {COLUMNS} FROM items WHERE user_id = %s AND object_key = %s"

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

# The lock waits for a deletion or a replacement that is being committed, and then sees it.
INSERT_DUPLICATE = """
INSERT INTO duplicates (user_id, item_id, duplicate_of)
SELECT user_id, %s, item_id FROM items
WHERE user_id = %s AND item_id = %s AND sha256 = %s AND deleted_at IS NULL FOR SHARE
"""

LEAVE_FOR_DELETION = "UPDATE items SET deleted_at = now() WHERE user_id = %s AND item_id = %s"
