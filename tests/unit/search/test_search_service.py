"""What a search asks of the index, and the stage that makes items findable."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.analysis.models import Analysis, AnalysisDocument
from app.items.models import Item, Status
from app.platform.errors import PermanentFailure, QuotaExceeded, Unavailable
from app.platform.settings import SearchSettings, StageSettings
from app.search import service, store
from app.search.models import Embedder, Evidence, Hit, QueryVector, Ranking, SearchFilter, SearchType
from app.search.service import Question
from tests.fakes import CountingEmbedder, MemoryItems, RecordingEvents, an_item

USER = uuid4()


@dataclass
class Index:
    """Answers every search with the same hits, and remembers what it was asked."""

    hits: Sequence[Hit] = ()
    asked: list[dict[str, Any]] = field(default_factory=list)
    evidence: Evidence = field(default_factory=lambda: Evidence(known=1.0))
    embedded_by: set[str] = field(default_factory=lambda: {CountingEmbedder.model})

    is_open: bool = False

    @contextmanager
    def at_once(self, user_id: UUID) -> Iterator[None]:
        assert user_id == USER
        self.is_open = True
        yield
        self.is_open = False

    def models(self, user_id: UUID) -> set[str]:
        assert user_id == USER
        return self.embedded_by

    def search(self, user_id: UUID, **asked: Any) -> Ranking:
        self.asked.append({"user_id": user_id} | asked)
        return Ranking(list(self.hits), self.evidence)


search = partial(service.search, settings=SearchSettings(hybrid_cutoff=0))


def a_hit(score: float, *, bm25: float | None = None, similarity: float | None = None) -> Hit:
    return Hit(uuid4(), score, bm25, similarity, "photo", "A tram", "", {})


def down() -> Embedder:
    raise Unavailable("The embedding provider does not answer.")


def not_configured() -> Embedder:
    raise PermanentFailure("provider_not_configured", "There is none.")


def over_quota() -> QuotaExceeded:
    return QuotaExceeded("At most 2 embeddings a day.", retry_after=60)


class Refusing(CountingEmbedder):
    """A provider that is there and will not take this query."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def embed_query(self, text: str) -> list[float]:
        raise self._error


def test_a_search_by_words_asks_no_provider() -> None:
    index, embedder = Index(), CountingEmbedder()

    search(USER, Question("tram", SearchType.BM25), index=index, embedder=lambda: embedder)

    assert embedder.calls == 0
    assert index.asked[0]["vector"] is None


@pytest.mark.parametrize("search_type", [SearchType.VECTOR, SearchType.HYBRID])
def test_a_search_by_meaning_embeds_the_query_once(search_type: SearchType) -> None:
    index, embedder = Index(), CountingEmbedder()

    search(USER, Question("tram", search_type), index=index, embedder=lambda: embedder)

    assert embedder.texts == {"tram": 1}
    assert index.asked[0]["vector"] == embedder.embed_query("tram")
    assert index.asked[0]["embedding_model"] == embedder.model


def test_a_question_reaches_the_index_whole() -> None:
    index, narrow = Index(), SearchFilter(category="photo", tags=["a"])

    search(USER, Question("tram", SearchType.BM25, 7, narrow), index=index, embedder=down)

    assert index.asked == [
        {
            "user_id": USER,
            "query": "tram",
            "vector": None,
            "embedding_model": "",
            "former": (),
            "missing": (),
            "search_type": SearchType.BM25,
            "narrow": narrow,
            "top_k": 7,
        }
    ]


@pytest.mark.parametrize(
    "embedder",
    [
        down,
        not_configured,
        lambda: Refusing(Unavailable("busy")),
        lambda: Refusing(PermanentFailure("refused", "This text is not taken.")),
    ],
    ids=["down", "not configured", "busy", "refuses"],
)
def test_without_a_vector_hybrid_answers_from_words_and_says_so(embedder: Any) -> None:
    index = Index([a_hit(0.02, bm25=3.0)])

    found = search(USER, Question("tram", SearchType.HYBRID), index=index, embedder=embedder)

    assert found.degraded == ["vector"]
    assert found.hits == index.hits
    assert (index.asked[0]["vector"], index.asked[0]["search_type"]) == (None, SearchType.HYBRID)


@pytest.mark.parametrize(("embedder", "error"), [(down, Unavailable), (not_configured, PermanentFailure)])
def test_without_a_vector_a_search_by_vector_has_no_answer(embedder: Any, error: type[Exception]) -> None:
    index = Index([a_hit(1.0)])

    with pytest.raises(error):
        search(USER, Question("tram", SearchType.VECTOR), index=index, embedder=embedder)

    assert index.asked == []


class Former(CountingEmbedder):
    """Who embedded before."""

    model = "fake-0"

    def embed_query(self, text: str) -> list[float]:
        super().embed_query(text)
        return [0.0, 1.0] + [0.0] * 1022


@pytest.mark.parametrize("search_type", [SearchType.VECTOR, SearchType.HYBRID])
def test_what_a_former_model_embedded_is_compared_with_the_query_as_that_model_embeds_it(
    search_type: SearchType,
) -> None:
    index, embedder, former = Index(embedded_by={"fake-0", "fake-1"}), CountingEmbedder(), Former()
    asked: list[tuple[str, bool]] = []

    found = search(
        USER,
        Question("tram", search_type, min_similarity=0.5),
        index=index,
        embedder=lambda: embedder,
        former=lambda model: asked.append((model, index.is_open)) or former,  # type: ignore[func-returns-value]
    )

    assert asked == [("fake-0", False)]  # and nobody held a connection meanwhile
    assert (embedder.texts, former.texts) == ({"tram": 1}, {"tram": 1})
    assert index.asked[0]["embedding_model"] == "fake-1"
    assert index.asked[0]["former"] == (QueryVector("fake-0", [0.0, 1.0] + [0.0] * 1022),)
    assert (index.asked[0]["missing"], found.degraded) == ((), [])


def test_once_everything_is_embedded_by_the_configured_model_nobody_else_is_asked() -> None:
    index, embedder = Index(), CountingEmbedder()

    search(USER, Question("tram"), index=index, embedder=lambda: embedder, former=lambda _: pytest.fail("asked"))

    assert embedder.calls == 1
    assert (index.asked[0]["former"], index.asked[0]["missing"]) == ((), ())


@pytest.mark.parametrize("search_type", [SearchType.VECTOR, SearchType.HYBRID])
@pytest.mark.parametrize(
    "former",
    [service.nobody_embeds, lambda _: Refusing(Unavailable("down")), lambda _: Refusing(over_quota())],
    ids=["gone", "down", "over quota"],
)
def test_where_a_former_model_cannot_be_asked_words_find_its_items_and_that_is_said(
    search_type: SearchType, former: Any
) -> None:
    by_words = a_hit(0.4, bm25=3.0)
    index = Index([a_hit(0.9, similarity=0.9), by_words], embedded_by={"fake-0", "fake-1"})

    found = search(
        USER,
        Question("tram", search_type, min_similarity=0.5),
        index=index,
        embedder=CountingEmbedder,
        former=former,
    )

    assert (index.asked[0]["former"], index.asked[0]["missing"]) == ((), ("fake-0",))
    assert found.degraded == ["former_model"]
    assert by_words in found.hits


def test_a_search_by_words_asks_for_no_model() -> None:
    index = Index(embedded_by={"fake-0"})

    found = search(USER, Question("tram", SearchType.BM25), index=index, embedder=down, former=service.nobody_embeds)

    assert found.degraded == []


def test_an_error_nobody_foresaw_is_not_a_degraded_search() -> None:
    with pytest.raises(ZeroDivisionError):
        search(USER, Question("tram"), index=Index(), embedder=lambda: Refusing(ZeroDivisionError()))


def test_words_are_measured_by_their_score() -> None:
    hits = [a_hit(4.0, bm25=4.0), a_hit(2.0, bm25=2.0), a_hit(1.9, bm25=1.9)]
    question = Question("tram", SearchType.BM25, min_bm25=2.0, min_similarity=0.99)

    found = search(USER, question, index=Index(hits), embedder=down)

    assert found.hits == hits[:2]


def test_meaning_is_measured_by_similarity() -> None:
    hits = [a_hit(0.8, similarity=0.8), a_hit(0.5, similarity=0.5), a_hit(0.4, similarity=0.4)]
    question = Question("tram", SearchType.VECTOR, min_bm25=99, min_similarity=0.5)

    found = search(USER, question, index=Index(hits), embedder=CountingEmbedder)

    assert found.hits == hits[:2]


def test_both_together_are_measured_by_similarity_and_what_has_none_is_not_similar() -> None:
    hits = [a_hit(0.03, bm25=9.0), a_hit(0.02, similarity=0.6), a_hit(0.01, bm25=1.0, similarity=0.4)]
    question = Question("tram", SearchType.HYBRID, min_similarity=0.5)

    found = search(USER, question, index=Index(hits), embedder=CountingEmbedder)

    assert found.hits == hits[1:2]


def test_without_vectors_no_similarity_is_asked_for() -> None:
    hits = [a_hit(0.03, bm25=9.0)]
    question = Question("tram", SearchType.HYBRID, min_similarity=0.5)

    found = search(USER, question, index=Index(hits), embedder=down)

    assert (found.hits, found.degraded) == (hits, ["vector"])


def test_without_thresholds_everything_found_is_shown() -> None:
    hits = [a_hit(0.03, bm25=9.0), a_hit(0.0), a_hit(-0.2, similarity=-0.2)]

    for search_type in SearchType:
        found = search(USER, Question("tram", search_type), index=Index(hits), embedder=CountingEmbedder)
        assert found.hits == hits


# --- making items findable --------------------------------------------------------------------------------------------


class Analyses:
    """The latest analyses of some items; remembers which tenant was asked for which."""

    def __init__(self, *items: Item) -> None:
        self.asked: list[tuple[UUID, set[UUID]]] = []
        self._items = items

    def latest(self, user_id: UUID, item_ids: list[UUID]) -> dict[UUID, Analysis]:
        self.asked.append((user_id, set(item_ids)))
        return {item.item_id: _an_analysis(item) for item in self._items if item.item_id in item_ids}


def _an_analysis(item: Item) -> Analysis:
    document = AnalysisDocument(category="photo", headline=item.original_filename, summary="")
    return Analysis(
        uuid4(), item.item_id, 1, document.model_dump(), "p", "m", "v", None, 0, 0, Decimal(0), datetime.now(UTC)
    )


def waiting(filename: str, **changes: Any) -> Item:
    return an_item(status=Status.EMBEDDING, original_filename=filename, **changes)


class Unembedded:
    """An index that has none of them yet."""

    def embedded(self, user_id: UUID, item_ids: list[UUID]) -> dict[UUID, tuple[bytes, str]]:
        return {}


def embed(items: Sequence[Item], embedder: Any, *, analyses: Analyses | None = None) -> dict[str, str]:
    """Run the stage over `items`, and where each of them stands then."""
    stored = MemoryItems(*items)
    service.embed_items(
        [item.ref for item in items],
        items=stored,
        analyses=analyses or Analyses(*items),
        index=Unembedded(),
        embedder=embedder,
        events=RecordingEvents(),
        settings=StageSettings(queue_url="https://queue.example.com"),
    )
    ends = {item.original_filename: stored.get(item.user_id, item.item_id) for item in items}
    return {name: item.error_code or item.status for name, item in ends.items() if item}


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are the integration tests' business."""
    monkeypatch.setattr(store, "save", lambda connection, **_: None)


def test_a_batch_is_embedded_in_one_call() -> None:
    embedder = CountingEmbedder()

    ends = embed([waiting("one"), waiting("two"), waiting("three")], lambda: embedder)

    assert set(ends.values()) == {Status.READY}
    assert embedder.calls == 1


def test_one_text_that_is_never_taken_fails_alone() -> None:
    embedder = CountingEmbedder(poison="bad")

    ends = embed([waiting("one"), waiting("bad"), waiting("three")], lambda: embedder)

    assert ends == {"one": Status.READY, "bad": "refused", "three": Status.READY}


def test_while_the_provider_is_down_nothing_is_given_up() -> None:
    ends = embed([waiting("one"), waiting("two")], down)

    assert ends == {"one": Status.EMBEDDING, "two": Status.EMBEDDING}


def test_an_item_without_an_analysis_fails_and_says_why() -> None:
    analyzed, bare = waiting("analyzed"), waiting("bare")

    ends = embed([analyzed, bare], CountingEmbedder, analyses=Analyses(analyzed))

    assert ends == {"analyzed": Status.READY, "bare": "no_analysis"}


def test_each_tenant_is_asked_for_its_own_analyses() -> None:
    mine, theirs = waiting("mine"), waiting("theirs")
    also_mine = waiting("also mine")._replace(user_id=mine.user_id)
    analyses = Analyses(mine, theirs, also_mine)

    embed([mine, theirs, also_mine], CountingEmbedder, analyses=analyses)

    assert sorted(analyses.asked, key=str) == sorted(
        [(mine.user_id, {mine.item_id, also_mine.item_id}), (theirs.user_id, {theirs.item_id})], key=str
    )
