"""The rows of `analyses`."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID, uuid5

from psycopg.types.json import Jsonb
from pydantic import ValidationError

from app.analysis.models import CATEGORIES, Analysis, AnalysisDocument, Labels, ProviderAnswer
from app.items.models import Item
from app.platform.database import Connection, Database
from app.platform.errors import PermanentFailure


class AnalysisStore:
    """Reads; the one write happens inside the stage's finishing transaction (`save`)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, user_id: UUID, item_ids: list[UUID]) -> dict[UUID, Analysis]:
        """The newest version of each item that has one."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_LATEST, [user_id, item_ids]).fetchall()
        return {row["item_id"]: _analysis(row) for row in rows}

    def get(self, user_id: UUID, analysis_id: UUID) -> Analysis | None:
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_ONE, [user_id, analysis_id]).fetchone()
        return _analysis(row) if row else None

    def labels(self, user_id: UUID) -> Labels:
        """What the user calls things: at most 20 categories of their own and 50 tags; then labels used repeatedly."""
        parameters = {"user_id": user_id, "general": list(CATEGORIES)}
        with self._database.tenant(user_id) as connection:
            categories = connection.execute(SELECT_OWN_CATEGORIES, parameters).fetchall()
            tags = connection.execute(SELECT_LABELS, parameters).fetchall()
        return Labels(tuple(row["category"] for row in categories), tuple(row["label"] for row in tags))

    def versions(self, user_id: UUID, item_id: UUID) -> list[Analysis]:
        """All versions of one item's analysis, the newest first."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_VERSIONS, [user_id, item_id]).fetchall()
        return [_analysis(row) for row in rows]


def save(connection: Connection, item: Item, answer: ProviderAnswer) -> None:
    """Store the analysis of this generation; a repeated one replaces the first. Runs inside `finish`."""
    document = without_nul(answer.document.model_dump(mode="json"))
    connection.execute(
        UPSERT,
        {
            "user_id": item.user_id,
            "item_id": item.item_id,
            "analysis_id": uuid5(item.item_id, f"analysis:{item.generation}"),
            "version": item.generation,
            "raw_response": Jsonb(document),
            "provider": answer.provider,
            "model": answer.model,
            "prompt_version": answer.prompt_version,
            "trace_id": answer.trace_id,
            "input_tokens": answer.usage.input_tokens,
            "output_tokens": answer.usage.output_tokens,
            "cost_usd": answer.usage.cost_usd,
        },
    )
    connection.execute(SET_CATEGORY, [document["category"], item.user_id, item.item_id])


def latest_document(connection: Connection, item: Item) -> AnalysisDocument | None:
    """What the newest analysis says, within somebody else's transaction."""
    return latest_documents(connection, item.user_id, [item.item_id]).get(item.item_id)


def latest_documents(connection: Connection, user_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, AnalysisDocument]:
    """What the newest analysis of each item says that has one, within somebody else's transaction."""
    rows = connection.execute(SELECT_LATEST, [user_id, list(item_ids)]).fetchall()
    return {row["item_id"]: document_of(_analysis(row)) for row in rows}


def without_nul(value: Any) -> Any:
    """PostgreSQL stores no NUL character; providers that read pixels sometimes see one."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list):
        return [without_nul(entry) for entry in value]
    if isinstance(value, dict):
        return {key: without_nul(entry) for key, entry in value.items()}
    return value


def document_of(analysis: Analysis) -> AnalysisDocument:
    """Raises PermanentFailure for what is no document (any more): stored under another schema, or only made of NUL."""
    try:
        return AnalysisDocument.model_validate(analysis.raw_response)
    except ValidationError as exc:
        raise PermanentFailure("invalid_analysis", "The stored analysis cannot be read.") from exc


def _analysis(row: dict[str, Any]) -> Analysis:
    return Analysis(row["analysis_id"], *_REST(row))


_REST = itemgetter(*Analysis._fields[1:])

SELECT_LATEST = """
SELECT DISTINCT ON (item_id) * FROM analyses
WHERE user_id = %s AND item_id = ANY(%s)
ORDER BY item_id, version DESC
"""

# A deleted item's analyses are gone with it, also while its objects are still being removed.
SELECT_ONE = """
SELECT a.* FROM analyses AS a JOIN items AS i USING (user_id, item_id)
WHERE a.user_id = %s AND a.analysis_id = %s AND i.deleted_at IS NULL
"""

SELECT_OWN_CATEGORIES = """
SELECT category FROM items
WHERE user_id = %(user_id)s AND deleted_at IS NULL AND category <> ALL(%(general)s) AND char_length(category) <= 64
  AND btrim(category) <> ''
GROUP BY category ORDER BY count(*) DESC, category LIMIT 20
"""

# The user's tags before what analyses said, and of that only what the newest 500 said more than once.
SELECT_LABELS = """
WITH own AS (
  SELECT tag AS label, 0 AS place, count(*) AS uses FROM items CROSS JOIN unnest(tags) AS tag
  WHERE user_id = %(user_id)s AND deleted_at IS NULL GROUP BY tag
),
-- First which, then what they say: in one step all of them would be unpacked before they are sorted.
newest AS MATERIALIZED (
  SELECT analysis_id FROM analyses WHERE user_id = %(user_id)s ORDER BY created_at DESC LIMIT 500
),
sayings AS (
  SELECT raw_response -> 'subcategories' AS labels FROM analyses JOIN newest USING (analysis_id)
  WHERE user_id = %(user_id)s
),
said AS (
  SELECT label, 1 AS place, count(*) AS uses
  FROM sayings CROSS JOIN jsonb_array_elements_text(
    CASE jsonb_typeof(labels) WHEN 'array' THEN labels ELSE '[]' END) AS label
  GROUP BY label HAVING count(*) > 1
)
SELECT label FROM (SELECT * FROM own UNION ALL SELECT * FROM said) AS both_kinds
WHERE char_length(label) <= 64 AND btrim(label) <> ''
GROUP BY label ORDER BY min(place), sum(uses) DESC, label LIMIT 50
"""

SELECT_VERSIONS = "SELECT * FROM analyses WHERE user_id = %s AND item_id = %s ORDER BY version DESC"

UPSERT = """
INSERT INTO analyses (user_id, item_id, analysis_id, version, raw_response, provider_used, model_used,
  prompt_version, trace_id, input_tokens, output_tokens, cost_usd)
VALUES (%(user_id)s, %(item_id)s, %(analysis_id)s, %(version)s, %(raw_response)s, %(provider)s, %(model)s,
  %(prompt_version)s, %(trace_id)s, %(input_tokens)s, %(output_tokens)s, %(cost_usd)s)
ON CONFLICT (user_id, item_id, version) DO UPDATE SET
  raw_response = excluded.raw_response, provider_used = excluded.provider_used, model_used = excluded.model_used,
  prompt_version = excluded.prompt_version, trace_id = excluded.trace_id, input_tokens = excluded.input_tokens,
  output_tokens = excluded.output_tokens, cost_usd = excluded.cost_usd, created_at = now()
"""

SET_CATEGORY = "UPDATE items SET analyzed_category = %s WHERE user_id = %s AND item_id = %s"
