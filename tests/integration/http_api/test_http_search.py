"""Searching over HTTP."""

import pytest

from app.platform import wiring
from app.platform.errors import Unavailable
from app.platform.parameters import Secret
from app.search.voyage import VoyageEmbedder
from tests.integration.http_api.application import Embedder, User, assert_problem, given_searchable, on


@pytest.mark.parametrize(
    ("mode", "score_type"), [("bm25", "bm25"), ("vector", "similarity"), ("hybrid", "hybrid_rrf"), (None, "hybrid_rrf")]
)
def test_every_mode_finds_the_item_that_answers(user: User, mode: str | None, score_type: str) -> None:
    wanted = given_searchable(user, "Lemon tart", "A recipe with lemons", tags=["baking"], taken_at=on(3))
    given_searchable(user, "Train ticket", "From Bonn to Trier")

    answer = user.post("/search", {"query": "lemon"} | ({"search_type": mode} if mode else {}))

    assert answer.status_code == 200
    found = answer.json()
    assert (found["query"], found["search_type"]) == ("lemon", mode or "hybrid")
    assert (found["abstained"], found["degraded"]) == (False, [])
    assert found["total_results"] == len(found["results"])
    assert found["retrieval_time_ms"] > 0
    best = found["results"][0]
    assert (best["item_id"], best["rank"], best["score_type"]) == (str(wanted), 1, score_type)
    assert (best["headline"], best["summary"], best["category"]) == ("Lemon tart", "A recipe with lemons", "photo")
    assert f"{user.user_id}/thumbnails/{wanted}.webp" in best["thumbnail_url"]
    assert best["metadata"]["tags"] == ["baking"]
    assert (best["bm25_score"] is None) == (mode == "vector")
    assert (best["similarity"] is None) == (mode == "bm25")
    assert [result["rank"] for result in found["results"]] == list(range(1, len(found["results"]) + 1))


def test_an_analyzed_item_carries_its_analysis(user: User) -> None:
    item_id = given_searchable(user, "Lemon tart", "A recipe with lemons")

    item = user.get(f"/items/{item_id}").json()

    assert item["category"] == "photo"
    assert item["latest_analysis"]["headline"] == item["latest_analysis"]["raw_response"]["headline"] == "Lemon tart"
    assert item["latest_analysis"]["usage"] == {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0}
    assert item["urls"]["display"]
    assert item["urls"]["thumbnail"]


def test_nothing_found_is_said_plainly(user: User) -> None:
    given_searchable(user, "Lemon tart")

    found = user.post("/search", {"query": "bicycle", "search_type": "bm25"}).json()

    assert (found["results"], found["total_results"], found["abstained"]) == ([], 0, True)


def test_a_search_never_leaves_its_tenant(user: User, stranger: User) -> None:
    given_searchable(stranger, "Lemon tart")

    for mode in ("bm25", "vector", "hybrid"):
        assert user.post("/search", {"query": "lemon", "search_type": mode}).json()["results"] == []


def test_filters_narrow_every_mode(user: User) -> None:
    wanted = given_searchable(user, "Lemon tart", category="recipe", tags=["a", "b"], taken_at=on(2), favorite=True)
    given_searchable(user, "Lemon soap", category="product", tags=["a"], taken_at=on(9))

    for mode in ("bm25", "vector", "hybrid"):
        for narrow in (
            {"category_filter": "recipe"},
            {"favorite": True},
            {"tags": ["b"]},
            {"tags": ["b", "a"]},
            {"from": "2024-05-01T00:00:00Z", "to": "2024-05-03T00:00:00Z"},
        ):
            found = user.post("/search", {"query": "lemon", "search_type": mode} | narrow).json()["results"]
            assert [hit["item_id"] for hit in found] == [str(wanted)], (mode, narrow)


def test_thresholds_leave_out_what_scores_below(user: User) -> None:
    given_searchable(user, "lemon")
    given_searchable(user, "a tart of many other things and a lemon")

    all_scores = [
        hit["score"] for hit in user.post("/search", {"query": "lemon", "search_type": "bm25"}).json()["results"]
    ]
    above = user.post(
        "/search", {"query": "lemon", "search_type": "bm25", "min_relevance_score": all_scores[0]}
    ).json()["results"]
    near = user.post("/search", {"query": "lemon", "search_type": "vector", "min_similarity_score": 0.6}).json()

    assert all_scores == sorted(all_scores, reverse=True)
    assert [hit["score"] for hit in above] == all_scores[:1]
    assert all(hit["similarity"] >= 0.6 for hit in near["results"])


HOSTILE_QUERIES = [
    "' OR 1=1 --",
    'it\'s "quoted"',
    "back\\slash \\' \\\\",
    "a:* | b & !c <-> (d",
    "the and of",
    " ",
    "\t\n",
    "\x00",
    "写真 の 検索",
    "🪙🪙",
    "\u202e",
    "%s %(query)s {} {conditions}",
    "x" * 1000,
    "👩‍👩‍👧‍👦" * 100,
    "http://example.com/a?b=c&d=e user@example.com /etc/passwd 3.14e-10",
]


@pytest.mark.parametrize("query", HOSTILE_QUERIES)
@pytest.mark.parametrize("mode", ["bm25", "hybrid"])
def test_no_query_breaks_the_search(user: User, query: str, mode: str) -> None:
    given_searchable(user, "It's a lemon \\ tart: 写真 🪙 http://example.com/a")

    answer = user.post("/search", {"query": query, "search_type": mode})

    assert answer.status_code == 200, answer.text


class _NoEmbedder:
    def __call__(self) -> Embedder:
        raise Unavailable("The embedding provider does not answer.", retry_after=7)


def test_without_the_embedder_hybrid_answers_from_words_and_says_so(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = given_searchable(user, "Lemon tart")
    monkeypatch.setattr(wiring, "embedder", _NoEmbedder())

    hybrid = user.post("/search", {"query": "lemon", "min_similarity_score": 0.5})
    vector = user.post("/search", {"query": "lemon", "search_type": "vector"})

    assert hybrid.json()["degraded"] == ["vector"]
    assert [hit["item_id"] for hit in hybrid.json()["results"]] == [str(wanted)]
    assert hybrid.json()["abstained"] is False
    assert_problem(vector, 503)
    assert vector.headers["retry-after"] == "7"


def test_without_the_providers_key_words_are_searched_and_a_vector_search_names_what_is_missing(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_searchable(user, "Lemon tart")
    key = Secret(wiring.parameters(), "voyage_api_key")
    monkeypatch.setattr(wiring, "embedder", lambda: VoyageEmbedder(key, base_url="http://127.0.0.1:9"))

    hybrid, vector = (user.post("/search", {"query": "lemon", "search_type": kind}) for kind in ("hybrid", "vector"))

    assert hybrid.json()["degraded"] == ["vector"]
    assert hybrid.json()["total_results"] == 1
    assert "/collections/test/voyage_api_key" in assert_problem(vector, 503)["detail"]
    assert int(vector.headers["retry-after"]) > 0
