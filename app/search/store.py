"""The rows of `item_search`, and the one statement that searches them: exact BM25 and exact cosine, fused by rank."""

import hashlib
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from app.items.models import Item
from app.platform.database import Connection, Database
from app.platform.settings import SearchSettings
from app.search.models import Document, Hit, SearchFilter, SearchType


class SearchStore:
    """Searches one tenant's items, in one statement."""

    def __init__(self, database: Database, settings: SearchSettings) -> None:
        self._database = database
        self._settings = settings

    def search(
        self,
        user_id: UUID,
        *,
        query: str,
        vector: list[float] | None,
        embedding_model: str,
        search_type: SearchType,
        narrow: SearchFilter,
        top_k: int,
    ) -> list[Hit]:
        """The best `top_k`, best first, ties by item id.

        Args:
            query: the words; ignored by pure vector search.
            vector: (1024,) unit norm, or None to leave the vector arm out.
        """
        conditions, parameters = _conditions(narrow)
        statement = SEARCH.format(conditions=conditions)
        words, near = self._weights(search_type)
        parameters |= {
            "user_id": user_id,
            "query": query if words else "",
            "vector": HalfVector(vector).to_text() if vector and near else None,
            "model": embedding_model,
            "k1": self._settings.bm25_k1,
            "b": self._settings.bm25_b,
            "depth": max(self._settings.arm_depth, top_k),
            "c": self._settings.rrf_c,
            "bm25_weight": words,
            "vector_weight": near,
            "top_k": top_k,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement.encode(), parameters).fetchall()
        return [_hit(row, search_type) for row in rows]

    def _weights(self, search_type: SearchType) -> tuple[float, float]:
        """A mode is a pair of weights."""
        hybrid = (self._settings.hybrid_bm25_weight, self._settings.hybrid_vector_weight)
        return {SearchType.BM25: (1.0, 0.0), SearchType.VECTOR: (0.0, 1.0), SearchType.HYBRID: hybrid}[search_type]


def save(connection: Connection, item: Item, document: Document, vector: list[float], model: str) -> None:
    """Make an item findable, or findable anew. Runs inside `finish`."""
    connection.execute(
        UPSERT,
        {
            "user_id": item.user_id,
            "item_id": item.item_id,
            "headline": document.headline,
            "labels": document.labels,
            "body": document.body,
            "embedding": HalfVector(vector).to_text(),
            "model": model,
            "document_hash": hashlib.sha256(document.text.encode()).digest(),
        },
    )


def _hit(row: dict[str, Any], search_type: SearchType) -> Hit:
    score = {SearchType.BM25: row["bm25"], SearchType.VECTOR: row["similarity"], SearchType.HYBRID: row["fused"]}
    return Hit(
        item_id=row["item_id"],
        score=score[search_type],
        bm25=row["bm25"],
        similarity=row["similarity"],
        category=row["category"],
        headline=row["headline"],
        summary=row["summary"],
        metadata={
            "original_filename": row["original_filename"],
            "mime_type": row["mime_type"],
            "width": row["width"],
            "height": row["height"],
            "tags": row["tags"],
            "favorite": row["favorite"],
            "taken_at": row["taken_at"],
            "created_at": row["created_at"],
        },
    )


def _conditions(narrow: SearchFilter) -> tuple[str, dict[str, Any]]:
    """Conditions for both arms, appended only where they filter (`IS NULL OR` could not use the index)."""
    pieces = {
        "AND s.category = %(category)s": narrow.category,
        "AND s.tags @> %(tags)s": narrow.tags,
        "AND s.occurred_at >= %(occurred_from)s": narrow.occurred_from,
        "AND s.occurred_at < %(occurred_to)s": narrow.occurred_to,
    }
    used = " ".join(piece for piece, value in pieces.items() if value is not None)
    parameters = {name: getattr(narrow, name) for name in narrow.__slots__ if getattr(narrow, name) is not None}
    return used, parameters


UPSERT = """
INSERT INTO item_search (user_id, item_id, category, tags, favorite, occurred_at, tsv, embedding, embedding_model,
  document_hash)
SELECT user_id, item_id, effective_category, tags, favorite, occurred_at,
  setweight(to_tsvector('english', %(headline)s), 'A')
    || setweight(to_tsvector('english', %(labels)s), 'B')
    || setweight(to_tsvector('english', %(body)s), 'D'),
  %(embedding)s::halfvec, %(model)s, %(document_hash)s
FROM items WHERE user_id = %(user_id)s AND item_id = %(item_id)s
ON CONFLICT (user_id, item_id) DO UPDATE SET
  category = excluded.category, tags = excluded.tags, favorite = excluded.favorite,
  occurred_at = excluded.occurred_at, tsv = excluded.tsv, embedding = excluded.embedding,
  embedding_model = excluded.embedding_model, document_hash = excluded.document_hash
"""

# Lexical arm: Lucene's BM25, ln(1 + (N - df + .5)/(df + .5)) · tf/(tf + k1(1 - b + b·len/avg)), statistics per tenant.
# The term frequency comes out of ts_rank, which runs in C: for one term and equal weights it is Σ 1/j² ÷ 1.64493 over
# j = 1…tf, and that inverts exactly for the 255 positions that PostgreSQL keeps (tests/integration pins 1…255).
# Vector arm: exact cosine. An arm without input (no words, no vector) is empty; modes are weights.
SEARCH = """
WITH terms AS MATERIALIZED (
  SELECT cardinality(positions)::float8 AS qtf, term, term::tsquery AS query
  FROM (
    SELECT positions, '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS term
    FROM unnest(to_tsvector('english', %(query)s))
  ) AS quoted
),
corpus AS MATERIALIZED (
  SELECT count(*)::float8 AS n, greatest(avg(doc_len), 1)::float8 AS average
  FROM item_search AS s WHERE s.user_id = %(user_id)s {conditions}
),
postings AS MATERIALIZED (
  SELECT s.item_id, s.doc_len::float8, terms.term, terms.qtf,
    round(0.6079271 / (1.0000001 - ts_rank('{{1,1,1,1}}', s.tsv, terms.query)::float8) - 0.5) AS tf
  FROM item_search AS s JOIN terms ON s.tsv @@ terms.query
  WHERE s.user_id = %(user_id)s {conditions}
    AND s.tsv @@ (SELECT string_agg(term, ' | ')::tsquery FROM terms)
),
frequencies AS (
  SELECT term, count(*)::float8 AS df FROM postings GROUP BY term
),
lexical AS (
  SELECT *, row_number() OVER (ORDER BY bm25 DESC, item_id) AS place
  FROM (
    SELECT item_id, sum(
        qtf * ln(1 + (n - df + 0.5) / (df + 0.5)) * tf
        / (tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * doc_len / average))
      ) AS bm25
    FROM postings JOIN frequencies USING (term) CROSS JOIN corpus
    GROUP BY item_id
    ORDER BY bm25 DESC, item_id LIMIT %(depth)s
  ) AS best
),
semantic AS (
  SELECT item_id, 1 - distance AS similarity, row_number() OVER (ORDER BY distance, item_id) AS place
  FROM (
    SELECT s.item_id, s.embedding <=> %(vector)s::halfvec(1024) AS distance
    FROM item_search AS s
    WHERE %(vector)s::text IS NOT NULL AND s.user_id = %(user_id)s AND s.embedding_model = %(model)s {conditions}
    ORDER BY distance, s.item_id LIMIT %(depth)s
  ) AS nearest
),
fused AS (
  SELECT item_id, bm25, similarity,
    coalesce(%(bm25_weight)s::float8 / (%(c)s + lexical.place), 0)
      + coalesce(%(vector_weight)s::float8 / (%(c)s + semantic.place), 0) AS fused
  FROM lexical FULL JOIN semantic USING (item_id)
  ORDER BY fused DESC, item_id LIMIT %(top_k)s
)
SELECT fused.*, i.original_filename, i.mime_type, i.width, i.height, i.tags, i.favorite, i.taken_at, i.created_at,
  i.effective_category AS category,
  coalesce(i.title, a.raw_response ->> 'headline', i.original_filename) AS headline,
  coalesce(a.raw_response ->> 'summary', '') AS summary
FROM fused
JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = fused.item_id AND i.deleted_at IS NULL
LEFT JOIN LATERAL (
  SELECT raw_response FROM analyses
  WHERE user_id = %(user_id)s AND item_id = fused.item_id ORDER BY version DESC LIMIT 1
) AS a ON true
ORDER BY fused DESC, fused.item_id
"""
