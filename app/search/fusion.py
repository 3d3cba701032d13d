"""How the two arms become one ranking: as SQL, and what each arm weighs."""

from app.platform.settings import SearchSettings
from app.search.models import SearchType


def weights(search_type: SearchType, settings: SearchSettings) -> tuple[float, float]:
    """What words and what vectors weigh: a mode is a pair of weights."""
    hybrid = {
        "scores": (settings.hybrid_bm25_weight, settings.hybrid_vector_weight),
        "ranks": (settings.rrf_bm25_weight, settings.rrf_vector_weight),
    }[settings.hybrid_fusion]
    return {SearchType.BM25: (1.0, 0.0), SearchType.VECTOR: (0.0, 1.0), SearchType.HYBRID: hybrid}[search_type]


def fusion_sql(settings: SearchSettings, *, both: bool, missing: bool) -> str:
    """How the arms become one ranking: with feedback where both take part and are fused by their scores."""
    again = both and settings.hybrid_fusion == "scores" and settings.hybrid_feedback > 0
    fusion = FUSIONS[settings.hybrid_fusion].format(words=WORDS_INSTEAD if missing else WORDS)
    return (FED_BACK if again else FUSED).format(fusion=fusion)


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
