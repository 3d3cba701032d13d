"""What PostgreSQL knows of one user: sums, everything in order, and a clean end."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import sql
from psycopg.types.json import Jsonb

from app.account.models import ExportedItem, Holdings
from app.items.columns import COLUMNS as ITEM_COLUMNS
from app.items.models import Item
from app.jobs.models import Job, Kind
from app.jobs.store import SELECT_LATEST, find_active, insert
from app.platform.database import Connection, Database
from app.platform.errors import Unavailable

# Rows of one table that one statement deletes: well within the statement's timeout, what hangs below them included.
_DELETE_AT_ONCE = 500
# Not emptied: the tombstone itself. Of jobs, the deletion's own stays until its user's last token has expired.
_KEPT = ("deleted_users",)


class AccountStore:
    """Every method is one transaction, bound to one tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def holdings(self, user_id: UUID) -> Holdings:
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_HOLDINGS, [user_id]).fetchone() or {}
        return Holdings(items=row.get("items", 0), bytes=int(row.get("bytes", 0)))

    # --- export --------------------------------------------------------------------------------------------------

    def holdings_before(self, user_id: UUID, moment: datetime) -> Holdings:
        """How much `page` will go through in all."""
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_HOLDINGS_BEFORE, [user_id, moment]).fetchone() or {}
        return Holdings(items=row.get("items", 0), bytes=int(row.get("bytes", 0)))

    def page(
        self, user_id: UUID, *, before: datetime, after: tuple[datetime, UUID] | None, limit: int
    ) -> list[ExportedItem]:
        """Items that were there at `before`, the oldest first, behind `after`; with their analyses."""
        behind = after or ("-infinity", UUID(int=0))
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_PAGE, [user_id, before, *behind, limit]).fetchall()
            items = [Item.from_row(row) for row in rows]
            said = connection.execute(SELECT_ANALYSES, [user_id, [item.item_id for item in items]]).fetchall()
        analyses: dict[UUID, list[dict[str, Any]]] = {item.item_id: [] for item in items}
        for row in said:
            analyses[row["item_id"]].append(row["analysis"])
        return [ExportedItem(item, analyses[item.item_id]) for item in items]

    def parts(self, user_id: UUID, job_id: UUID) -> Iterator[tuple[dict[str, Any], bytes, str]]:
        """Receipt, directory records and listing of each part of an archive that is stored, in order, one at a time."""
        part = 0
        while True:
            with self._database.tenant(user_id) as connection:
                row = connection.execute(SELECT_NEXT_PART, [user_id, job_id, part]).fetchone()
            if row is None:
                return
            part = row["part"]
            yield row["receipt"], row["directory"], row["listing"]

    # --- deletion ------------------------------------------------------------------------------------------------

    def start_deletion(self, user_id: UUID) -> Job:
        """From here on nothing can be added for this user. Asked again, the deletion that is on its way, or done."""
        with self._database.tenant(user_id) as connection:
            # First: waits for inserts under way, and for whoever asks for the same thing at the same time.
            connection.execute(INSERT_TOMBSTONE, [user_id])
            row = connection.execute(SELECT_LATEST, [user_id, Kind.DELETION]).fetchone()
            latest = Job.from_row(row) if row else None
            if latest and latest.error_code is None:
                return latest
            job = insert(connection, user_id, Kind.DELETION) or find_active(connection, user_id, Kind.DELETION)
        if job is None:
            raise Unavailable("The deletion could not be started. Try again.", retry_after=1)
        return job

    def is_deleted(self, user_id: UUID) -> bool:
        with self._database.tenant(user_id) as connection:
            return connection.execute(SELECT_TOMBSTONE, [user_id]).fetchone() is not None


class RowsOfUser:
    """`PersonalData` in PostgreSQL: every table that has a `user_id`, those included that were added after this."""

    name = "postgresql"

    def __init__(self, database: Database) -> None:
        self._database = database

    def remove_some(self, user_id: UUID) -> int:
        with self._database.tenant(user_id) as connection:
            for table in _tables(connection):
                statement = DELETE_SOME.format(table=sql.Identifier(table), spared=_spared(table))
                removed = connection.execute(statement, [user_id, user_id, _DELETE_AT_ONCE]).rowcount
                if removed:
                    return removed
        return 0

    def count(self, user_id: UUID) -> dict[str, int]:
        with self._database.tenant(user_id) as connection:
            return {table: _count(connection, table, user_id) for table in _tables(connection)}


def save_part(
    connection: Connection, job: Job, part: int, *, receipt: dict[str, Any], directory: bytes, listing: str
) -> None:
    """Note a part of an archive that is in S3. Runs in the transaction that keeps the job's state."""
    connection.execute(INSERT_PART, [job.user_id, job.job_id, part, Jsonb(receipt), directory, listing])


def forget_parts(connection: Connection, job: Job) -> None:
    connection.execute(DELETE_PARTS, [job.user_id, job.job_id])


def _tables(connection: Connection) -> list[str]:
    """Those with a user's rows, items first: most others hang below them and go with them."""
    rows = connection.execute(SELECT_TABLES).fetchall()
    names = sorted({row["table_name"] for row in rows} - {*_KEPT})
    return sorted(names, key=lambda name: name != "items")


def _spared(table: str) -> sql.SQL:
    return sql.SQL("AND kind <> 'deletion'" if table == "jobs" else "")


def _count(connection: Connection, table: str, user_id: UUID) -> int:
    statement = COUNT_ROWS.format(table=sql.Identifier(table), spared=_spared(table))
    row = connection.execute(statement, [user_id]).fetchone()
    return int(row["rows"]) if row else 0


SELECT_HOLDINGS = """
SELECT count(*) AS items, coalesce(sum(file_size), 0) AS bytes FROM items WHERE user_id = %s AND deleted_at IS NULL
"""

SELECT_HOLDINGS_BEFORE = f"{SELECT_HOLDINGS} AND created_at <= %s"

SELECT_PAGE = f"""
SELECT {ITEM_COLUMNS} FROM items
WHERE user_id = %s AND deleted_at IS NULL AND created_at <= %s AND (created_at, item_id) > (%s::timestamptz, %s)
ORDER BY created_at, item_id LIMIT %s
"""

# All columns, those that are added after this included.
SELECT_ANALYSES = """
SELECT item_id, to_jsonb(analyses) - 'user_id' - 'item_id' AS analysis FROM analyses
WHERE user_id = %s AND item_id = ANY(%s) ORDER BY item_id, version
"""

SELECT_NEXT_PART = """
SELECT part, receipt, directory, listing FROM export_parts
WHERE user_id = %s AND job_id = %s AND part > %s ORDER BY part LIMIT 1
"""

INSERT_PART = """
INSERT INTO export_parts (user_id, job_id, part, receipt, directory, listing) VALUES (%s, %s, %s, %s, %s, %s)
"""

DELETE_PARTS = "DELETE FROM export_parts WHERE user_id = %s AND job_id = %s"

INSERT_TOMBSTONE = "INSERT INTO deleted_users (user_id) VALUES (%s) ON CONFLICT DO NOTHING"

SELECT_TOMBSTONE = "SELECT 1 FROM deleted_users WHERE user_id = %s"

# Only tables that the application's role may delete from show here; tests/integration looks behind it as the owner.
SELECT_TABLES = """
SELECT table_name FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema = 'public' AND column_name = 'user_id' AND table_type = 'BASE TABLE'
"""

DELETE_SOME = sql.SQL("""
DELETE FROM {table} WHERE user_id = %s AND ctid = ANY(ARRAY(
  SELECT ctid FROM {table} WHERE user_id = %s {spared} LIMIT %s
))
""")

COUNT_ROWS = sql.SQL("SELECT count(*) AS rows FROM {table} WHERE user_id = %s {spared}")
