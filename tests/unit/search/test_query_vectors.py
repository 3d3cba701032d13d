"""Remembered query embeddings."""

import json

import pytest

from app.platform.errors import Unavailable
from app.platform.logs import facts, logger
from app.search.models import Embedder
from app.search.query_vectors import CacheReport, QueryVectors
from tests.captured_logs import captured_logs
from tests.fakes import CountingEmbedder


def test_a_repeated_query_is_embedded_once() -> None:
    vectors, embedder = QueryVectors(10), CountingEmbedder()

    first, second = (vectors.over(embedder).embed_query("tram") for _ in range(2))

    assert first == second
    assert embedder.texts == {"tram": 1}
    assert vectors.report() == CacheReport(size=10, entries=1, hits=1, misses=1)
    assert vectors.report().hit_rate == 0.5


def test_the_lines_of_a_search_say_whether_its_query_was_remembered() -> None:
    remembering = QueryVectors(10).over(CountingEmbedder())

    with captured_logs() as lines:
        for query in ("tram", "tram", "bus"):
            with facts():
                remembering.embed_query(query)
                logger.info("request")

    assert [json.loads(line)["query_cache_hit"] for line in lines.getvalue().splitlines()] == [0, 1, 0]


def test_the_least_recently_used_goes_first() -> None:
    vectors, embedder = QueryVectors(2), CountingEmbedder()
    remembering = vectors.over(embedder)

    for query in ("a", "b", "a", "c", "a", "b"):
        remembering.embed_query(query)

    assert embedder.texts == {"a": 1, "b": 2, "c": 1}


def test_another_model_is_another_vector() -> None:
    class Other(CountingEmbedder):
        model = "another"

    vectors, other = QueryVectors(10), Other()
    vectors.over(CountingEmbedder()).embed_query("tram")

    vectors.over(other).embed_query("tram")

    assert other.calls == 1


def test_a_failure_is_not_remembered() -> None:
    vectors, embedder = QueryVectors(10), CountingEmbedder()

    def refuse() -> None:
        raise Unavailable("busy")

    embedder.before = refuse
    with pytest.raises(Unavailable):
        vectors.over(embedder).embed_query("tram")
    embedder.before = lambda: None

    assert vectors.over(embedder).embed_query("tram")


def test_documents_are_not_remembered() -> None:
    vectors, embedder = QueryVectors(10), CountingEmbedder()
    remembering: Embedder = vectors.over(embedder)

    remembering.embed_documents(["tram"])

    assert vectors.report().entries == 0


def test_a_cache_of_no_size_keeps_nothing() -> None:
    vectors, embedder = QueryVectors(0), CountingEmbedder()

    for _ in range(2):
        vectors.over(embedder).embed_query("tram")

    assert embedder.calls == 2
