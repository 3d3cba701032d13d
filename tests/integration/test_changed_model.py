"""A change of the embedding model, from the last moment before it to the last item embedded anew: nothing is lost."""

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import pytest

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.analysis.store import AnalysisStore
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.jobs.models import Done, Kind
from app.jobs.store import JobStore
from app.platform.database import Database
from app.platform.errors import PermanentFailure
from app.platform.settings import SearchSettings
from app.search import documents, rebuild, service, store
from app.search.models import DIMENSIONS, Embedder, Found, SearchFilter, SearchType
from app.search.rebuild import FormerModel, RebuildStore
from app.search.service import Question
from app.search.store import SearchStore
from app.usage.models import Kind as UsageKind
from app.usage.models import Terms
from app.usage.store import UsageStore
from tests.integration.searching import explained, nodes

FREE = Terms(UsageKind.EMBEDDINGS, per_day=10_000, most_usd=Decimal(0), budget_usd=Decimal(0))
BY_MEANING = [SearchType.VECTOR, SearchType.HYBRID]
PLACES = ["harbour", "forest", "airport", "kitchen", "museum", "desert", "stadium", "library", "bakery", "garden"]
THINGS = ["ticket", "lamp", "bicycle"]


class Model:
    """Texts with words in common are near each other, in directions that no other model has.

    `sameness` (0..1): how near all texts are to each other, whatever they say; models differ in it.
    """

    provider, dimensions = "fake", DIMENSIONS

    def __init__(self, model: str, *, sameness: float) -> None:
        self.model, self._sameness = model, sameness
        self.documents: Counter[str] = Counter()
        self.queries: Counter[str] = Counter()

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.documents.update(texts)
        return [self._embed(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.queries[text] += 1
        return self._embed(text)

    def _embed(self, text: str) -> list[float]:
        vector = [0.0] * DIMENSIONS
        for word in text.lower().split():
            vector[1 + int.from_bytes(hashlib.sha256((self.model + word).encode()).digest()[:4]) % 1023] += 1.0
        norm = math.sqrt(sum(value * value for value in vector) or 1.0)
        scaled = [value / norm * math.sqrt(1 - self._sameness) for value in vector]
        return [math.sqrt(self._sameness), *scaled[1:]]


class Change:
    """One tenant, whose items `old` embedded and `new` is to."""

    def __init__(self, database: Database, items: ItemStore, analyses: AnalysisStore, settings: SearchSettings) -> None:
        self.user_id, self.database, self.items, self.analyses = uuid4(), database, items, analyses
        self.settings, self.index = settings, SearchStore(database, settings)
        self.rebuilds, self.usage = RebuildStore(database), UsageStore(database)
        self.old, self.new = Model("model-a", sameness=0.05), Model("model-b", sameness=0.3)
        self.configured = self.old

    def add(self, headline: str) -> UUID:
        """An item that the pipeline has just made findable, by the configured model."""
        # Always the same ids: which items are embedded anew first is their order.
        item_id = uuid5(NAMESPACE_URL, headline)
        key = original_key(self.user_id, item_id, "image/png")
        item, _ = self.items.add(NewItem(self.user_id, item_id, key, "x.png", "image/png", 1))
        analysis = AnalysisDocument(category="photo", headline=headline, summary="")
        document = documents.build(item, analysis)
        [vector] = self.configured.embed_documents([document.text])
        with self.database.tenant(self.user_id) as connection:
            connection.execute("UPDATE items SET status = 'ready' WHERE item_id = %s", [item_id])
            analysis_store.save(connection, item, ProviderAnswer(analysis, "fake", "fake-1", "1"))
            store.save(connection, item, document, vector, self.configured.model)
        return item_id

    def rebuilding(self) -> Iterator[float]:
        """A rebuild, stopped after each of its steps: how far it is, the beginning and the end included."""
        job, _ = JobStore(self.database).start(self.user_id, Kind.REBUILD)
        yield 0.0
        while True:
            outcome = rebuild.advance(
                job,
                items=self.items,
                rebuilds=self.rebuilds,
                analyses=self.analyses,
                index=self.index,
                embedder=lambda: self.configured,
                quota=self.usage.quota(FREE),
            )
            with self.database.tenant(self.user_id) as connection:
                outcome.write(connection)
            if isinstance(outcome, Done):
                return
            yield outcome.progress
            job = replace(job, state=outcome.state)

    def former(self, model: str) -> Embedder:
        return {"model-a": self.old, "model-b": self.new}[model]

    def search(
        self,
        query: str,
        search_type: SearchType,
        *,
        top_k: int = 50,
        narrow: SearchFilter | None = None,
        former: Callable[[str], Embedder] | None = None,
    ) -> Found:
        return service.search(
            self.user_id,
            Question(query, search_type, top_k, narrow or SearchFilter()),
            index=self.index,
            embedder=lambda: self.configured,
            former=former or self.former,
            settings=self.settings,
        )

    def found(self, query: str, search_type: SearchType, *, top_k: int = 50) -> list[UUID]:
        return [hit.item_id for hit in self.search(query, search_type, top_k=top_k).hits]


@pytest.fixture(params=["exact", "by signature"])
def change(
    request: pytest.FixtureRequest,
    database_pool: Database,
    items: ItemStore,
    analyses: AnalysisStore,
    monkeypatch: pytest.MonkeyPatch,
) -> Change:
    monkeypatch.setattr(rebuild, "PAGE", 4)
    # No answer is held back, and every hit is seen.
    large = 0 if request.param == "by signature" else 20_000
    settings = SearchSettings(large_tenant_items=large, abstain_below=-9, abstain_known_below=-9, hybrid_cutoff=0)
    made = Change(database_pool, items, analyses, settings)
    for place in PLACES:
        for thing in THINGS:
            made.add(f"{thing} {place}")
    return made


def queries() -> list[str]:
    """Each names one item in full."""
    return [f"{thing} {place}" for place in PLACES for thing in THINGS]


@pytest.mark.parametrize("search_type", BY_MEANING)
def test_at_every_step_of_a_rebuild_everything_is_found_that_was_found_before(
    change: Change, search_type: SearchType
) -> None:
    before = {query: change.found(query, search_type) for query in queries()}
    change.configured = change.new
    during: list[dict[str, list[UUID]]] = []

    for _ in change.rebuilding():
        during.append({query: change.found(query, search_type) for query in queries()})

    after = {query: change.found(query, search_type) for query in queries()}
    assert len(during) == 9
    for step in [*during, after]:
        assert all(set(step[query]) == set(before[query]) for query in before)
        # What a query names was the first, and may be passed by neighbours while scales are being learned.
        assert all(before[query][0] in step[query][:3] for query in before)


@pytest.mark.parametrize("search_type", BY_MEANING)
def test_what_shares_a_word_stays_among_the_first_whichever_model_embedded_it(
    change: Change, search_type: SearchType
) -> None:
    wanted = {place: set(change.found(place, search_type, top_k=3)) for place in PLACES}
    change.configured = change.new

    for _ in change.rebuilding():
        assert all(wanted[place] <= set(change.found(place, search_type, top_k=5)) for place in PLACES)


def test_no_document_is_embedded_twice_and_a_query_once_by_each_model_that_is_needed(change: Change) -> None:
    change.configured = change.new

    asked = []
    for _ in change.rebuilding():
        change.found("ticket harbour", SearchType.VECTOR)
        asked.append((change.old.queries.total(), change.new.queries.total()))
    done = asked[-1]
    change.found("ticket harbour", SearchType.VECTOR)

    assert asked == [(number, number) for number in range(1, 9)] + [(8, 9)]
    assert (change.old.queries.total(), change.new.queries.total()) == (done[0], done[1] + 1)
    assert set(change.new.documents.values()) == {1}
    assert change.new.documents.total() == change.old.documents.total() == 30


@pytest.mark.parametrize("search_type", BY_MEANING)
def test_what_comes_in_meanwhile_is_found_too(change: Change, search_type: SearchType) -> None:
    change.configured = change.new

    added = change.add("umbrella terrace")

    assert change.found("umbrella terrace", search_type)[0] == added
    assert change.found("ticket harbour", search_type)[0] != added


@pytest.mark.parametrize("search_type", BY_MEANING)
def test_where_the_former_model_is_not_to_be_had_its_items_are_found_by_their_words(
    change: Change, search_type: SearchType
) -> None:
    wanted = {query: change.found(query, search_type)[0] for query in queries()}
    change.configured = change.new

    for progress in change.rebuilding():
        for query, item_id in wanted.items():
            found = change.search(query, search_type, former=gone)
            scores = [hit.score for hit in found.hits]
            by_words = [hit.item_id for hit in found.hits if hit.similarity is None]
            assert found.degraded == ([] if progress == 1 else ["former_model"])
            assert scores == sorted(scores, reverse=True)
            # By one way or the other; and the one that has both words before those that have one.
            assert item_id in [hit.item_id for hit in found.hits]
            assert item_id not in by_words[1:]


def gone(model: str) -> Embedder:
    raise PermanentFailure("provider_not_configured", f"Nobody embeds with {model} here.")


@pytest.mark.parametrize("search_type", BY_MEANING)
def test_filters_hold_for_every_model(change: Change, search_type: SearchType) -> None:
    [wanted] = change.found("lamp desert", search_type, top_k=1)
    [unwanted] = change.found("lamp forest", search_type, top_k=1)
    for item_id in (wanted, unwanted):
        tags = ["kept"] if item_id == wanted else []
        with change.database.tenant(change.user_id) as connection:
            connection.execute("UPDATE items SET tags = %s WHERE item_id = %s", [tags, item_id])
            connection.execute("UPDATE item_search SET tags = %s WHERE item_id = %s", [tags, item_id])
    change.configured = change.new

    for _ in change.rebuilding():
        found = change.search("lamp forest", search_type, narrow=SearchFilter(tags=["kept"]))
        assert [hit.item_id for hit in found.hits] == [wanted]


def test_nobody_finds_another_tenant_s_items_by_a_former_model(change: Change, database_pool: Database) -> None:
    stranger = Change(database_pool, change.items, change.analyses, change.settings)
    stranger.configured = stranger.new

    assert stranger.found("ticket harbour", SearchType.VECTOR) == []
    assert stranger.index.models(stranger.user_id) == set()
    assert change.index.models(change.user_id) == {"model-a"}


def test_the_status_names_the_former_models_and_how_many_items_are_left_to_them(change: Change) -> None:
    change.configured = change.new
    told = [change.rebuilds.status(change.user_id, "model-b") for _ in change.rebuilding()]

    assert [status.former for status in told[:-1]] == [(FormerModel("model-a", 30 - done),) for done in range(0, 30, 4)]
    assert told[-1].former == ()
    assert [status.is_rebuilding for status in told] == [True] * len(told)


def test_which_models_there_are_is_looked_up_and_not_counted(app_url: str) -> None:
    with explained(app_url) as database:
        SearchStore(database, SearchSettings()).models(uuid4())

    scans = [node for node in nodes(database.plans) if node.get("Relation Name") == "item_vectors"]
    # One entry at a time: the lowest model, and as often as there is one, the next.
    assert len([node for node in nodes(database.plans) if node["Node Type"] == "Limit"]) == len(scans) == 2
    assert {node["Node Type"] for node in scans} == {"Index Only Scan"}
    assert {node["Index Name"] for node in scans} == {"item_vectors_signature"}
