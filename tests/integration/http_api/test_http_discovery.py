"""Type-ahead, facets, similar items, the search's configuration, and silence, over HTTP."""

from uuid import uuid4

import pytest

from app.platform.settings import SearchSettings
from tests.integration.http_api.application import User, assert_problem, given_searchable


def test_a_query_that_nothing_answers_gets_an_empty_list_and_says_so(user: User) -> None:
    for headline in ("Lemon tart", "Train to Trier", "Blue jacket"):
        given_searchable(user, headline)

    found = user.post("/search", {"query": "tennis racket", "search_type": "hybrid"}).json()

    assert (found["abstained"], found["results"], found["total_results"]) == (True, [], 0)


def test_a_result_says_why_it_is_there(user: User) -> None:
    given_searchable(user, "Lemon tart", "With four lemons")
    given_searchable(user, "Train to Trier")

    best = user.post("/search", {"query": "lemons"}).json()["results"][0]

    assert best["matched_terms"] == ["lemons"]
    assert best["highlights"] == ["[[Lemon]] tart", "With four [[lemons]]"]
    assert best["bm25_score"] > 0
    assert best["similarity"] is not None


def test_type_ahead_completes_the_last_word(user: User, stranger: User) -> None:
    given_searchable(user, "Lemon tart", tags=["Lembas"])
    given_searchable(stranger, "Lemming")

    answer = user.get("/search/suggest", q="bake lem")

    assert answer.status_code == 200
    assert answer.json() == {
        "query": "bake lem",
        "suggestions": [
            {"text": "bake Lembas", "completion": "Lembas", "kind": "tag", "count": 1},
            {"text": "bake lemon", "completion": "lemon", "kind": "term", "count": 1},
        ],
    }


def test_a_tag_is_found_by_any_part_of_it_and_no_other_is_made_up(user: User, stranger: User) -> None:
    given_searchable(user, "Fjord", tags=["Summer holiday", "holiday", "Norway"])
    given_searchable(user, "Beach", tags=["holiday", "summer"])
    given_searchable(stranger, "Ski", tags=["winter holiday"])

    def tags(q: str, **query: object) -> list[tuple[str, int]]:
        found = user.get("/search/suggest", q=q, kind="tag", **query).json()["suggestions"]
        assert {each["kind"] for each in found} <= {"tag"}
        return [(each["text"], each["count"]) for each in found]

    assert tags("summer hol") == [("Summer holiday", 1)]
    assert tags(" HOLI") == [("holiday", 2), ("Summer holiday", 1)]
    assert tags("holi", limit=1) == [("holiday", 2)]
    assert tags("fjord holi") == []
    assert_problem(user.get("/search/suggest", q="holi", kind="term"), 422)


@pytest.mark.parametrize("kind", [{}, {"kind": "tag"}])
@pytest.mark.parametrize("query", ["lemon ", "%", "\\", "'", "\x00", "字"])
def test_type_ahead_takes_anything(user: User, query: str, kind: dict[str, str]) -> None:
    assert user.get("/search/suggest", q=query, **kind).json()["suggestions"] == []


def test_type_ahead_needs_something_typed(user: User) -> None:
    assert_problem(user.get("/search/suggest", q=""), 422)
    assert_problem(user.get("/search/suggest"), 422)


def test_the_configuration_is_that_of_the_settings(user: User) -> None:
    given_searchable(user, "Lemon tart")
    for _ in range(2):
        user.post("/search", {"query": "lemon"})

    config = user.get("/search/config").json()

    assert config["retrieval"] == SearchSettings().model_dump()
    assert (config["default_search_type"], config["default_top_k"], config["max_top_k"]) == ("hybrid", 10, 50)
    assert config["embedding_model"] == "bag-of-words"
    assert config["query_cache"]["hits"] >= 1
    assert 0 < config["query_cache"]["hit_rate"] <= 1


def test_similar_items_are_the_users_own_without_the_item_itself(user: User, stranger: User) -> None:
    this = given_searchable(user, "Lemon tart")
    near = given_searchable(user, "Lemon cake")
    given_searchable(user, "Train to Trier")
    given_searchable(stranger, "Lemon tart")

    results = user.get(f"/items/{this}/similar").json()["results"]

    assert len(results) == 2
    assert (results[0]["item_id"], results[0]["rank"], results[0]["score_type"]) == (str(near), 1, "similarity")
    assert results[0]["near_duplicate"] is False
    assert len(user.get(f"/items/{this}/similar", top_k=1).json()["results"]) == 1


def test_what_is_not_there_or_not_yours_has_no_similar_items(user: User, stranger: User) -> None:
    theirs = given_searchable(stranger, "Lemon tart")

    assert_problem(user.get(f"/items/{theirs}/similar"), 404)
    assert_problem(user.get(f"/items/{uuid4()}/similar"), 404)
    assert_problem(user.get(f"/items/{theirs}/similar", top_k=51), 422)


def test_facets_take_the_filters_of_the_list(user: User, stranger: User) -> None:
    given_searchable(user, "Lemon tart", tags=["sweet", "cake"], category="recipe")
    given_searchable(user, "Lemon soap", tags=["sweet"])
    given_searchable(stranger, "Lemon tree", tags=["sweet"])

    everything, recipes = user.get("/items/facets").json(), user.get("/items/facets", category="recipe").json()

    assert everything == {
        "categories": [{"value": "photo", "count": 1}, {"value": "recipe", "count": 1}],
        "tags": [{"value": "sweet", "count": 2}, {"value": "cake", "count": 1}],
        "statuses": [{"value": "ready", "count": 2}],
    }
    assert recipes["tags"] == [{"value": "cake", "count": 1}, {"value": "sweet", "count": 1}]
    assert_problem(user.get("/items/facets", limit=5), 422)
