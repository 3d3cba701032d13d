"""BM25 in SQL beside bm25s (method="lucene"), on the lexemes that the table holds, for random corpora and queries."""

from typing import Any
from uuid import UUID, uuid4

import bm25s
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.platform.database import Database
from app.platform.settings import SearchSettings
from app.search import store
from app.search.models import DIMENSIONS, Document, Hit, SearchFilter, SearchType
from app.search.store import SearchStore

MODEL = "test-model"
_VECTOR = [1.0] + [0.0] * (DIMENSIONS - 1)

# Few words, so that documents share them; some stem alike, some are no words to PostgreSQL, some are left out.
VOCABULARY = [
    *("lemon", "lemons", "tart", "train", "trains", "ticket", "receipt", "bread", "total", "station", "platform"),
    *("the", "and", "of", "running", "runs", "café", "写真", "3.14", "2024-05-01", "well-known", "user@example.com"),
]
words = st.lists(st.sampled_from(VOCABULARY), max_size=40).map(" ".join)
queries = st.lists(st.sampled_from([*VOCABULARY, "unheard"]), max_size=6).map(" ".join)


def add(database: Database, user_id: UUID, text: str) -> None:
    items, item_id = ItemStore(database), uuid4()
    item, _ = items.add(NewItem(user_id, item_id, original_key(user_id, item_id, "image/png"), "a.png", "image/png", 1))
    with database.tenant(user_id) as connection:
        store.save(connection, item, Document("", "", text), _VECTOR, MODEL)


def lexemes(database: Database, user_id: UUID) -> dict[UUID, list[str]]:
    """Every document as the bag of lexemes that the table has, repeats included."""
    statement = """
    SELECT s.item_id, coalesce(json_object_agg(lexeme, tf) FILTER (WHERE lexeme IS NOT NULL), '{}') AS counts
    FROM item_search AS s LEFT JOIN item_postings USING (user_id, item_id) WHERE s.user_id = %s GROUP BY s.item_id
    """
    with database.tenant(user_id) as connection:
        rows = connection.execute(statement.encode(), [user_id]).fetchall()
    return {row["item_id"]: [lexeme for lexeme, tf in row["counts"].items() for _ in range(tf)] for row in rows}


def asked(database: Database, user_id: UUID, query: str) -> list[str]:
    statement = "SELECT lexeme, cardinality(positions) AS n FROM unnest(to_tsvector('english', %s))"
    with database.tenant(user_id) as connection:
        rows = connection.execute(statement.encode(), [query]).fetchall()
    return [row["lexeme"] for row in rows for _ in range(row["n"])]


def reference(documents: dict[UUID, list[str]], query: list[str]) -> dict[UUID, float]:
    """Scores of those documents that have any word of the query."""
    vocabulary = {lexeme for lexemes in documents.values() for lexeme in lexemes}
    known = [lexeme for lexeme in query if lexeme in vocabulary]
    if not known:
        return {}
    engine = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    engine.index(list(documents.values()), show_progress=False)
    scores: Any = engine.get_scores(known)
    return {
        item_id: float(score)
        for (item_id, lexemes), score in zip(documents.items(), scores, strict=True)
        if set(lexemes) & set(known)
    }


def found(database: Database, user_id: UUID, query: str) -> list[Hit]:
    ranking = SearchStore(database, SearchSettings()).search(
        user_id,
        query=query,
        vector=None,
        embedding_model=MODEL,
        search_type=SearchType.BM25,
        narrow=SearchFilter(),
        top_k=10,
    )
    return ranking.hits


@settings(max_examples=60, deadline=None, database=None)
@given(corpus=st.lists(words, min_size=1, max_size=40), query=queries)
@example(corpus=["lemon tart", "", "", "", "", ""], query="lemon")  # less than a word each, on average
def test_the_top_ten_are_those_of_bm25s(database_pool: Database, corpus: list[str], query: str) -> None:
    user_id = uuid4()
    for text in corpus:
        add(database_pool, user_id, text)

    hits = found(database_pool, user_id, query)

    scores = reference(lexemes(database_pool, user_id), asked(database_pool, user_id, query))
    assert len(hits) == min(10, len(scores))
    assert [hit.score for hit in hits] == pytest.approx([scores[hit.item_id] for hit in hits], rel=1e-6)
    # Of those that tie with the tenth, any may be in: whoever is certain is.
    if hits:
        tenth = hits[-1].score
        certain = {item_id for item_id, score in scores.items() if score > tenth * (1 + 1e-6)}
        possible = {item_id for item_id, score in scores.items() if score >= tenth * (1 - 1e-6)}
        assert certain <= {hit.item_id for hit in hits} <= possible


def test_a_larger_collection_with_zipf_s_words_has_the_same_top_ten(database_pool: Database) -> None:
    user_id, generator = uuid4(), np.random.default_rng(11)
    for size in generator.integers(1, 120, 300):
        add(database_pool, user_id, " ".join(f"w{rank}" for rank in generator.zipf(1.3, size) % 2000))
    documents = lexemes(database_pool, user_id)

    for _ in range(40):
        words = [f"w{rank}" for rank in generator.zipf(1.3, 4) % 2000]
        hits = found(database_pool, user_id, " ".join(words))

        scores = reference(documents, asked(database_pool, user_id, " ".join(words)))
        best = sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))[:10]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in best], rel=1e-6)
        assert {hit.item_id for hit in hits if hit.score > best[-1][1] * (1 + 1e-6)} == {
            item_id for item_id, score in best if score > best[-1][1] * (1 + 1e-6)
        }
