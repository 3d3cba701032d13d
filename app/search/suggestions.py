"""Type-ahead: the last word of a query completed by what the tenant has, or a tag of theirs by a part of it."""

import re
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from app.platform.database import Database

Kind = Literal["tag", "category", "term"]

_LAST_WORD = re.compile(r"[^\W_][\w-]*$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the last word may become, and how many items have it."""

    text: str
    kind: Kind
    count: int


def split(query: str) -> tuple[str, str]:
    """What is typed already, and the word being typed, in lower case ("" after a space)."""
    found = _LAST_WORD.search(query)
    return (query, "") if found is None else (query[: found.start()], found.group().lower())


class SuggestionStore:
    """Reads one tenant's tags, categories and words."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def complete(self, user_id: UUID, prefix: str, *, limit: int) -> list[Suggestion]:
        """The entries that begin with `prefix` (lower case, not empty) and go on: tags and categories before words."""
        return self._found(COMPLETE, user_id, prefix, limit)

    def tags(self, user_id: UUID, part: str, *, limit: int) -> list[Suggestion]:
        """The tags that have `part` (lower case, not empty) in them: those that begin with it first, then by use."""
        return self._found(TAGS, user_id, part, limit)

    def _found(self, statement: str, user_id: UUID, typed: str, limit: int) -> list[Suggestion]:
        escaped = re.sub(r"([\\%_])", r"\\\1", typed)
        parameters = {
            "user_id": user_id,
            "prefix": typed,
            "pattern": f"{escaped}%",
            "inside": f"%{escaped}%",
            "limit": limit,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement, parameters).fetchall()
        return [Suggestion(row["text"], row["kind"], row["count"]) for row in rows]


# A prefix is a range of item_words' key: everything from it up to it with the last code point behind.
COMPLETE = """
WITH own AS MATERIALIZED (
  SELECT tags, effective_category FROM items WHERE user_id = %(user_id)s AND deleted_at IS NULL
),
found AS (
  SELECT tag AS text, 'tag' AS kind, 1 AS place, count(*) AS count
  FROM own CROSS JOIN unnest(tags) AS tag WHERE lower(tag) LIKE %(pattern)s GROUP BY tag
  UNION ALL
  SELECT effective_category, 'category', 2, count(*)
  FROM own WHERE lower(effective_category) LIKE %(pattern)s GROUP BY effective_category
  UNION ALL
  SELECT word, 'term', 3, count(*)
  FROM item_words
  WHERE user_id = %(user_id)s AND word > %(prefix)s AND word < %(prefix)s || U&'\\+10FFFF' AND word <> %(prefix)s
  GROUP BY word
),
once AS (
  SELECT DISTINCT ON (lower(text)) text, kind, place, count FROM found ORDER BY lower(text), place
)
SELECT text, kind, count FROM once ORDER BY place > 2, count DESC, text LIMIT %(limit)s
"""

TAGS = """
SELECT tag AS text, 'tag' AS kind, count(*) AS count
FROM items CROSS JOIN unnest(tags) AS tag
WHERE user_id = %(user_id)s AND deleted_at IS NULL AND lower(tag) LIKE %(inside)s
GROUP BY tag
ORDER BY lower(tag) NOT LIKE %(pattern)s, count DESC, text LIMIT %(limit)s
"""
