"""Reading many items: pages by keyset, and what a filter lets through, counted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.items.columns import COLUMNS
from app.items.models import Item, ItemFilter
from app.platform.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of one kind (`category`, `tag`, `status`), and how many items have it."""

    kind: str
    value: str
    count: int


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


class ItemLists:
    """Reads one tenant's items, many at a time; every method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_page(
        self, user_id: UUID, *, narrow: ItemFilter, order: Order, after: Position | None, limit: int
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

    def under_way(self, user_id: UUID, *, form_seconds: int) -> int:
        """How many of the user's items the pipeline still has to do; an upload counts while its form is good."""
        with self._database.tenant(user_id) as connection:
            return _scalar(connection, COUNT_UNDER_WAY, {"user_id": user_id, "form_seconds": form_seconds})

    def count_ready(self, user_id: UUID) -> int:
        with self._database.tenant(user_id) as connection:
            return _scalar(connection, COUNT_READY, {"user_id": user_id})

    def ready_after(self, user_id: UUID, item_id: UUID, *, limit: int) -> list[Item]:
        """Items that the pipeline is done with, by their ids."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_READY_AFTER, [user_id, item_id, limit]).fetchall()
        return [Item.from_row(row) for row in rows]


def _scalar(connection: Connection, statement: str, parameters: dict[str, Any]) -> int:
    row = connection.execute(statement.encode(), parameters).fetchone()
    return int(next(iter(row.values()))) if row else 0


def _conditions(user_id: UUID, narrow: ItemFilter) -> tuple[str, dict[str, Any]]:
    """The WHERE clause of a filter, from fixed pieces, and its parameters."""
    pieces = {
        "status = %(status)s": narrow.status,
        "effective_category = %(category)s": narrow.category,
        "item_id IN (SELECT item_id FROM item_tags WHERE user_id = %(user_id)s AND tag = %(tag)s)": narrow.tag,
        "favorite = %(favorite)s": narrow.favorite,
        "occurred_at >= %(occurred_from)s": narrow.occurred_from,
        "occurred_at < %(occurred_to)s": narrow.occurred_to,
    }
    used = [piece for piece, value in pieces.items() if value is not None]
    parameters: dict[str, Any] = {"user_id": user_id} | {
        name: getattr(narrow, name) for name in narrow.__slots__ if getattr(narrow, name) is not None
    }
    return " AND ".join(["user_id = %(user_id)s", "deleted_at IS NULL", *used]), parameters


def _order(expression: str, sql_type: str, value: Callable[[Item], Any], *, descending: bool) -> Order:
    direction, comparison = ("DESC", "<") if descending else ("ASC", ">")
    return Order(
        by=f"{expression} {direction}, item_id {direction}",
        behind=f"({expression}, item_id) {comparison} (%(after_value)s::{sql_type}, %(after_id)s)",
        value=value,
    )


COUNT_UNDER_WAY = """
SELECT count(*) AS under_way FROM items
WHERE user_id = %(user_id)s AND deleted_at IS NULL AND status NOT IN ('ready', 'failed')
  AND (status <> 'uploading' OR created_at > now() - make_interval(secs => %(form_seconds)s))
"""

COUNT_READY = """
SELECT count(*) AS items FROM items WHERE user_id = %(user_id)s AND status = 'ready' AND deleted_at IS NULL
"""

SELECT_READY_AFTER = f"""
SELECT {COLUMNS} FROM items WHERE user_id = %s AND status = 'ready' AND deleted_at IS NULL AND item_id > %s
ORDER BY item_id LIMIT %s
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
