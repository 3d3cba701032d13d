"""The rows of `item_search`, and the one statement that searches them: exact BM25 and exact cosine, fused."""

import hashlib
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from app.items.models import Item
from app.platform.database import Connection, Database
from app.platform.settings import SearchSettings
from app.search.models import MARK_END, MARK_START, Document, Evidence, Hit, Ranking, SearchFilter, SearchType


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
    ) -> Ranking:
        """The best `top_k`, best first, ties by item id; and the evidence for there being an answer.

        Args:
            query: the words; pure vector search ranks without them.
            vector: (1024,) unit norm, or None to leave the vector arm out.
        """
        conditions, parameters = _conditions(narrow)
        statement = SEARCH.format(conditions=conditions, fusion=FUSIONS[self._settings.hybrid_fusion])
        words, near = self._weights(search_type)
        parameters |= {
            "user_id": user_id,
            "query": query,
            "vector": HalfVector(vector).to_text() if vector and near else None,
            "model": embedding_model,
            "k1": self._settings.bm25_k1,
            "b": self._settings.bm25_b,
            "depth": max(self._settings.arm_depth, top_k),
            "words_depth": max(self._settings.arm_depth, top_k) if words else 0,
            "c": self._settings.rrf_c,
            "bm25_weight": words,
            "vector_weight": near,
            "top_k": top_k,
            "background_items": self._settings.background_items,
            "raw_marks": _RAW_START + _RAW_END,
            "whole": _WHOLE,
            "parts": _PARTS,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement.encode(), parameters).fetchall()
        return Ranking([_hit(row, search_type) for row in rows], _evidence(rows))

    def embedded(self, user_id: UUID, item_ids: list[UUID]) -> dict[UUID, tuple[bytes, str]]:
        """Of which text (its fingerprint) and by which model these items have vectors."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_EMBEDDED, [user_id, item_ids]).fetchall()
        return {row["item_id"]: (bytes(row["document_hash"]), row["embedding_model"]) for row in rows}

    def similar(self, user_id: UUID, item_id: UUID, *, top_k: int) -> list[Hit]:
        """The items nearest to one by exact cosine, nearest first, ties by id, itself left out."""
        parameters = {
            "user_id": user_id,
            "item_id": item_id,
            "top_k": top_k,
            "near_duplicate_bits": self._settings.near_duplicate_bits,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SIMILAR.encode(), parameters).fetchall()
        return [_hit(row, SearchType.VECTOR) for row in rows]

    def _weights(self, search_type: SearchType) -> tuple[float, float]:
        """A mode is a pair of weights."""
        chosen = self._settings
        hybrid = {
            "scores": (chosen.hybrid_bm25_weight, chosen.hybrid_vector_weight),
            "ranks": (chosen.rrf_bm25_weight, chosen.rrf_vector_weight),
        }[chosen.hybrid_fusion]
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
            "document_hash": fingerprint(document),
        },
    )
    _save_words(connection, item, document)


def refresh(connection: Connection, item: Item, document: Document) -> None:
    """Renew everything but the vector, whose text did not change. Runs inside `finish`."""
    connection.execute(
        REFRESH,
        {
            "user_id": item.user_id,
            "item_id": item.item_id,
            "headline": document.headline,
            "labels": document.labels,
            "body": document.body,
        },
    )
    _save_words(connection, item, document)


def _save_words(connection: Connection, item: Item, document: Document) -> None:
    """What type-ahead completes for this item, from now on."""
    connection.execute(FORGET_WORDS, [item.user_id, item.item_id])
    connection.execute(SAVE_WORDS, [item.user_id, item.item_id, document.words])


def embedded_text(connection: Connection, item: Item) -> bytes | None:
    """The fingerprint of the text that the item's vector stands for; None without one."""
    row = connection.execute(SELECT_EMBEDDED, [item.user_id, [item.item_id]]).fetchone()
    return bytes(row["document_hash"]) if row else None


def fingerprint(document: Document) -> bytes:
    """SHA-256 of the text that is embedded."""
    return hashlib.sha256(document.text.encode()).digest()


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
        matched_terms=row["matched_terms"],
        highlights=[marked(text) for text in row["highlights"]],
        near_duplicate=bool(row.get("near_duplicate")),
    )


def _evidence(rows: list[dict[str, Any]]) -> Evidence:
    """Every row carries it; without rows nothing was found, and there is none."""
    if not rows:
        return Evidence(known=None)
    first = rows[0]
    return Evidence(first["known"], first["compared"], first["nearest"], first["mean"], first["deviation"])


def marked(text: str) -> str:
    """A text from `ts_headline`, whose marks are characters that no text has, with the marks that front ends get."""
    for mark in (MARK_START, MARK_END):
        text = text.replace(mark, " ".join(mark))
    return text.replace(_RAW_START, MARK_START).replace(_RAW_END, MARK_END)


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


SELECT_EMBEDDED = """
SELECT item_id, document_hash, embedding_model FROM item_search WHERE user_id = %s AND item_id = ANY(%s)
"""

_TSV = """setweight(to_tsvector('english', %(headline)s), 'A')
    || setweight(to_tsvector('english', %(labels)s), 'B')
    || setweight(to_tsvector('english', %(body)s), 'D')"""

REFRESH = f"""
UPDATE item_search AS s SET category = i.effective_category, tags = i.tags, favorite = i.favorite,
  occurred_at = i.occurred_at, tsv = {_TSV}
FROM items AS i
WHERE i.user_id = %(user_id)s AND i.item_id = %(item_id)s AND s.user_id = i.user_id AND s.item_id = i.item_id
"""

UPSERT = f"""
INSERT INTO item_search (user_id, item_id, category, tags, favorite, occurred_at, tsv, embedding, embedding_model,
  document_hash)
SELECT user_id, item_id, effective_category, tags, favorite, occurred_at,
  {_TSV},
  %(embedding)s::halfvec, %(model)s, %(document_hash)s
FROM items WHERE user_id = %(user_id)s AND item_id = %(item_id)s
ON CONFLICT (user_id, item_id) DO UPDATE SET
  category = excluded.category, tags = excluded.tags, favorite = excluded.favorite,
  occurred_at = excluded.occurred_at, tsv = excluded.tsv, embedding = excluded.embedding,
  embedding_model = excluded.embedding_model, document_hash = excluded.document_hash
"""

FORGET_WORDS = "DELETE FROM item_words WHERE user_id = %s AND item_id = %s"
SAVE_WORDS = "INSERT INTO item_words (user_id, item_id, word) SELECT %s, %s, unnest(%s::text[])"

# Unicode keeps these two for private use; the statement takes them out of the texts first.
_RAW_START, _RAW_END = "\ue000", "\ue001"
_HEADLINE_OPTIONS = f"StartSel={_RAW_START}, StopSel={_RAW_END}"
_WHOLE = f"{_HEADLINE_OPTIONS}, HighlightAll=true"
_PARTS = f'{_HEADLINE_OPTIONS}, MaxFragments=3, MinWords=4, MaxWords=14, FragmentDelimiter=" … "'

# Scores: each arm over its best, so that 1 is as good as it gets; cosines count from the tenant's mean, which takes out
# what a model thinks all texts have in common. Ranks: weighted reciprocal ranks (Cormack, Clarke and Buettcher, 2009).
FUSIONS = {
    "scores": """coalesce(%(bm25_weight)s::float8 * bm25 / max(bm25) OVER (), 0)
      + CASE WHEN similarity IS NULL THEN 0 ELSE
          %(vector_weight)s::float8 * greatest(0, coalesce((similarity - mean) / nullif(nearest - mean, 0), 1)) END""",
    "ranks": """coalesce(%(bm25_weight)s::float8 / (%(c)s + lexical.place), 0)
      + coalesce(%(vector_weight)s::float8 / (%(c)s + semantic.place), 0)""",
}

# Lexical arm: Lucene's BM25, ln(1 + (N - df + .5)/(df + .5)) · tf/(tf + k1(1 - b + b·len/avg)), statistics per tenant.
# The term frequency comes out of ts_rank, which runs in C: for one term and equal weights it is Σ 1/j² ÷ 1.64493 over
# j = 1…tf, and that inverts exactly for the 255 positions that PostgreSQL keeps (tests/integration pins 1…255).
# Vector arm: exact cosine. An arm without input (no words, no vector) is empty; modes are weights.
# Evidence (what abstention is decided by) and marks are taken from the same rows, for what is returned only.
SEARCH = """
WITH terms AS MATERIALIZED (
  SELECT lexeme, cardinality(positions)::float8 AS qtf, term, term::tsquery AS query
  FROM (
    SELECT lexeme, positions, '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS term
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
frequencies AS MATERIALIZED (
  SELECT term, lexeme, df, ln(1 + (n - df + 0.5) / (df + 0.5)) AS idf,
    -- As if there were a few more items: in a collection of three, an absent word would outweigh all others.
    ln(1 + (n + %(background_items)s - df + 0.5) / (df + 0.5)) AS weight
  FROM (
    SELECT term, lexeme, count(item_id)::float8 AS df
    FROM terms LEFT JOIN postings USING (term) GROUP BY term, lexeme
  ) AS counted CROSS JOIN corpus
),
lexical AS (
  SELECT *, row_number() OVER (ORDER BY bm25 DESC, item_id) AS place
  FROM (
    SELECT item_id, sum(
        qtf * idf * tf / (tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * doc_len / average))
      ) AS bm25
    FROM postings JOIN frequencies USING (term) CROSS JOIN corpus
    GROUP BY item_id
    ORDER BY bm25 DESC, item_id LIMIT %(words_depth)s
  ) AS best
),
cosines AS MATERIALIZED (
  SELECT s.item_id, 1 - (s.embedding <=> %(vector)s::halfvec(1024)) AS similarity
  FROM item_search AS s
  WHERE %(vector)s::text IS NOT NULL AND s.user_id = %(user_id)s AND s.embedding_model = %(model)s {conditions}
),
semantic AS (
  SELECT *, row_number() OVER (ORDER BY similarity DESC, item_id) AS place
  FROM (SELECT * FROM cosines ORDER BY similarity DESC, item_id LIMIT %(depth)s) AS nearest
),
evidence AS MATERIALIZED (
  SELECT (SELECT sum(weight) FILTER (WHERE df > 0) / nullif(sum(weight), 0) FROM frequencies) AS known,
    count(*) AS compared, max(similarity) AS nearest, avg(similarity) AS mean, stddev_pop(similarity) AS deviation
  FROM cosines
),
fused AS MATERIALIZED (
  SELECT item_id, bm25, similarity, {fusion} AS fused
  FROM lexical FULL JOIN semantic USING (item_id) CROSS JOIN evidence
  ORDER BY fused DESC, item_id LIMIT %(top_k)s
),
words AS (
  SELECT DISTINCT ON (lexeme) lexeme, lower(token) AS word
  FROM ts_parse('default', %(query)s) CROSS JOIN unnest(ts_lexize('english_stem', token)) AS lexeme
),
matches AS (
  SELECT item_id, array_agg(coalesce(word, lexeme) ORDER BY idf DESC, lexeme) AS matched_terms
  FROM postings JOIN frequencies USING (term) LEFT JOIN words USING (lexeme)
  -- As an array: a join would sort every posting of the tenant for ten items.
  WHERE item_id = ANY(ARRAY(SELECT item_id FROM fused))
  GROUP BY item_id
)
SELECT fused.*, evidence.*, coalesce(matched_terms, '{{}}') AS matched_terms,
  i.original_filename, i.mime_type, i.width, i.height, i.tags, i.favorite, i.taken_at, i.created_at,
  i.effective_category AS category,
  coalesce(i.title, a.raw_response ->> 'headline', i.original_filename) AS headline,
  coalesce(a.raw_response ->> 'summary', '') AS summary,
  ARRAY(
    SELECT shown FROM (
      SELECT field, ts_headline(
          'english', translate(text, %(raw_marks)s, ''),
          (SELECT string_agg(term, ' | ')::tsquery FROM terms), CASE field WHEN 4 THEN %(parts)s ELSE %(whole)s END
        ) AS shown
      FROM (VALUES
        (1, coalesce(i.title, a.raw_response ->> 'headline')), (2, i.notes), (3, a.raw_response ->> 'summary'),
        (4, (SELECT string_agg(line, E'\n')
             FROM jsonb_array_elements_text(a.raw_response #> '{{image_details,extracted_text}}') AS line))
      ) AS texts (field, text)
      WHERE matched_terms IS NOT NULL
    ) AS headlines
    WHERE strpos(shown, left(%(raw_marks)s, 1)) > 0 ORDER BY field
  ) AS highlights
FROM fused
CROSS JOIN evidence
LEFT JOIN matches USING (item_id)
JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = fused.item_id AND i.deleted_at IS NULL
LEFT JOIN LATERAL (
  SELECT raw_response FROM analyses
  WHERE user_id = %(user_id)s AND item_id = fused.item_id ORDER BY version DESC LIMIT 1
) AS a ON true
ORDER BY fused DESC, fused.item_id
"""

SIMILAR = """
WITH origin AS MATERIALIZED (
  SELECT s.embedding, s.embedding_model, i.phash
  FROM item_search AS s JOIN items AS i USING (user_id, item_id)
  WHERE s.user_id = %(user_id)s AND s.item_id = %(item_id)s AND i.deleted_at IS NULL
),
nearest AS MATERIALIZED (
  SELECT s.item_id, 1 - (s.embedding <=> origin.embedding) AS similarity
  FROM item_search AS s
  JOIN origin USING (embedding_model)
  JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = s.item_id AND i.deleted_at IS NULL
  WHERE s.user_id = %(user_id)s AND s.item_id <> %(item_id)s
  ORDER BY similarity DESC, s.item_id LIMIT %(top_k)s
)
SELECT nearest.item_id, NULL::float8 AS bm25, similarity, NULL::float8 AS fused,
  '{}'::text[] AS matched_terms, '{}'::text[] AS highlights,
  bit_count((i.phash # origin.phash)::bit(64)) <= %(near_duplicate_bits)s AS near_duplicate,
  i.original_filename, i.mime_type, i.width, i.height, i.tags, i.favorite, i.taken_at, i.created_at,
  i.effective_category AS category,
  coalesce(i.title, a.raw_response ->> 'headline', i.original_filename) AS headline,
  coalesce(a.raw_response ->> 'summary', '') AS summary
FROM nearest CROSS JOIN origin
JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = nearest.item_id
LEFT JOIN LATERAL (
  SELECT raw_response FROM analyses
  WHERE user_id = %(user_id)s AND item_id = nearest.item_id ORDER BY version DESC LIMIT 1
) AS a ON true
ORDER BY similarity DESC, nearest.item_id
"""
