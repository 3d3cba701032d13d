"""The search statement against straightforward implementations of what it claims to compute."""

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.items.store import ItemStore
from app.platform.database import Database
from app.search import store
from app.search.models import DIMENSIONS, Document, Hit, SearchFilter, SearchType
from tests.integration.searching import (
    NOWHERE,
    RANKINGS,
    TABLES,
    Tenant,
    assert_reads_one_tenant,
    explained,
    given_crowd,
    pointing,
)


@pytest.fixture
def tenant(database_pool: Database) -> Tenant:
    return Tenant(database_pool, uuid4())


@pytest.fixture
def neighbour(database_pool: Database) -> Tenant:
    return Tenant(database_pool, uuid4())


def lucene(rows: Sequence[Mapping[str, Any]], query: Mapping[str, int]) -> dict[UUID, float]:
    """BM25 as Lucene has it (k1 1.2, b 0.75), document by document."""
    lengths = [row["doc_len"] for row in rows]
    average = sum(lengths) / max(len(lengths), 1) or 1
    scores: dict[UUID, float] = {}
    for term, query_count in query.items():
        holding = [row for row in rows if term in row["counts"]]
        idf = math.log(1 + (len(rows) - len(holding) + 0.5) / (len(holding) + 0.5))
        for row in holding:
            tf = row["counts"][term]
            weight = tf / (tf + 1.2 * (1 - 0.75 + 0.75 * row["doc_len"] / average))
            scores[row["item_id"]] = scores.get(row["item_id"], 0.0) + query_count * idf * weight
    return scores


def assert_is_the_top_of(hits: Sequence[Hit], expected: Mapping[UUID, float], top_k: int) -> None:
    """The right scores, in order, ties by id, and nothing better left out."""
    assert len(hits) == min(top_k, len(expected))
    assert {hit.item_id: hit.score for hit in hits} == pytest.approx(
        {hit.item_id: expected[hit.item_id] for hit in hits}
    )
    assert [(hit.score, hit.item_id) for hit in hits] == sorted(
        ((hit.score, hit.item_id) for hit in hits), key=lambda entry: (-entry[0], entry[1])
    )
    left_out = sorted(expected.values(), reverse=True)[top_k:]
    assert not left_out or min(hit.score for hit in hits) >= left_out[0] - 1e-9


# --- words ------------------------------------------------------------------------------------------------------------


def test_every_term_frequency_that_postgresql_keeps_is_read_back_exactly(tenant: Tenant) -> None:
    for count in range(1, 256):
        tenant.add("lemon " * count + f"tart{count}")

    hits = tenant.search("lemon", top_k=300)

    rows = tenant.rows()
    assert sorted(row["counts"]["lemon"] for row in rows) == list(range(1, 256))
    assert_is_the_top_of(hits, lucene(rows, {"lemon": 1}), 300)


def test_more_repeats_than_postgresql_keeps_count_as_what_it_keeps(tenant: Tenant) -> None:
    tenant.add_document(Document("lemon " * 200, "lemon " * 200, "lemon " * 5000))
    tenant.add("lemon " * 300)
    tenant.add("tart")

    hits = tenant.search("lemon")

    rows = tenant.rows()
    assert {row["counts"].get("lemon") for row in rows} <= {None, 255, 256}
    assert_is_the_top_of(hits, lucene(rows, {"lemon": 1}), 10)


def test_fields_differ_in_weight_and_not_in_count(tenant: Tenant) -> None:
    everywhere = tenant.add_document(Document("lemon", "lemon", "lemon"))
    tenant.add_document(Document("tart", "tart", "lemon"))

    hits = tenant.search("lemon")

    assert hits[0].item_id == everywhere
    assert_is_the_top_of(hits, lucene(tenant.rows(), {"lemon": 1}), 10)


def test_a_word_asked_twice_counts_twice(tenant: Tenant) -> None:
    tenant.add("lemon tart")
    tenant.add("lemon soap")

    hits = tenant.search("lemon lemons tart")

    assert tenant.lexemes("lemon lemons tart") == {"lemon": 2, "tart": 1}
    assert_is_the_top_of(hits, lucene(tenant.rows(), {"lemon": 2, "tart": 1}), 10)


WORDS = [
    *("lemon", "lemons", "tart", "train", "ticket", "receipt", "the", "and", "of", "running", "runs", "café"),
    *("it's", "o'clock", 'say "hello"', "back\\slash", "a\\'b", "a:*", "x|y", "x & y", "!no", "(open", "<->", "%s"),
    *("http://example.com/it's?a=b", "user@example.com", "/etc/pass'wd", "3.14", "-5e10", "2024-05-01", "well-known"),
    *("写真", "日本語の写真", "фото", "🪙", "👩‍👩‍👧", "\u202e", "ﬁ", "İ", "ß"),
]
texts = st.lists(
    st.sampled_from(WORDS) | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8),
    max_size=12,
).map(" ".join)


@settings(max_examples=60, deadline=None, database=None)
@given(corpus=st.lists(texts, min_size=1, max_size=12), query=texts, top_k=st.integers(1, 10))
def test_scores_and_ranks_are_lucenes(database_pool: Database, corpus: list[str], query: str, top_k: int) -> None:
    tenant = Tenant(database_pool, uuid4())
    for text in corpus:
        tenant.add(text)

    hits = tenant.search(query, top_k=top_k)

    rows = tenant.rows()
    assert all(row["doc_len"] == sum(row["counts"].values()) for row in rows)
    assert_is_the_top_of(hits, lucene(rows, tenant.lexemes(query)), top_k)
    twins = {json.dumps(row["counts"], sort_keys=True): set() for row in rows}
    for row in rows:
        twins[json.dumps(row["counts"], sort_keys=True)] |= {h.score for h in hits if h.item_id == row["item_id"]}
    assert all(len(scores) <= 1 for scores in twins.values())


@pytest.mark.parametrize(
    "query", ["", " ", "the and of", "'", "\\", "''", "\\'", ":*", "| & ! ( )", "%", "🪙", "\u202e"]
)
@pytest.mark.parametrize("search_type", [SearchType.BM25, SearchType.HYBRID])
def test_a_query_without_words_leaves_the_lexical_arm_empty(
    tenant: Tenant, query: str, search_type: SearchType
) -> None:
    near = tenant.add("the lemon's tart", vector=pointing(3))

    hits = tenant.search(query, search_type, vector=pointing(3))

    assert [hit.item_id for hit in hits] == ([near] if search_type is SearchType.HYBRID else [])
    assert all(hit.bm25 is None for hit in hits)


def test_a_lexeme_with_a_quote_in_it_is_found(tenant: Tenant) -> None:
    wanted = tenant.add("see http://example.com/it's/o'clock")
    tenant.add("see http://example.com/its/clock")

    hits = tenant.search("http://example.com/it's/o'clock")

    assert hits[0].item_id == wanted
    assert any("'" in lexeme for lexeme in tenant.lexemes("http://example.com/it's/o'clock"))


def test_an_empty_tenant_has_nothing_to_find(tenant: Tenant) -> None:
    for search_type in RANKINGS:
        assert tenant.search("lemon", search_type, vector=pointing(0)) == []


def test_a_document_without_words_is_found_by_its_vector_alone(tenant: Tenant) -> None:
    silent = tenant.add("", vector=pointing(5))

    assert tenant.search("lemon") == []
    assert [hit.item_id for hit in tenant.search("lemon", SearchType.HYBRID, vector=pointing(5))] == [silent]


def test_equal_scores_are_ordered_by_id_however_many_there_are(tenant: Tenant) -> None:
    twins = {tenant.add("a lemon tart, a train ticket, a paper receipt") for _ in range(60)}
    tenant.add("something else")

    hits = tenant.search("ticket receipt lemon paper train tart", top_k=50)

    assert len({hit.score for hit in hits}) == 1
    assert [hit.item_id for hit in hits] == sorted(twins)[:50]


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_similarity_is_the_cosine_of_what_is_stored(tenant: Tenant) -> None:
    generator = np.random.default_rng(7)
    made = generator.normal(size=(80, DIMENSIONS))
    query = generator.normal(size=DIMENSIONS)
    query /= np.linalg.norm(query)
    for vector in made:
        tenant.add("", vector=(vector / np.linalg.norm(vector)).tolist())

    hits = tenant.search(search_type=SearchType.VECTOR, vector=query.tolist(), top_k=50)

    stored = {row["item_id"]: np.array(json.loads(row["embedding"])) for row in tenant.rows()}
    asked = query.astype(np.float16).astype(np.float64)
    cosines = {
        item_id: float(vector @ asked / np.linalg.norm(vector) / np.linalg.norm(asked))
        for item_id, vector in stored.items()
    }
    assert [hit.item_id for hit in hits] == sorted(cosines, key=lambda item_id: -cosines[item_id])[:50]
    assert {hit.item_id: hit.score for hit in hits} == pytest.approx(
        {hit.item_id: cosines[hit.item_id] for hit in hits}, abs=1e-6
    )
    assert all(hit.similarity == hit.score and hit.bm25 is None for hit in hits)


def test_equally_near_items_are_ordered_by_id_however_many_there_are(tenant: Tenant) -> None:
    twins = {tenant.add("", vector=pointing(0, 0.5)) for _ in range(60)}

    hits = tenant.search(search_type=SearchType.VECTOR, vector=pointing(0), top_k=50)

    assert [hit.item_id for hit in hits] == sorted(twins)[:50]


def test_vectors_of_another_model_are_not_compared(tenant: Tenant) -> None:
    tenant.add("lemon", vector=pointing(0), model="the model before")
    current = tenant.add("lemon", vector=pointing(9))

    assert [hit.item_id for hit in tenant.search(search_type=SearchType.VECTOR, vector=pointing(0))] == [current]


# --- fusion -----------------------------------------------------------------------------------------------------------


def reciprocal_ranks(by_words: Sequence[Hit], by_vector: Sequence[Hit]) -> list[tuple[UUID, float]]:
    fused: dict[UUID, float] = {}
    for weight, hits in ((0.3, by_words), (0.7, by_vector)):
        for place, hit in enumerate(hits, start=1):
            fused[hit.item_id] = fused.get(hit.item_id, 0.0) + weight / (15 + place)
    return sorted(fused.items(), key=lambda entry: (-entry[1], entry[0]))


@settings(max_examples=25, deadline=None, database=None)
@given(
    corpus=st.lists(st.tuples(texts, st.integers(0, 6)), min_size=1, max_size=14), query=texts, top_k=st.integers(1, 12)
)
def test_hybrid_is_the_weighted_reciprocal_rank_fusion_of_both_arms(
    database_pool: Database, corpus: list[tuple[str, int]], query: str, top_k: int
) -> None:
    tenant = Tenant(database_pool, uuid4())
    for text, lean in corpus:
        tenant.add(text, vector=pointing(0, lean / 8))

    hits = tenant.search(query, SearchType.HYBRID, vector=pointing(0), top_k=top_k)

    by_words = tenant.search(query, top_k=50)
    by_vector = tenant.search(search_type=SearchType.VECTOR, vector=pointing(0), top_k=50)
    expected = reciprocal_ranks(by_words, by_vector)[:top_k]
    assert [hit.item_id for hit in hits] == [item_id for item_id, _ in expected]
    assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected])
    words, vectors = ({hit.item_id: hit.score for hit in arm} for arm in (by_words, by_vector))
    assert {hit.item_id: (hit.bm25, hit.similarity) for hit in hits} == {
        hit.item_id: (words.get(hit.item_id), vectors.get(hit.item_id)) for hit in hits
    }


def test_each_arm_gives_its_best_fifty(tenant: Tenant) -> None:
    for position in range(60):
        tenant.add("lemon " * (position + 1), vector=pointing(0, position / 61))

    hits = tenant.search("lemon", SearchType.HYBRID, vector=pointing(0), top_k=60)

    assert sum(hit.bm25 is not None for hit in hits) == 60
    fifty = tenant.search("lemon", SearchType.HYBRID, vector=pointing(0), top_k=50)
    assert [hit.item_id for hit in fifty] == [
        item_id
        for item_id, _ in reciprocal_ranks(
            tenant.search("lemon", top_k=50), tenant.search(search_type=SearchType.VECTOR, vector=pointing(0), top_k=50)
        )[:50]
    ]


def test_without_a_vector_hybrid_is_the_order_of_the_words(tenant: Tenant) -> None:
    for count in range(1, 6):
        tenant.add("lemon " * count + "tart")

    degraded = tenant.search("lemon", SearchType.HYBRID, vector=None)

    assert [hit.item_id for hit in degraded] == [hit.item_id for hit in tenant.search("lemon")]
    assert [hit.score for hit in degraded] == pytest.approx([0.3 / (15 + place) for place in range(1, 6)])


# --- filters ----------------------------------------------------------------------------------------------------------


def on(day: int) -> datetime:
    return datetime(2024, 5, day, tzinfo=UTC)


FILTERS: dict[str, tuple[SearchFilter, str]] = {
    "category": (SearchFilter(category="recipe"), "category = 'recipe'"),
    "one tag": (SearchFilter(tags=["red"]), "tags @> '{red}'"),
    "all of several tags": (SearchFilter(tags=["red", "old"]), "tags @> '{red,old}'"),
    "favorites": (SearchFilter(favorite=True), "favorite"),
    "anything but favorites": (SearchFilter(favorite=False), "NOT favorite"),
    "since": (SearchFilter(occurred_from=on(5)), "occurred_at >= '2024-05-05Z'"),
    "until": (SearchFilter(occurred_to=on(5)), "occurred_at < '2024-05-05Z'"),
    "everything at once": (
        SearchFilter("recipe", ["red"], on(2), on(8), True),
        "favorite AND category = 'recipe' AND tags @> '{red}'"
        " AND occurred_at >= '2024-05-02Z' AND occurred_at < '2024-05-08Z'",
    ),
    "nothing left": (SearchFilter(category="x'; DROP TABLE items; --"), "false"),
}


@pytest.mark.parametrize(("narrow", "where"), FILTERS.values(), ids=FILTERS.keys())
def test_filters_hold_in_both_arms_and_in_the_statistics(tenant: Tenant, narrow: SearchFilter, where: str) -> None:
    combinations = itertools.product(["recipe", "photo"], [[], ["red"], ["red", "old"]], range(1, 10, 2))
    for number, (category, tags, day) in enumerate(combinations):
        tenant.add(
            "lemon " * (number % 4) + "tart " * (number % 3) + "filler " * number,
            vector=pointing(0, number / 40),
            category=category,
            tags=tags,
            favorite=day == 5,
            taken_at=on(day),
        )

    by_words = tenant.search("lemon tart", narrow=narrow, top_k=50)
    by_vector = tenant.search(search_type=SearchType.VECTOR, vector=pointing(0), narrow=narrow, top_k=50)
    both = tenant.search("lemon tart", SearchType.HYBRID, vector=pointing(0), narrow=narrow, top_k=50)

    rows = tenant.rows(where)
    assert_is_the_top_of(by_words, lucene(rows, {"lemon": 1, "tart": 1}), 50)
    assert {hit.item_id for hit in by_vector} == {row["item_id"] for row in rows}
    assert {hit.item_id for hit in both} == {row["item_id"] for row in rows}


# --- tenants ----------------------------------------------------------------------------------------------------------


def test_what_a_neighbour_has_changes_no_score(tenant: Tenant, neighbour: Tenant) -> None:
    texts = ["lemon tart", "lemon soap in a long and winding sentence", "train ticket"]
    for text in texts:
        tenant.add(text)
    alone = [hit.score for hit in tenant.search("lemon train")]
    for text in [*texts, *["lemon lemon"] * 20, "train " * 50]:
        neighbour.add(text)

    with_a_neighbour = tenant.search("lemon train")

    assert [hit.score for hit in with_a_neighbour] == alone
    assert not {hit.item_id for hit in with_a_neighbour} & {row["item_id"] for row in neighbour.rows()}
    assert [hit.score for hit in neighbour.search("lemon train")] != alone


def test_a_neighbours_vectors_are_never_near(tenant: Tenant, neighbour: Tenant) -> None:
    neighbour.add("lemon", vector=pointing(0))
    own = tenant.add("train", vector=pointing(9))

    assert [hit.item_id for hit in tenant.search("lemon", SearchType.HYBRID, vector=pointing(0))] == [own]


# --- what is shown ----------------------------------------------------------------------------------------------------


def analyzed(tenant: Tenant, item_id: UUID, headline: str, summary: str = "") -> None:
    item = ItemStore(tenant.database).get(tenant.user_id, item_id)
    assert item is not None
    answer = ProviderAnswer(AnalysisDocument(category="photo", headline=headline, summary=summary), "p", "m", "v")
    with tenant.database.tenant(tenant.user_id) as connection:
        analysis_store.save(connection, item, answer)


def test_the_users_title_wins_over_the_analysis_and_the_analysis_over_the_filename(tenant: Tenant) -> None:
    titled = tenant.add("lemon", title="Grandma's tart")
    described = tenant.add("lemon")
    bare = tenant.add("lemon")
    analyzed(tenant, titled, "A tart", "With lemons")
    analyzed(tenant, described, "A tart", "With lemons")

    shown = {hit.item_id: (hit.headline, hit.summary) for hit in tenant.search("lemon")}

    assert shown == {
        titled: ("Grandma's tart", "With lemons"),
        described: ("A tart", "With lemons"),
        bare: ("photo.png", ""),
    }


def test_the_newest_analysis_is_the_one_that_is_shown(tenant: Tenant) -> None:
    item_id = tenant.add("lemon")
    analyzed(tenant, item_id, "What was seen first")
    with tenant.database.tenant(tenant.user_id) as connection:
        connection.execute("UPDATE items SET generation = 2 WHERE item_id = %s", [item_id])
    analyzed(tenant, item_id, "What was seen later")

    (hit,) = tenant.search("lemon")

    assert hit.headline == "What was seen later"


def test_a_hit_carries_what_a_list_needs(tenant: Tenant) -> None:
    tenant.add("lemon", category="recipe", tags=["red"], favorite=True, taken_at=on(3), width=4, height=3)

    (hit,) = tenant.search("lemon")

    assert hit.category == "recipe"
    assert hit.metadata == {
        "original_filename": "photo.png",
        "mime_type": "image/png",
        "width": 4,
        "height": 3,
        "tags": ["red"],
        "favorite": True,
        "taken_at": on(3),
        "created_at": hit.metadata["created_at"],
    }


def test_a_deleted_item_is_not_found_from_the_first_moment(tenant: Tenant) -> None:
    kept, gone = tenant.add("lemon"), tenant.add("lemon")
    ItemStore(tenant.database).mark_deleted(tenant.user_id, gone)

    for search_type in RANKINGS:
        found = tenant.search("lemon", search_type, vector=pointing(0))
        assert [hit.item_id for hit in found] == [kept]


def test_saving_again_replaces_what_was_findable(tenant: Tenant) -> None:
    item_id = tenant.add("lemon")
    item = ItemStore(tenant.database).get(tenant.user_id, item_id)
    assert item is not None
    document = Document("train", "", "")

    with tenant.database.tenant(tenant.user_id) as connection:
        store.save(connection, item, document, pointing(4), "next-model")

    assert tenant.search("lemon") == []
    assert [hit.item_id for hit in tenant.search("train")] == [item_id]
    (found,) = tenant.search(search_type=SearchType.VECTOR, vector=pointing(4), model="next-model")
    assert found.similarity == pytest.approx(1.0, abs=1e-3)
    with tenant.database.tenant(tenant.user_id) as connection:
        row = connection.execute("SELECT document_hash FROM item_vectors WHERE item_id = %s", [item_id]).fetchone()
    assert row == {"document_hash": hashlib.sha256(b"train").digest()}


# --- the plan ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(owner_url: str) -> Iterator[None]:
    with psycopg.connect(owner_url, autocommit=True) as owner:
        user_ids = given_crowd(owner)
        owner.execute(f"ANALYZE {', '.join(TABLES)}")
        yield
        owner.execute("DELETE FROM items WHERE user_id = ANY(%s)", [user_ids])


def test_what_search_reads_has_b_trees_that_begin_with_the_tenant_and_nothing_approximate(
    owner: psycopg.Connection,
) -> None:
    found = owner.execute("""
        SELECT relname, amname, attname FROM pg_index
        JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
        JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
        WHERE indrelid::regclass::text IN ('item_search', 'item_postings', 'item_vectors')
    """).fetchall()

    assert len(found) >= 6
    assert [name for name, method, first in found if (method, first) != ("btree", "user_id")] == []


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("options", ["FORMAT JSON", "FORMAT JSON, GENERIC_PLAN"], ids=["these values", "any values"])
@pytest.mark.parametrize("narrow", [NOWHERE, SearchFilter(category="recipe"), SearchFilter(tags=["red"])], ids=str)
@pytest.mark.parametrize("search_type", RANKINGS)
def test_a_search_reads_its_tenants_rows_and_no_others(
    app_url: str, options: str, narrow: SearchFilter, search_type: SearchType
) -> None:
    with explained(app_url, options) as database:
        Tenant(database, uuid4()).search("lemon tart", search_type, vector=pointing(0), narrow=narrow)

    assert_reads_one_tenant(database.plans)
