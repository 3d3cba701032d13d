"""The two statements that read the index: BM25 and cosine, fused; and the nearest to one item."""

from typing import Any

from app.search.models import SearchFilter
from app.search.near import near_sql


def narrowed(statement: str, narrow: SearchFilter, *, former: int = 0, **pieces: str) -> tuple[str, dict[str, Any]]:
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
    near = near_sql(former, within=within, vectors=NARROWED_VECTORS if used else ALL_VECTORS)
    parameters = {name: getattr(narrow, name) for name in narrow.__slots__ if getattr(narrow, name) is not None}
    return statement.format(conditions=used, within=within, near=near, **pieces), parameters


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
