"""What makes an item findable (facts, postings, vector), written; and what is found by it, read."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from uuid import UUID

from pgvector import HalfVector

from app.items.models import Item
from app.platform.database import Connection, Database
from app.platform.settings import SearchSettings
from app.search.fusion import IS_MISSING, fusion_sql, weights
from app.search.hits import MARKING, evidence, hit
from app.search.models import Document, Hit, QueryVector, Ranking, SearchFilter, SearchType
from app.search.statements import SEARCH, SIMILAR, narrowed


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
        words, near = weights(search_type, self._settings)
        former = former if vector and near else ()
        both = bool(words and near and vector) and not former
        statement, parameters = narrowed(
            SEARCH,
            narrow,
            former=len(former),
            fused=fusion_sql(self._settings, both=both, missing=bool(missing)),
            missing="" if words else f"WHERE {IS_MISSING}",
        )
        for number, each in enumerate(former, start=1):
            parameters |= {f"vector_{number}": _as_text(tuple(each.vector)), f"model_{number}": each.model}
        depth = max(self._settings.arm_depth, top_k)
        parameters |= {
            "user_id": user_id,
            "query": query,
            "vector": _as_text(tuple(vector)) if vector and near else None,
            "model": embedding_model,
            "missing": list(missing),
            "depth": depth,
            "words_depth": depth if words or missing else 0,
            "bm25_weight": words,
            "vector_weight": near,
            "top_k": top_k,
            **self._scale(),
            **self._constants(),
            **MARKING,
        }
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement.encode(), parameters).fetchall()
        return Ranking([hit(row, search_type) for row in rows], evidence(rows))

    def at_once(self, user_id: UUID) -> AbstractContextManager[object]:
        """What is read in this block is read in one transaction."""
        return self._database.tenant(user_id)

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
        statement, _ = narrowed(SIMILAR, SearchFilter())
        with self._database.tenant(user_id) as connection:
            rows = connection.execute(statement.encode(), parameters).fetchall()
        return [hit(row, SearchType.VECTOR) for row in rows]

    def _scale(self) -> dict[str, int]:
        """From how many items on, and how, vectors are found by their signatures first."""
        return {
            "large_tenant_items": self._settings.large_tenant_items,
            "signature_depth": self._settings.signature_depth,
            "evidence_sample": self._settings.evidence_sample,
        }

    def _constants(self) -> dict[str, float]:
        """Of BM25, of the fusion, and of the general background."""
        return {
            "k1": self._settings.bm25_k1,
            "b": self._settings.bm25_b,
            "c": self._settings.rrf_c,
            "feedback": self._settings.hybrid_feedback,
            "background_items": self._settings.background_items,
            "background_mean": self._settings.background_mean,
            "background_deviation": self._settings.background_deviation,
        }


# People search again, page by page and mode by mode; this is half a millisecond each time.
@lru_cache(maxsize=128)
def _as_text(vector: tuple[float, ...]) -> str:
    return HalfVector(list(vector)).to_text()


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
