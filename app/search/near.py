"""The vector arm of the statements: the nearest by cosine, by one model or by several, exact or by signature first."""


def near_sql(former: int, **pieces: str) -> str:
    """The vector arm: by one model as it is, by several each on its own and then on one scale.

    `former`: how many models there are beside the first.
    """
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
