"""What makes an item findable (facts, postings, vector), and the statement that searches: BM25 and cosine, fused."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pgvector import HalfVector

from app.items.models import Item
from app.platform.database import Connection, Database
from app.platform.settings import SearchSettings
from app.search.models import (
    MARK_END,
    MARK_START,
    Document,
    Evidence,
    Hit,
    QueryVector,
    Ranking,
    SearchFilter,
    SearchType,
)


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
        former: Sequence[QueryVector] = (),
        missing: Sequence[str] = (),
    ) -> Ranking:
        """The best `top_k`, best first, ties by item id; and the evidence for there being an answer.

        Args:
            query: the words; pure vector search ranks without them.
            vector: (1024,) unit norm, or None to leave the vector arm out.
            former: the same query by other models, for what these embedded.
            missing: models by which nobody embeds the query: what they embedded is found by words in any search.
        """
        words, near = self._weights(search_type)
        former = former if vector and near else ()
        statement, parameters = _narrowed(
            SEARCH,
            narrow,
            former=len(former),
            fused=self._fused(both=bool(words and near and vector) and not former, missing=bool(missing)),
            missing="" if words else f"WHERE {IS_MISSING}",
        )
        for number, each in enumerate(former, start=1):
            parameters |= {f"vector_{number}": HalfVector(each.vector).to_text(), f"model_{number}": each.model}
        parameters |= {
            "user_id": user_id,
            "query": query,
            "vector": HalfVector(vector).to_text() if vector and near else None,
            "model": embedding_model,
            "missing": list(missing),
            "k1": self._settings.bm25_k1,
            "b": self._settings.bm25_b,
            "depth": max(self._settings.arm_depth, top_k),
            "words_depth": max(self._settings.arm_depth, top_k) if words or missing else 0,
            "c": self._settings.rrf_c,
            "bm25_weight": words,
            "vector_weight": near,
            "top_k": top_k,
            "feedback": self._settings.hybrid_feedback,
            **self._scale(),
            "background_items": self._settings.background_items,
            "background_mean": self._settings.background_mean,
            "background_deviation": self._settings.background_deviation,
            "raw_marks": _RAW_START + _RAW_END,
            "whole": _WHOLE,
            "parts": _PARTS,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement.encode(), parameters).fetchall()
        return Ranking([_hit(row, search_type) for row in rows], _evidence(rows))

    def models(self, user_id: UUID) -> set[str]:
        """By which models the tenant's items are embedded: by one, unless it was changed. Looked up, not counted."""
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(SELECT_MODELS.encode(), {"user_id": user_id}).fetchall()
        return {row["model"] for row in rows}

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
            **self._scale(),
        }
        statement, _ = _narrowed(SIMILAR, SearchFilter())
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement.encode(), parameters).fetchall()
        return [_hit(row, SearchType.VECTOR) for row in rows]

    def _scale(self) -> dict[str, int]:
        """From how many items on, and how, vectors are found by their signatures first."""
        return {
            "large_tenant_items": self._settings.large_tenant_items,
            "signature_depth": self._settings.signature_depth,
            "evidence_sample": self._settings.evidence_sample,
        }

    def _fused(self, *, both: bool, missing: bool) -> str:
        """How the arms become one ranking: with feedback where both take part and are fused by their scores."""
        chosen = self._settings
        again = both and chosen.hybrid_fusion == "scores" and chosen.hybrid_feedback > 0
        fusion = FUSIONS[chosen.hybrid_fusion].format(words=WORDS_INSTEAD if missing else WORDS)
        return (FED_BACK if again else FUSED).format(fusion=fusion)

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
    own = {"user_id": item.user_id, "item_id": item.item_id}
    connection.execute(UPSERT, own | {"text": document.lexical_text})
    embedded = {"embedding": HalfVector(vector).to_text(), "model": model, "document_hash": fingerprint(document)}
    connection.execute(UPSERT_VECTOR, own | embedded)
    _save_words(connection, item, document)


def refresh(connection: Connection, item: Item, document: Document) -> None:
    """Renew everything but the vector, whose text did not change. Runs inside `finish`."""
    own = {"user_id": item.user_id, "item_id": item.item_id}
    connection.execute(REFRESH, own | {"text": document.lexical_text})
    _save_words(connection, item, document)


def _save_words(connection: Connection, item: Item, document: Document) -> None:
    """What finds this item by words, and what type-ahead completes, from now on; no postings without facts."""
    own = {"user_id": item.user_id, "item_id": item.item_id}
    connection.execute(FORGET_POSTINGS, own)
    connection.execute(SAVE_POSTINGS, own | {"text": document.lexical_text})
    connection.execute(FORGET_WORDS, [item.user_id, item.item_id])
    connection.execute(SAVE_WORDS, [item.user_id, item.item_id, document.words])


def embedded_text(connection: Connection, item: Item) -> bytes | None:
    """The fingerprint of the text that the item's vector stands for; None without one."""
    row = connection.execute(SELECT_EMBEDDED, [item.user_id, [item.item_id]]).fetchone()
    return bytes(row["document_hash"]) if row else None


def fingerprint(document: Document) -> bytes:
    """SHA-256 of the text that is embedded."""
    return hashlib.sha256(document.text.encode()).digest()


def _score(row: dict[str, Any], search_type: SearchType) -> float:
    """By meaning its similarity; what was found by words instead is as similar as its share of the best words says."""
    score = {SearchType.BM25: row["bm25"], SearchType.VECTOR: row["similarity"], SearchType.HYBRID: row["fused"]}
    if score[search_type] is not None:
        return float(score[search_type])
    mean, nearest = row["mean"] or 0.0, 1.0 if row["nearest"] is None else row["nearest"]
    return float(mean + row["fused"] * (nearest - mean))


def _hit(row: dict[str, Any], search_type: SearchType) -> Hit:
    return Hit(
        item_id=row["item_id"],
        score=_score(row, search_type),
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
        rendition_generation=row["rendition_generation"],
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


def _narrowed(statement: str, narrow: SearchFilter, *, former: int = 0, **pieces: str) -> tuple[str, dict[str, Any]]:
    """The statement with the filter in every arm, appended only where it filters (`IS NULL OR` uses no index).

    `former`: how many models there are beside the first.
    """
    conditions = {
        "AND s.category = %(category)s": narrow.category,
        "AND s.tags @> %(tags)s": narrow.tags,
        "AND s.favorite = %(favorite)s": narrow.favorite,
        "AND s.occurred_at >= %(occurred_from)s": narrow.occurred_from,
        "AND s.occurred_at < %(occurred_to)s": narrow.occurred_to,
    }
    used = " ".join(condition for condition, value in conditions.items() if value is not None)
    within = WITHIN if used else ""
    near = _near(former, within=within, vectors=NARROWED_VECTORS if used else ALL_VECTORS)
    parameters = {name: getattr(narrow, name) for name in narrow.__slots__ if getattr(narrow, name) is not None}
    return statement.format(conditions=used, within=within, near=near, **pieces), parameters


def _near(former: int, **pieces: str) -> str:
    """The vector arm: by one model as it is, by several each on its own and then on one scale."""
    if not former:
        return NEAR.format(of="", **pieces)
    numbers = range(former + 1)
    each = [NEAR.format(of=f"_{number}", **pieces) for number in numbers]
    asked = [ASKED_TOO.format(of=f"_{number}") for number in numbers[1:]]
    return ",".join(
        [
            "\nasked_0 AS (SELECT * FROM asked)",
            *asked,
            *each,
            NORMAL.format(each=" UNION ALL ".join(NORMAL_OF_ONE.format(number=number) for number in numbers)),
            ON_ONE_SCALE.format(
                cosines=" UNION ALL ".join(f"SELECT {number} AS number, * FROM cosines_{number}" for number in numbers),
                sampled=" UNION ALL ".join(f"SELECT {number} AS number, * FROM sampled_{number}" for number in numbers),
            ),
        ]
    )


# From one model to the next by the index: a step for each model, however many items there are.
SELECT_MODELS = """
WITH RECURSIVE found AS (
  (SELECT embedding_model AS model FROM item_vectors WHERE user_id = %(user_id)s ORDER BY embedding_model LIMIT 1)
  UNION ALL
  SELECT next.embedding_model FROM found CROSS JOIN LATERAL (
    SELECT embedding_model FROM item_vectors
    WHERE user_id = %(user_id)s AND embedding_model > found.model ORDER BY embedding_model LIMIT 1
  ) AS next
)
SELECT model FROM found
"""

SELECT_EMBEDDED = """
SELECT item_id, document_hash, embedding_model FROM item_vectors WHERE user_id = %s AND item_id = ANY(%s)
"""

UPSERT = """
INSERT INTO item_search (user_id, item_id, category, tags, favorite, occurred_at, doc_len)
SELECT user_id, item_id, effective_category, tags, favorite, occurred_at,
  tsvector_token_count(to_tsvector('english', %(text)s))
FROM items WHERE user_id = %(user_id)s AND item_id = %(item_id)s
ON CONFLICT (user_id, item_id) DO UPDATE SET
  category = excluded.category, tags = excluded.tags, favorite = excluded.favorite,
  occurred_at = excluded.occurred_at, doc_len = excluded.doc_len
"""

REFRESH = """
UPDATE item_search AS s SET category = i.effective_category, tags = i.tags, favorite = i.favorite,
  occurred_at = i.occurred_at, doc_len = tsvector_token_count(to_tsvector('english', %(text)s))
FROM items AS i
WHERE i.user_id = %(user_id)s AND i.item_id = %(item_id)s AND s.user_id = i.user_id AND s.item_id = i.item_id
"""

UPSERT_VECTOR = """
INSERT INTO item_vectors (user_id, item_id, embedding, embedding_model, document_hash)
VALUES (%(user_id)s, %(item_id)s, %(embedding)s::halfvec, %(model)s, %(document_hash)s)
ON CONFLICT (user_id, item_id) DO UPDATE SET
  embedding = excluded.embedding, embedding_model = excluded.embedding_model, document_hash = excluded.document_hash
"""

FORGET_POSTINGS = "DELETE FROM item_postings WHERE user_id = %(user_id)s AND item_id = %(item_id)s"
SAVE_POSTINGS = """
INSERT INTO item_postings (user_id, item_id, doc_len, tf, lexeme)
SELECT user_id, item_id, doc_len, cardinality(positions), lexeme
FROM item_search CROSS JOIN unnest(to_tsvector('english', %(text)s))
WHERE user_id = %(user_id)s AND item_id = %(item_id)s
"""

FORGET_WORDS = "DELETE FROM item_words WHERE user_id = %s AND item_id = %s"
SAVE_WORDS = "INSERT INTO item_words (user_id, item_id, word) SELECT %s, %s, unnest(%s::text[])"

# Unicode keeps these two for private use; the statement takes them out of the texts first.
_RAW_START, _RAW_END = "\ue000", "\ue001"
_HEADLINE_OPTIONS = f"StartSel={_RAW_START}, StopSel={_RAW_END}"
_WHOLE = f"{_HEADLINE_OPTIONS}, HighlightAll=true"
_PARTS = f'{_HEADLINE_OPTIONS}, MaxFragments=3, MinWords=4, MaxWords=14, FragmentDelimiter=" … "'

# Items that no vector of the query can be compared with.
IS_MISSING = """(item_id IN (
      SELECT item_id FROM item_vectors WHERE user_id = %(user_id)s AND embedding_model = ANY(%(missing)s)
    )) IS TRUE"""

# Scores: each arm over its best, so that 1 is as good as it gets; cosines count from the tenant's mean, which takes out
# what a model thinks all texts have in common. Ranks: weighted reciprocal ranks (Cormack, Clarke and Buettcher, 2009).
FUSIONS = {
    "scores": """coalesce({words} * bm25 / max(bm25) OVER (), 0)
      + CASE WHEN similarity IS NULL THEN 0 ELSE
          %(vector_weight)s::float8 * greatest(
            -- By vector alone what is below the mean keeps its order.
            CASE WHEN %(bm25_weight)s::float8 > 0 THEN 0 ELSE '-Infinity'::float8 END,
            coalesce((similarity - mean) / nullif(nearest - mean, 0), 1)
          ) END""",
    "ranks": """coalesce({words} / (%(c)s + lexical.place), 0)
      + coalesce(%(vector_weight)s::float8 / (%(c)s + semantic.place), 0)""",
}
# What words count for; for items without a vector to compare, they count for that too.
WORDS = "%(bm25_weight)s::float8"
WORDS_INSTEAD = f"CASE WHEN {IS_MISSING} THEN {WORDS} + %(vector_weight)s::float8 ELSE {WORDS} END"

FUSED = """fused AS MATERIALIZED (
  SELECT item_id, bm25, similarity, {fusion} AS fused
  FROM lexical FULL JOIN semantic USING (item_id) CROSS JOIN evidence
  ORDER BY fused DESC, item_id LIMIT %(top_k)s
)"""

# Fused, and once more with the best answer as part of the question (Rocchio, "Relevance Feedback in Information
# Retrieval", 1971, without anybody's judgement): what is like it moves up. Only what either arm found is compared.
FED_BACK = """ranked AS MATERIALIZED (
  SELECT item_id, bm25, similarity, mean, {fusion} AS fused
  FROM lexical FULL JOIN semantic USING (item_id) CROSS JOIN evidence
),
best AS MATERIALIZED (
  SELECT embedding FROM item_vectors
  WHERE user_id = %(user_id)s AND embedding_model = %(model)s
    AND item_id = (SELECT item_id FROM ranked ORDER BY fused DESC, item_id LIMIT 1)
),
drawn AS MATERIALIZED (
  SELECT item_id, bm25, similarity, mean, CASE WHEN similarity IS NOT NULL THEN
      coalesce(%(feedback)s::float8 * (
        SELECT 1 - (v.embedding <=> (SELECT embedding FROM best))
        FROM item_vectors AS v WHERE v.user_id = %(user_id)s AND v.item_id = ranked.item_id
      ), 0)
    END AS likeness
  FROM ranked
),
fused AS MATERIALIZED (
  SELECT item_id, bm25, own AS similarity, {fusion} AS fused
  FROM (
    SELECT item_id, bm25, similarity AS own, similarity + likeness AS similarity,
      mean + avg(likeness) OVER () AS mean, max(similarity + likeness) OVER () AS nearest
    FROM drawn
  ) AS drawn
  ORDER BY fused DESC, item_id LIMIT %(top_k)s
)"""

# The nearest by cosine, and what cosines are like in this tenant: of what `asked` holds, as large as `corpus` says.
# Exact where the tenant is small. Above that, the nearest by signature (one bit per number; Charikar, "Similarity
# Estimation Techniques from Rounding Algorithms", 2002) are compared exactly, and an even sample (ids are random) tells
# mean and deviation. What does not apply is not run: its condition is known before its first row.
NEAR = """
cosines{of} AS MATERIALIZED (
  SELECT item_id, 1 - (embedding <=> (SELECT vector FROM asked{of})) AS similarity
  FROM {vectors}
  WHERE NOT (SELECT is_large FROM corpus) AND (SELECT vector IS NOT NULL FROM asked{of})
    AND embedding_model = (SELECT model FROM asked{of})
  UNION ALL
  SELECT item_id, 1 - (embedding <=> (SELECT vector FROM asked{of}))
  FROM (
    SELECT item_id FROM item_vectors
    WHERE (SELECT is_large FROM corpus) AND (SELECT vector IS NOT NULL FROM asked{of})
      AND user_id = %(user_id)s AND embedding_model = (SELECT model FROM asked{of}) {within}
    ORDER BY signature <~> (SELECT signature FROM asked{of}), item_id LIMIT %(signature_depth)s
  ) AS candidates
  CROSS JOIN LATERAL (
    SELECT embedding FROM item_vectors WHERE user_id = %(user_id)s AND item_id = candidates.item_id OFFSET 0
  ) AS found
),
sampled{of} AS MATERIALIZED (
  SELECT 1 - (embedding <=> (SELECT vector FROM asked{of})) AS similarity
  FROM {vectors}
  WHERE (SELECT is_large FROM corpus) AND (SELECT vector IS NOT NULL FROM asked{of})
    AND embedding_model = (SELECT model FROM asked{of})
  ORDER BY item_id LIMIT %(evidence_sample)s
)"""
# The same by several models, each compared with what it embedded itself. Cosines of two models say nothing to each
# other, but how far an item stands out from the others does, and items are embedded anew in the order of their random
# ids: each model has an even sample of the tenant's. So all are put on the scale of the model that has most: as many
# deviations from the mean there as here. As in app/search/abstention.py the nearest does not count, being what stands
# out, and the general background counts as more items, so that a model with few has a scale too: for the deviation,
# which is much the same in all models, as many as there; for the mean, which is not, one.
ASKED_TOO = """
asked{of} AS MATERIALIZED (
  SELECT vector, binary_quantize(vector)::bit(1024) AS signature, %(model{of})s AS model
  FROM (SELECT %(vector{of})s::halfvec AS vector) AS parsed
)"""
NORMAL_OF_ONE = """
    SELECT {number} AS number, count(*) AS n, sum(similarity) AS total, sum(similarity ^ 2) AS squares,
      max(similarity) AS nearest
    FROM (
      SELECT similarity FROM cosines_{number} WHERE NOT (SELECT is_large FROM corpus)
      UNION ALL SELECT similarity FROM sampled_{number}
    ) AS compared"""
NORMAL = """
others AS MATERIALIZED (
  SELECT number, n, greatest(n - 1, 0) AS others, coalesce(total - nearest, 0) AS total,
    coalesce(squares - nearest ^ 2 - (total - nearest) ^ 2 / nullif(n - 1, 0), 0) AS spread
  FROM ({each}) AS each
),
normal AS MATERIALIZED (
  SELECT number, n, (total + %(background_mean)s::float8) / (others + 1) AS mean,
    sqrt(
      greatest(spread + (%(background_items)s + 1) * %(background_deviation)s::float8 ^ 2, 0)
        / (others + %(background_items)s + 1)
    ) AS deviation
  FROM others
),
scale AS MATERIALIZED (
  SELECT own.number, own.mean AS own_mean, own.deviation AS own_deviation, most.mean, most.deviation
  FROM normal AS own CROSS JOIN (SELECT * FROM normal ORDER BY n DESC, number LIMIT 1) AS most
)"""
ON_ONE_SCALE = """
cosines AS MATERIALIZED (
  SELECT item_id, least(greatest(mean + (similarity - own_mean) / own_deviation * deviation, -1), 1) AS similarity
  FROM ({cosines}) AS each JOIN scale USING (number)
),
sampled AS MATERIALIZED (
  SELECT least(greatest(mean + (similarity - own_mean) / own_deviation * deviation, -1), 1) AS similarity
  FROM ({sampled}) AS each JOIN scale USING (number)
)"""
# All of a tenant's vectors lie together; those of a filter's items are looked up one by one.
ALL_VECTORS = "(SELECT * FROM item_vectors WHERE user_id = %(user_id)s) AS own"
NARROWED_VECTORS = """narrowed CROSS JOIN LATERAL (
    SELECT embedding, embedding_model FROM item_vectors
    WHERE user_id = %(user_id)s AND item_id = narrowed.item_id OFFSET 0
  ) AS own"""
# `IS TRUE` keeps it a hash that is built once: as a join it would be at the mercy of an estimate.
WITHIN = "AND (item_id IN (SELECT item_id FROM narrowed)) IS TRUE"

# Lexical arm: Lucene's BM25, ln(1 + (N - df + .5)/(df + .5)) · tf/(tf + k1(1 - b + b·len/avg)), with the tenant's own
# statistics, taken here, so that no row depends on any other. Vector arm: cosine. An arm without input (no words, no
# vector) is empty; modes are weights. Evidence is what abstention is decided by; marks are for what is returned only.
SEARCH = """
WITH terms AS MATERIALIZED (
  SELECT lexeme, cardinality(positions)::float8 AS qtf,
    '''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''' AS term
  FROM unnest(to_tsvector('english', %(query)s))
),
asked AS MATERIALIZED (
  SELECT vector, binary_quantize(vector)::bit(1024) AS signature, %(model)s AS model
  FROM (SELECT %(vector)s::halfvec AS vector) AS parsed
),
narrowed AS (
  SELECT item_id, doc_len FROM item_search AS s WHERE s.user_id = %(user_id)s {conditions}
),
corpus AS MATERIALIZED (
  SELECT count(*)::float8 AS n, coalesce(nullif(avg(doc_len), 0), 1)::float8 AS average,
    count(*) > %(large_tenant_items)s AS is_large
  FROM narrowed
),
postings AS MATERIALIZED (
  SELECT terms.lexeme, qtf, item_id, tf, doc_len
  FROM terms CROSS JOIN LATERAL (
    SELECT item_id, tf, doc_len FROM item_postings
    WHERE user_id = %(user_id)s AND lexeme = terms.lexeme {within} OFFSET 0
  ) AS holding
),
frequencies AS MATERIALIZED (
  SELECT lexeme, df, ln(1 + (n - df + 0.5) / (df + 0.5)) AS idf,
    -- As if there were a few more items: in a collection of three, an absent word would outweigh all others.
    ln(1 + (n + %(background_items)s - df + 0.5) / (df + 0.5)) AS weight
  FROM (
    SELECT lexeme, count(item_id)::float8 AS df FROM terms LEFT JOIN postings USING (lexeme) GROUP BY lexeme
  ) AS counted CROSS JOIN corpus
),
lexical AS (
  SELECT *, row_number() OVER (ORDER BY bm25 DESC, item_id) AS place
  FROM (
    SELECT item_id, sum(
        qtf * idf * tf / (tf + %(k1)s::float8 * (1 - %(b)s::float8 + %(b)s::float8 * doc_len / average))
      ) AS bm25
    FROM postings JOIN frequencies USING (lexeme) CROSS JOIN corpus
    {missing}
    GROUP BY item_id
    ORDER BY bm25 DESC, item_id LIMIT %(words_depth)s
  ) AS best
),
{near},
semantic AS (
  SELECT *, row_number() OVER (ORDER BY similarity DESC, item_id) AS place
  FROM (SELECT * FROM cosines ORDER BY similarity DESC, item_id LIMIT %(depth)s) AS nearest
),
evidence AS MATERIALIZED (
  SELECT (SELECT sum(weight) FILTER (WHERE df > 0) / nullif(sum(weight), 0) FROM frequencies) AS known,
    CASE WHEN is_large AND sample.mean IS NOT NULL THEN n ELSE compared END::bigint AS compared, nearest,
    coalesce(sample.mean, whole.mean) AS mean, coalesce(sample.deviation, whole.deviation) AS deviation
  FROM (
    SELECT count(*) AS compared, max(similarity) AS nearest, avg(similarity) AS mean,
      stddev_pop(similarity) AS deviation
    FROM cosines
  ) AS whole
  CROSS JOIN (SELECT avg(similarity) AS mean, stddev_pop(similarity) AS deviation FROM sampled) AS sample
  CROSS JOIN corpus
),
{fused},
words AS (
  SELECT DISTINCT ON (lexeme) lexeme, lower(token) AS word
  FROM ts_parse('default', %(query)s) CROSS JOIN unnest(ts_lexize('english_stem', token)) AS lexeme
),
matches AS (
  SELECT item_id, array_agg(coalesce(word, lexeme) ORDER BY idf DESC, lexeme) AS matched_terms
  FROM fused CROSS JOIN frequencies
  CROSS JOIN LATERAL (
    SELECT FROM item_postings
    WHERE user_id = %(user_id)s AND lexeme = frequencies.lexeme AND item_id = fused.item_id OFFSET 0
  ) AS held
  LEFT JOIN words USING (lexeme)
  GROUP BY item_id
)
SELECT fused.*, evidence.*, coalesce(matched_terms, '{{}}') AS matched_terms,
  i.original_filename, i.mime_type, i.width, i.height, i.tags, i.favorite, i.taken_at, i.created_at,
  i.rendition_generation,
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
CROSS JOIN LATERAL (
  SELECT * FROM items WHERE user_id = %(user_id)s AND item_id = fused.item_id AND deleted_at IS NULL OFFSET 0
) AS i
LEFT JOIN LATERAL (
  SELECT raw_response FROM analyses
  WHERE user_id = %(user_id)s AND item_id = fused.item_id ORDER BY version DESC LIMIT 1
) AS a ON true
ORDER BY fused DESC, fused.item_id
"""

SIMILAR = """
WITH asked AS MATERIALIZED (
  SELECT v.embedding AS vector, v.signature, v.embedding_model AS model, i.phash
  FROM item_vectors AS v JOIN items AS i USING (user_id, item_id)
  WHERE v.user_id = %(user_id)s AND v.item_id = %(item_id)s AND i.deleted_at IS NULL
),
corpus AS MATERIALIZED (
  SELECT count(*) > %(large_tenant_items)s AS is_large FROM item_search WHERE user_id = %(user_id)s
),
{near},
nearest AS MATERIALIZED (
  SELECT cosines.item_id, similarity
  FROM cosines JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = cosines.item_id AND i.deleted_at IS NULL
  WHERE cosines.item_id <> %(item_id)s
  ORDER BY similarity DESC, cosines.item_id LIMIT %(top_k)s
)
SELECT nearest.item_id, NULL::float8 AS bm25, similarity, NULL::float8 AS fused,
  '{{}}'::text[] AS matched_terms, '{{}}'::text[] AS highlights,
  bit_count((i.phash # asked.phash)::bit(64)) <= %(near_duplicate_bits)s AS near_duplicate,
  i.original_filename, i.mime_type, i.width, i.height, i.tags, i.favorite, i.taken_at, i.created_at,
  i.rendition_generation,
  i.effective_category AS category,
  coalesce(i.title, a.raw_response ->> 'headline', i.original_filename) AS headline,
  coalesce(a.raw_response ->> 'summary', '') AS summary
FROM nearest CROSS JOIN asked
JOIN items AS i ON i.user_id = %(user_id)s AND i.item_id = nearest.item_id
LEFT JOIN LATERAL (
  SELECT raw_response FROM analyses
  WHERE user_id = %(user_id)s AND item_id = nearest.item_id ORDER BY version DESC LIMIT 1
) AS a ON true
ORDER BY similarity DESC, nearest.item_id
"""
