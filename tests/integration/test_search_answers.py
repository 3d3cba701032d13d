"""What a search says beyond the order: fusion by scores, evidence, marks, matched words, similar items, type-ahead."""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ImageDetails, ProviderAnswer
from app.items.lists import Facet
from app.items.models import ItemFilter
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.platform.database import Database
from app.platform.settings import SearchSettings
from app.search import documents, store
from app.search.hits import marked
from app.search.models import DIMENSIONS, Hit, Ranking, SearchFilter, SearchType
from app.search.store import SearchStore
from app.search.suggestions import Suggestion, SuggestionStore, split

MODEL = "test-model"


def leaning(cosine: float) -> list[float]:
    """A unit vector with this cosine to `leaning(1)`."""
    return [cosine, (1 - cosine * cosine) ** 0.5] + [0.0] * (DIMENSIONS - 2)


def add(
    database: Database,
    user_id: UUID,
    headline: str,
    *,
    summary: str = "",
    lines: Sequence[str] = (),
    cosine: float = 0.0,
    **columns: Any,
) -> UUID:
    """An item that went through the pipeline."""
    items, item_id = ItemStore(database), uuid4()
    items.add(NewItem(user_id, item_id, original_key(user_id, item_id, "image/png"), "a.png", "image/png", 1))
    details = ImageDetails(extracted_text=list(lines))
    analysis = AnalysisDocument(category="photo", headline=headline, summary=summary, image_details=details)
    with database.tenant(user_id) as connection:
        for name, value in columns.items():
            connection.execute(f"UPDATE items SET {name} = %s WHERE item_id = %s".encode(), [value, item_id])
    item = items.get(user_id, item_id)
    assert item is not None
    with database.tenant(user_id) as connection:
        analysis_store.save(connection, item, ProviderAnswer(analysis, "fake", "fake", "1"))
        store.save(connection, item, documents.build(item, analysis), leaning(cosine), MODEL)
    return item_id


def ask(
    database: Database, user_id: UUID, query: str, mode: SearchType = SearchType.HYBRID, **settings: Any
) -> Ranking:
    return SearchStore(database, SearchSettings(**settings)).search(
        user_id,
        query=query,
        vector=leaning(1) if mode is not SearchType.BM25 else None,
        embedding_model=MODEL,
        search_type=mode,
        narrow=SearchFilter(),
        top_k=10,
    )


# --- fusion by scores, and evidence -----------------------------------------------------------------------------------


def test_scores_are_fused_over_each_arms_best_and_the_tenants_mean(database_pool: Database, user_id: UUID) -> None:
    both = add(database_pool, user_id, "lemon tart", cosine=0.5)
    word = add(database_pool, user_id, "lemon lemon lemon lemon", cosine=0.1)
    near = add(database_pool, user_id, "something else", cosine=0.9)

    hits = {hit.item_id: hit for hit in ask(database_pool, user_id, "lemon", hybrid_feedback=0).hits}

    best = max(hit.bm25 or 0 for hit in hits.values())
    mean = (0.5 + 0.1 + 0.9) / 3
    for item_id, cosine in ((both, 0.5), (word, 0.1), (near, 0.9)):
        meaning = max(0, (cosine - mean) / (0.9 - mean))
        expected = 0.5 * (hits[item_id].bm25 or 0) / best + 0.5 * meaning
        assert hits[item_id].score == pytest.approx(expected, abs=2e-3)


def test_what_is_like_the_best_answer_moves_up_and_keeps_its_similarity(database_pool: Database, user_id: UUID) -> None:
    best = add(database_pool, user_id, "lemon tart", cosine=0.17)
    like = add(database_pool, user_id, "a cake", cosine=0.82)
    near = add(database_pool, user_id, "a bridge", cosine=0.9)

    before, after = (
        ask(database_pool, user_id, "lemon", hybrid_feedback=feedback, hybrid_bm25_weight=0.9).hits
        for feedback in (0.0, 1.0)
    )

    assert [hit.item_id for hit in before] == [best, near, like]
    assert [hit.item_id for hit in after] == [best, like, near]
    assert {hit.item_id: hit.similarity for hit in after} == {hit.item_id: hit.similarity for hit in before}


def test_the_best_answer_without_a_vector_draws_nothing(database_pool: Database, user_id: UUID) -> None:
    best = add(database_pool, user_id, "lemon tart")
    with database_pool.tenant(user_id) as connection:
        connection.execute("UPDATE item_vectors SET embedding_model = 'another' WHERE item_id = %s", [best])
    near, far = (add(database_pool, user_id, "a bridge", cosine=cosine) for cosine in (0.9, 0.5))

    hits = ask(database_pool, user_id, "lemon", hybrid_bm25_weight=0.9).hits

    assert [hit.item_id for hit in hits] == [best, near, far]


def test_by_vector_alone_what_is_farther_than_most_is_in_order_too(database_pool: Database, user_id: UUID) -> None:
    items = [add(database_pool, user_id, "lemon", cosine=cosine) for cosine in (0.9, 0.1, 0.3, 0.2, 0.0)]

    hits = ask(database_pool, user_id, "anything", SearchType.VECTOR).hits

    assert [hit.item_id for hit in hits] == [items[place] for place in (0, 2, 3, 1, 4)]


def test_a_tenant_with_one_item_finds_it(database_pool: Database, user_id: UUID) -> None:
    only = add(database_pool, user_id, "lemon tart", cosine=0.7)

    ranking = ask(database_pool, user_id, "something sweet")

    assert [(hit.item_id, hit.score) for hit in ranking.hits] == [(only, 0.5)]


def test_evidence_is_the_share_of_known_words_and_the_spread_of_cosines(database_pool: Database, user_id: UUID) -> None:
    for cosine in (0.2, 0.4, 0.9):
        add(database_pool, user_id, "lemon tart", cosine=cosine)

    found = ask(database_pool, user_id, "lemon unheard").evidence
    everything = ask(database_pool, user_id, "lemon tart").evidence

    assert found.known is not None
    assert 0 < found.known < 0.5
    assert everything.known == 1
    assert (found.compared, found.nearest, found.mean) == (
        3,
        pytest.approx(0.9, abs=2e-3),
        pytest.approx(0.5, abs=2e-3),
    )
    assert found.deviation == pytest.approx(0.294, abs=2e-3)


def test_every_mode_brings_its_evidence(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "lemon tart", cosine=0.9)

    by_words = ask(database_pool, user_id, "lemon", SearchType.BM25).evidence
    by_vector = ask(database_pool, user_id, "lemon", SearchType.VECTOR).evidence

    assert (by_words.known, by_words.compared, by_words.nearest) == (1, 0, None)
    assert (by_vector.known, by_vector.compared) == (1, 1)


# --- why it matched ---------------------------------------------------------------------------------------------------


def best_hit(database: Database, user_id: UUID, query: str) -> Hit:
    return ask(database, user_id, query, SearchType.BM25).hits[0]


def test_matched_words_are_marked_in_every_text_that_has_them(database_pool: Database, user_id: UUID) -> None:
    add(
        database_pool,
        user_id,
        "Lemon tart",
        summary="A recipe with many lemons.",
        lines=["TARTE AU CITRON", "4 lemons, zest"],
        notes="for Anna",
    )

    hit = best_hit(database_pool, user_id, "recipes with lemon")

    assert hit.highlights == [
        "[[Lemon]] tart",
        "A [[recipe]] with many [[lemons]].",
        "TARTE AU CITRON\n4 [[lemons]], zest",
    ]


def test_the_users_title_is_what_is_marked(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "Lemon tart", title="Grandma's lemon cake", notes="ask her for lemon zest")

    hit = best_hit(database_pool, user_id, "lemon")

    assert hit.highlights == ["Grandma's [[lemon]] cake", "ask her for [[lemon]] zest"]


def test_marks_in_a_text_are_no_marks(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "a [[lemon]] <b>tart</b> \ue000x\ue001")

    hit = best_hit(database_pool, user_id, "lemon")

    assert len(hit.highlights) == 1
    assert hit.highlights[0].startswith("a [ [[[lemon]]] ] ")
    assert "\ue000" not in hit.highlights[0]


def test_marks_are_brackets_and_brackets_are_spaced() -> None:
    assert marked("[[x]] \ue000y\ue001") == "[ [x] ] [[y]]"


def test_matched_terms_are_the_querys_own_words_rarest_first(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "lemon")
    add(database_pool, user_id, "lemon")
    wanted = add(database_pool, user_id, "lemon recipe")

    hit = best_hit(database_pool, user_id, "Recipes with LEMONS and unicorns")

    assert (hit.item_id, hit.matched_terms) == (wanted, ["recipes", "lemons"])


def test_what_only_the_vector_found_matched_no_term(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "lemon tart", cosine=0.9)

    hit = ask(database_pool, user_id, "dessert").hits[0]

    assert (hit.matched_terms, hit.highlights, hit.bm25) == ([], [], None)


@pytest.mark.parametrize(
    "query", ["'; DROP TABLE items; --", "\\", "a:* & (b", "檸檬 タルト", "the of and", "%s %(x)s {x}"]
)
def test_no_query_breaks_the_marks(database_pool: Database, user_id: UUID, query: str) -> None:
    add(database_pool, user_id, query, cosine=0.5)

    assert len(ask(database_pool, user_id, query).hits) == 1


# --- similar items ----------------------------------------------------------------------------------------------------


def test_similar_items_are_nearest_first_without_the_item_itself(database_pool: Database, user_id: UUID) -> None:
    this = add(database_pool, user_id, "a", cosine=1.0, phash=0)
    far = add(database_pool, user_id, "b", cosine=0.2)
    twin = add(database_pool, user_id, "c", cosine=0.9, phash=7)
    add(database_pool, uuid4(), "somebody else's", cosine=1.0)

    hits = SearchStore(database_pool, SearchSettings()).similar(user_id, this, top_k=10)

    assert [(hit.item_id, hit.near_duplicate) for hit in hits] == [(twin, True), (far, False)]
    assert hits[0].score == hits[0].similarity == pytest.approx(0.9, abs=2e-3)


def test_an_item_of_somebody_else_has_nothing_similar(database_pool: Database, user_id: UUID) -> None:
    theirs = add(database_pool, uuid4(), "a")
    add(database_pool, user_id, "b")

    assert SearchStore(database_pool, SearchSettings()).similar(user_id, theirs, top_k=10) == []


# --- type-ahead and facets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "parts"),
    [
        ("lem", ("", "lem")),
        ("Tart Le", ("Tart ", "le")),
        ("lemon ", ("lemon ", "")),
        ("#ber", ("#", "ber")),
        ("", ("", "")),
    ],
)
def test_the_last_word_is_what_is_completed(query: str, parts: tuple[str, str]) -> None:
    assert split(query) == parts


def test_tags_and_categories_come_before_words_and_each_most_frequent_first(
    database_pool: Database, user_id: UUID
) -> None:
    add(database_pool, user_id, "Lemon tart", tags=["Lemonade"])
    add(database_pool, user_id, "Lemon lentils", category="legumes")
    add(database_pool, uuid4(), "Lessons of a stranger", tags=["letters"])

    found = SuggestionStore(database_pool).complete(user_id, "le", limit=10)

    assert found == [
        Suggestion("Lemonade", "tag", 1),
        Suggestion("legumes", "category", 1),
        Suggestion("lemon", "term", 2),
        Suggestion("lentils", "term", 1),
    ]


def test_of_two_that_differ_in_capitals_the_more_frequent_is_offered(database_pool: Database, user_id: UUID) -> None:
    for tags in (["Zoo"], ["zoo"], ["zoo"], ["ZOO"]):
        add(database_pool, user_id, "Elephant", tags=tags)

    assert SuggestionStore(database_pool).complete(user_id, "zo", limit=10) == [Suggestion("zoo", "tag", 2)]


TAGS = st.lists(
    st.sampled_from(
        ["Öl", "ölig", "Summer day", "summer", "midsummer", "a_b", "100%", "%", "straße", "字", "zoo", "Zoo"]
    ),
    unique=True,
    max_size=5,
)


@settings(max_examples=25)
@given(
    kept=st.lists(TAGS, max_size=5),
    deleted=st.lists(TAGS, max_size=5),
    part=st.sampled_from(["ö", "sum", "a_", "%", "ß", "字", "z"]),
)
def test_tags_by_a_part_are_those_of_the_items_that_are_there(
    database_pool: Database, kept: list[list[str]], deleted: list[list[str]], part: str
) -> None:
    user_id, items = uuid4(), ItemStore(database_pool)
    for tags in (*kept, *deleted):
        item_id = uuid4()
        items.add(NewItem(user_id, item_id, original_key(user_id, item_id, "image/png"), "a.png", "image/png", 1))
        items.edit(user_id, item_id, {"tags": tags}, then=lambda _connection, _item: False)
        if tags in deleted:
            items.mark_deleted(user_id, item_id)
    expected = Counter(tag for tags in kept if tags not in deleted for tag in tags if part in tag.lower())

    found = SuggestionStore(database_pool).tags(user_id, part, limit=20)

    assert {each.text: each.count for each in found} == expected
    order = [(not each.text.lower().startswith(part), -each.count) for each in found]
    assert order == sorted(order)


def test_wildcards_are_letters_to_type_ahead(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "Lemon tart", tags=["100%"])

    assert SuggestionStore(database_pool).complete(user_id, "%", limit=10) == []
    assert SuggestionStore(database_pool).complete(user_id, "_", limit=10) == []


def test_words_of_a_deleted_item_are_not_suggested(database_pool: Database, user_id: UUID) -> None:
    gone = add(database_pool, user_id, "Lemon tart")
    items = ItemStore(database_pool)

    items.mark_deleted(user_id, gone)
    items.purge(user_id, gone)

    assert SuggestionStore(database_pool).complete(user_id, "lem", limit=10) == []


def test_facets_count_what_the_filter_lets_through(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "a", tags=["x", "y"], category="recipe")
    add(database_pool, user_id, "b", tags=["x"], category="recipe", favorite=True)
    add(database_pool, user_id, "c", tags=["z"])
    add(database_pool, uuid4(), "d", tags=["x"])
    items = ItemStore(database_pool)

    assert items.facets(user_id, ItemFilter(category="recipe")) == [
        Facet("category", "recipe", 2),
        Facet("status", "uploading", 2),
        Facet("tag", "x", 2),
        Facet("tag", "y", 1),
    ]
    assert Facet("tag", "z", 1) in items.facets(user_id, ItemFilter())
    assert Facet("tag", "x", 1) in items.facets(user_id, ItemFilter(favorite=True))
