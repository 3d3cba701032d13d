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
        return self._found(OWN_TAGS + COMPLETE, user_id, prefix, limit, tag="{}%")

    def tags(self, user_id: UUID, part: str, *, limit: int) -> list[Suggestion]:
        """The tags that have `part` (lower case, not empty) in them: those that begin with it first, then by use."""
        return self._found(OWN_TAGS + TAGS, user_id, part, limit, tag="%{}%")

    def _found(self, statement: str, user_id: UUID, typed: str, limit: int, *, tag: str) -> list[Suggestion]:
        """`tag`: the pattern of LIKE that tags are to fit, around what is typed."""
        escaped = re.sub(r"([\\%_])", r"\\\1", typed)
        parameters = {
            "user_id": user_id,
            "prefix": typed,
            "pattern": f"{escaped}%",
            "tag": tag.format(escaped),
            "limit": limit,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement, parameters).fetchall()
        return [Suggestion(row["text"], row["kind"], row["count"]) for row in rows]


# The tenant's different tags are stepped through in item_tags' key, one look-up for each. The rows of those that fit
# are counted, less those of items that are deleted and not purged yet. By the collation of the column itself only
# ASCII's capitals have lower case.
OWN_TAGS = """
WITH RECURSIVE own AS (
  (SELECT tag FROM item_tags WHERE user_id = %(user_id)s ORDER BY tag LIMIT 1)
  UNION ALL
  SELECT (
    SELECT further.tag FROM item_tags AS further
    WHERE further.user_id = %(user_id)s AND further.tag > own.tag ORDER BY further.tag LIMIT 1
  )
  FROM own WHERE own.tag IS NOT NULL
),
fitting AS (
  SELECT tag FROM own WHERE lower(tag COLLATE "default") LIKE %(tag)s
),
own_tags AS (
  SELECT tag COLLATE "default" AS text, 'tag' AS kind, count(*) AS count
  FROM fitting JOIN item_tags USING (tag)
  WHERE user_id = %(user_id)s
    AND item_id NOT IN (SELECT item_id FROM items WHERE user_id = %(user_id)s AND deleted_at IS NOT NULL)
  GROUP BY tag
)
"""

# A prefix is a range of item_words' key: everything from it up to it with the last code point behind.
COMPLETE = """
, found AS (
  SELECT text, kind, 1 AS place, count FROM own_tags
  UNION ALL
  SELECT effective_category, 'category', 2, count(*)
  FROM items
  WHERE user_id = %(user_id)s AND deleted_at IS NULL AND lower(effective_category) LIKE %(pattern)s
  GROUP BY effective_category
  UNION ALL
  SELECT word, 'term', 3, count(*)
  FROM item_words
  WHERE user_id = %(user_id)s AND word > %(prefix)s AND word < %(prefix)s || U&'\\+10FFFF' AND word <> %(prefix)s
  GROUP BY word
),
once AS (
  SELECT DISTINCT ON (lower(text)) text, kind, place, count FROM found ORDER BY lower(text), place, count DESC, text
)
SELECT text, kind, count FROM once ORDER BY place > 2, count DESC, text LIMIT %(limit)s
"""

TAGS = """
SELECT text, kind, count FROM own_tags
ORDER BY lower(text) NOT LIKE %(pattern)s, count DESC, text LIMIT %(limit)s
"""
