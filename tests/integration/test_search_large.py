"""Large tenants: vectors are found by their signatures first. What comes out is held against the exact search."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.platform import migrations
from app.platform.database import Database
from app.platform.settings import SearchSettings
from app.search.models import DIMENSIONS, Hit, SearchFilter, SearchType
from app.search.store import SearchStore
from tests.integration.searching import (
    NOWHERE,
    RANKINGS,
    Tenant,
    assert_reads_one_tenant,
    explained,
    given_crowd,
    nodes,
    pointing,
)

EXACT = SearchSettings(large_tenant_items=1_000_000)
LARGE = SearchSettings(large_tenant_items=0)
SIZE = 400
WORDS = ["lemon", "tart", "train", "ticket", "receipt", "bread", "station"]


QUERIES = 40


def around(topics: int, size: int, seed: int) -> list[list[float]]:
    """Unit vectors that crowd around topics, as embeddings do."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(topics, DIMENSIONS))
    made = centres[generator.integers(0, topics, size)] + 0.8 * generator.normal(size=(size, DIMENSIONS))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).tolist()  # type: ignore[no-any-return]


MADE = around(12, SIZE + QUERIES, 3)
ITEMS, ASKED = MADE[:SIZE], MADE[SIZE:]


@pytest.fixture(scope="module")
def collection(database_pool: Database) -> Tenant:
    """Four hundred items with words, vectors and everything that can be filtered by."""
    tenant, generator = Tenant(database_pool, uuid4()), np.random.default_rng(5)
    for number, vector in enumerate(ITEMS):
        tenant.add(
            " ".join(generator.choice(WORDS, 1 + number % 9)),
            vector=vector,
            category="recipe" if number % 4 else "photo",
            tags=["red"] if number % 3 else [],
            favorite=number % 5 != 0,
            taken_at=datetime(2024, 5, 1 + number % 28, tzinfo=UTC),
        )
    return tenant


def both(tenant: Tenant, large: SearchSettings = LARGE) -> tuple[Tenant, Tenant]:
    return Tenant(tenant.database, tenant.user_id, EXACT), Tenant(tenant.database, tenant.user_id, large)


def identities(hits: Sequence[Hit]) -> list[UUID]:
    return [hit.item_id for hit in hits]


FILTERS = [
    NOWHERE,
    SearchFilter(category="recipe"),
    SearchFilter(tags=["red"]),
    SearchFilter(favorite=True),
    SearchFilter(occurred_from=datetime(2024, 5, 6, tzinfo=UTC), occurred_to=datetime(2024, 5, 25, tzinfo=UTC)),
    SearchFilter("recipe", ["red"], datetime(2024, 5, 3, tzinfo=UTC), datetime(2024, 5, 27, tzinfo=UTC), True),
]


@pytest.mark.parametrize("narrow", FILTERS, ids=str)
@pytest.mark.parametrize("search_type", RANKINGS)
def test_where_every_signature_is_followed_up_nothing_differs(
    collection: Tenant, search_type: SearchType, narrow: SearchFilter
) -> None:
    exact, large = both(collection)

    for vector, query in zip(ASKED[:8], itertools.cycle(["lemon tart", "ticket", "bread"]), strict=False):
        expected = exact.ranking(query, search_type, vector=vector, narrow=narrow)
        found = large.ranking(query, search_type, vector=vector, narrow=narrow)

        assert identities(found.hits) == identities(expected.hits)
        assert [hit.score for hit in found.hits] == pytest.approx([hit.score for hit in expected.hits])
        assert found.hits
        assert vars_of(found.evidence) == pytest.approx(vars_of(expected.evidence))


def vars_of(evidence: object) -> list[float]:
    return [getattr(evidence, name) or 0.0 for name in ("known", "compared", "nearest", "mean", "deviation")]


def test_an_eighth_of_the_signatures_holds_the_top_ten(collection: Tenant) -> None:
    exact, large = both(collection, SearchSettings(large_tenant_items=0, signature_depth=50))
    overlaps = []

    for vector in ASKED:
        expected = exact.search(search_type=SearchType.VECTOR, vector=vector)
        found = large.search(search_type=SearchType.VECTOR, vector=vector)
        overlaps.append(len({*identities(found)} & {*identities(expected)}) / 10)

    assert np.mean(overlaps) >= 0.99


@settings(max_examples=25, deadline=None, database=None)
@given(
    corpus=st.lists(st.tuples(st.sampled_from(WORDS), st.integers(0, 900)), min_size=1, max_size=40),
    query=st.sampled_from(WORDS),
    seed=st.integers(0, 99),
)
def test_random_collections_are_searched_alike(
    database_pool: Database, corpus: list[tuple[str, int]], query: str, seed: int
) -> None:
    tenant, vectors = Tenant(database_pool, uuid4()), around(3, 900, seed)
    for text, position in corpus:
        tenant.add(text, vector=vectors[position - 1])

    exact, large = both(tenant)
    for search_type in RANKINGS:
        expected = exact.ranking(query, search_type, vector=vectors[-1])
        found = large.ranking(query, search_type, vector=vectors[-1])
        assert identities(found.hits) == identities(expected.hits)


def test_the_number_of_items_to_compare_decides_and_what_does_not_apply_is_not_run(
    app_url: str, collection: Tenant
) -> None:
    for limit, narrow, is_large in (
        (SIZE, NOWHERE, False),
        (SIZE - 1, NOWHERE, True),
        # A filter leaves less to compare.
        (SIZE - 1, SearchFilter(category="photo"), False),
        (SIZE // 4 - 1, SearchFilter(category="photo"), True),
    ):
        with explained(app_url, "ANALYZE, FORMAT JSON") as database:
            Tenant(database, collection.user_id, SearchSettings(large_tenant_items=limit)).search(
                search_type=SearchType.VECTOR, vector=pointing(0), narrow=narrow
            )

        compared = [
            node["Actual Loops"] > 0
            for sort in nodes(database.plans)
            if "<~>" in str(sort.get("Sort Key"))
            for node in nodes(sort["Plans"])
            if node.get("Relation Name") == "item_vectors"
        ]
        assert compared == [is_large]


def test_an_even_sample_tells_what_cosines_are_like(collection: Tenant) -> None:
    exact, large = both(collection, SearchSettings(large_tenant_items=0, signature_depth=50, evidence_sample=200))

    for vector in ASKED[:10]:
        expected = exact.ranking(search_type=SearchType.VECTOR, vector=vector).evidence
        found = large.ranking(search_type=SearchType.VECTOR, vector=vector).evidence

        assert (found.compared, found.nearest) == (expected.compared, pytest.approx(expected.nearest))
        assert expected.mean is not None
        assert expected.deviation is not None
        assert found.mean == pytest.approx(expected.mean, abs=3 * expected.deviation / 200**0.5)
        assert found.deviation == pytest.approx(expected.deviation, rel=0.25)


def test_without_a_vector_there_is_no_evidence_of_one(collection: Tenant) -> None:
    _, large = both(collection)

    evidence = large.ranking("lemon", SearchType.HYBRID, vector=None).evidence

    assert (evidence.compared, evidence.nearest, evidence.mean) == (0, None, None)


def test_vectors_of_another_model_are_not_followed_up(database_pool: Database) -> None:
    tenant = Tenant(database_pool, uuid4(), LARGE)
    tenant.add("lemon", vector=pointing(0), model="the model before")
    current = tenant.add("lemon", vector=pointing(9))

    assert identities(tenant.search(search_type=SearchType.VECTOR, vector=pointing(0))) == [current]


def test_similar_items_are_the_same_ones(collection: Tenant) -> None:
    some = identities(collection.search("lemon"))

    for item_id in some:
        expected = SearchStore(collection.database, EXACT).similar(collection.user_id, item_id, top_k=10)
        found = SearchStore(collection.database, LARGE).similar(collection.user_id, item_id, top_k=10)

        assert [(hit.item_id, hit.score) for hit in found] == [(hit.item_id, hit.score) for hit in expected]
        assert len(found) == 10


# --- the plan ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unanalyzed_url(server_url: str) -> Iterator[str]:
    """A crowd that neither ANALYZE nor VACUUM has seen: what a table is like right after a deployment."""
    name = "never-analyzed"
    migrations.ensure_database(server_url, name)
    url = migrations.for_database(server_url, name)
    migrations.migrate(url)
    with psycopg.connect(url, autocommit=True) as owner:
        for table in ("items", "item_search", "item_postings", "item_vectors"):
            owner.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        given_crowd(owner)
    yield url.replace("postgres@", "collections_app@")
    with psycopg.connect(server_url, autocommit=True) as owner:
        owner.execute(f'DROP DATABASE "{name}"')


@pytest.mark.parametrize("options", ["FORMAT JSON", "FORMAT JSON, GENERIC_PLAN"], ids=["these values", "any values"])
@pytest.mark.parametrize("narrow", [NOWHERE, SearchFilter(tags=["red"])], ids=str)
@pytest.mark.parametrize("chosen", [EXACT, LARGE], ids=["exact", "large"])
def test_tables_without_statistics_are_not_scanned_either(
    unanalyzed_url: str, chosen: SearchSettings, narrow: SearchFilter, options: str
) -> None:
    with explained(unanalyzed_url, options) as database:
        Tenant(database, uuid4(), chosen).search("lemon", SearchType.HYBRID, vector=pointing(0), narrow=narrow)

    assert_reads_one_tenant(database.plans)
