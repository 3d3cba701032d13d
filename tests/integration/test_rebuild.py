"""Rebuilding a tenant's index: what another model embedded is embedded anew, page by page, and always found."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.analysis.store import AnalysisStore
from app.items.models import Item
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.jobs import service as job_service
from app.jobs.models import Done, Job, JobStatus, Kind, Step
from app.jobs.store import JobStore
from app.platform.database import Database
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.events import JobRequested
from app.platform.settings import JobSettings, SearchSettings
from app.platform.spending import Spent, paid
from app.search import documents, rebuild, store
from app.search.models import SearchFilter, SearchType
from app.search.rebuild import RebuildStore
from app.search.store import SearchStore
from app.usage.models import Kind as UsageKind
from app.usage.models import Terms
from app.usage.store import UsageStore
from tests.fakes import CountingEmbedder, RecordingEvents

OLD, NEW = "model-1", "model-2"
FREE = Terms(UsageKind.EMBEDDINGS, per_day=10_000, most_usd=Decimal(0), budget_usd=Decimal(0))


class NewModel(CountingEmbedder):
    """What is configured now."""

    model = NEW

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        paid("voyage-3.5-lite", input_tokens=100 * len(texts))
        return super().embed_documents(texts)


class Collection:
    """One tenant's items, and the jobs that rebuild their index."""

    def __init__(self, database: Database, user_id: UUID, items: ItemStore, analyses: AnalysisStore) -> None:
        self.user_id, self.items, self.analyses = user_id, items, analyses
        self.index = SearchStore(database, SearchSettings())
        self.rebuilds, self.usage, self.jobs = RebuildStore(database), UsageStore(database), JobStore(database)
        self.embedder = NewModel()
        self.terms = FREE
        self._database = database

    def add(self, headline: str, *, model: str = OLD, status: str = "ready") -> Item:
        item_id = uuid4()
        key = original_key(self.user_id, item_id, "image/png")
        item, _ = self.items.add(NewItem(self.user_id, item_id, key, "photo.png", "image/png", 1))
        analysis = AnalysisDocument(category="photo", headline=headline, summary="")
        with self._database.tenant(self.user_id) as connection:
            connection.execute("UPDATE items SET status = %s WHERE item_id = %s", [status, item_id])
            analysis_store.save(connection, item, ProviderAnswer(analysis, "fake", "fake-1", "1"))
            document = documents.build(item, analysis)
            store.save(connection, item, document, [1.0] + [0.0] * 1023, model)
        found = self.items.get(self.user_id, item_id)
        assert found
        return found

    def start(self) -> Job:
        job, _ = self.jobs.start(self.user_id, Kind.REBUILD)
        return job

    def step(self, job: Job) -> Step | Done:
        return rebuild.advance(
            job,
            items=self.items,
            rebuilds=self.rebuilds,
            analyses=self.analyses,
            index=self.index,
            embedder=lambda: self.embedder,
            quota=self.usage.quota(self.terms),
        )

    def run(self, job: Job) -> Job:
        """To the end, as the jobs' function would, each step in an invocation of its own."""
        for _ in range(100):
            job_service.run_job(
                JobRequested(job.user_id, job.job_id),
                kinds={Kind.REBUILD: lambda: self.step},
                jobs=self.jobs,
                events=RecordingEvents(),
                seconds_left=lambda: 0.0,
                settings=JobSettings(queue_url="any"),
            )
            now = self.jobs.get(job.user_id, job.job_id)
            assert now
            if now.status in (JobStatus.DONE, JobStatus.FAILED):
                return now
        raise AssertionError("it never ends")

    def models(self) -> dict[UUID, str]:
        with self._database.tenant(self.user_id) as connection:
            rows = connection.execute("SELECT item_id, embedding_model FROM item_vectors").fetchall()
        return {row["item_id"]: row["embedding_model"] for row in rows}

    def found(self, query: str, kind: SearchType = SearchType.HYBRID) -> set[UUID]:
        vector = None if kind is SearchType.BM25 else [1.0] + [0.0] * 1023
        ranking = self.index.search(
            self.user_id,
            query=query,
            vector=vector,
            embedding_model=NEW,
            search_type=kind,
            narrow=SearchFilter(),
            top_k=50,
        )
        return {hit.item_id for hit in ranking.hits}


@pytest.fixture
def collection(database_pool: Database, user_id: UUID, items: ItemStore, analyses: AnalysisStore) -> Collection:
    return Collection(database_pool, user_id, items, analyses)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rebuild, "PAGE", 3)


def used(collection: Collection) -> Spent:
    return collection.usage.usage(collection.user_id).today[UsageKind.EMBEDDINGS].spent


def count(collection: Collection) -> int:
    return collection.usage.usage(collection.user_id).today[UsageKind.EMBEDDINGS].count


def test_what_another_model_embedded_is_embedded_anew_and_the_rest_is_not(collection: Collection) -> None:
    old = [collection.add(f"old {number}") for number in range(7)]
    current = collection.add("current", model=NEW)

    job = collection.run(collection.start())

    assert set(collection.models().values()) == {NEW}
    assert job.result == {"items": 8, "embedded": 7, "unchanged": 1, "refused": 0}
    assert job.progress == 1
    assert sum(collection.embedder.texts.values()) == len(old)
    assert not any(current.original_filename in text for text in collection.embedder.texts)


def test_every_embedding_is_counted_and_paid_for_once(collection: Collection) -> None:
    for number in range(5):
        collection.add(f"old {number}")

    collection.run(collection.start())
    collection.run(collection.start())

    assert count(collection) == 5
    assert used(collection).input_tokens == 500


def test_at_every_moment_every_item_is_found_by_its_words(collection: Collection) -> None:
    ids = {collection.add(f"lighthouse {number}").item_id for number in range(7)}
    job = collection.start()
    seen = []
    state: dict[str, object] = {}

    for _ in range(4):
        outcome = collection.step(replace(job, state=state))
        with collection._database.tenant(collection.user_id) as connection:
            outcome.write(connection)
            during = {
                hit for kind in (SearchType.HYBRID, SearchType.BM25) for hit in collection.found("lighthouse", kind)
            }
        state = outcome.state if isinstance(outcome, Step) else {}
        seen.append(collection.found("lighthouse", SearchType.VECTOR))
        assert during == ids
        assert collection.found("lighthouse") == ids

    assert [len(found) for found in seen] == [3, 6, 7, 7]


def test_a_step_that_is_killed_is_done_again_and_counted_once(
    collection: Collection, owner: psycopg.Connection
) -> None:
    collection.add("old")
    job = collection.start()

    collection.step(job)  # and nobody writes what it came to
    assert set(collection.models().values()) == {OLD}
    collection.run(job)

    assert set(collection.models().values()) == {NEW}
    assert count(collection) == 1


def test_while_the_provider_is_down_the_job_waits_and_goes_on(collection: Collection) -> None:
    for number in range(4):
        collection.add(f"old {number}")
    outages = [True, True]

    def fail_at_first() -> None:
        if outages:
            outages.pop()
            raise Unavailable("down")

    collection.embedder.before = fail_at_first

    job = collection.run(collection.start())

    assert (job.status, set(collection.models().values())) == (JobStatus.DONE, {NEW})


def test_a_text_that_is_refused_stays_as_it_is_and_hurts_no_other(collection: Collection) -> None:
    bad = collection.add("poison")
    good = collection.add("good")
    collection.embedder = NewModel(poison="poison")

    job = collection.run(collection.start())

    assert collection.models() == {bad.item_id: OLD, good.item_id: NEW}
    assert job.result == {"items": 2, "embedded": 1, "unchanged": 0, "refused": 1}


def test_what_the_day_has_no_room_for_is_left_to_the_next_rebuild(collection: Collection) -> None:
    for number in range(5):
        collection.add(f"old {number}")
    collection.terms = replace(FREE, per_day=2)

    job = collection.run(collection.start())

    assert list(collection.models().values()).count(NEW) == 2
    assert job.status is JobStatus.DONE
    assert job.result
    assert "At most 2 embeddings a day" in job.result["stopped_by"]
    collection.terms = FREE
    collection.run(collection.start())
    assert set(collection.models().values()) == {NEW}


def test_an_item_that_is_edited_meanwhile_is_left_to_the_pipeline(collection: Collection) -> None:
    item = collection.add("old")
    rename: Callable[[], object] = partial(
        collection.items.edit, item.user_id, item.item_id, {"title": "new title"}, then=lambda *_: True
    )
    collection.embedder.after = lambda: rename() and None

    collection.run(collection.start())

    assert set(collection.models().values()) == {OLD}


def test_an_item_that_is_deleted_meanwhile_stays_deleted(collection: Collection) -> None:
    item = collection.add("old")

    def delete() -> None:
        collection.items.mark_deleted(item.user_id, item.item_id)
        collection.items.purge(item.user_id, item.item_id)

    collection.embedder.after = delete

    job = collection.run(collection.start())

    assert job.status is JobStatus.DONE
    assert collection.models() == {}


def test_what_type_ahead_completes_is_filled_in(collection: Collection, owner: psycopg.Connection) -> None:
    collection.add("lighthouse", model=NEW)
    owner.execute("DELETE FROM item_words WHERE user_id = %s", [collection.user_id])

    collection.run(collection.start())

    words = owner.execute("SELECT word FROM item_words WHERE user_id = %s", [collection.user_id]).fetchall()
    assert ("lighthouse",) in words


def test_the_status_tells_what_is_embedded_pending_and_failed(collection: Collection) -> None:
    for number in range(2):
        collection.add(f"old {number}")
    collection.add("current", model=NEW)
    collection.add("on its way", status="embedding")
    collection.add("failed", status="failed")
    before = collection.rebuilds.status(collection.user_id, NEW)

    collection.run(collection.start())

    after = collection.rebuilds.status(collection.user_id, NEW)
    assert (before.items, before.embedded, before.pending, before.failed) == (5, 1, 3, 1)
    assert before.last_rebuild is None
    assert (after.items, after.embedded, after.pending, after.failed) == (5, 3, 1, 1)
    assert after.last_rebuild


def test_nobody_rebuilds_another_tenant_s_index(collection: Collection, database_pool: Database) -> None:
    collection.add("old")
    stranger = Collection(database_pool, uuid4(), collection.items, collection.analyses)

    job = stranger.run(stranger.start())

    assert job.result == {"items": 0, "embedded": 0, "unchanged": 0, "refused": 0}
    assert set(collection.models().values()) == {OLD}
    assert stranger.rebuilds.status(stranger.user_id, NEW).items == 0


def test_a_provider_that_has_no_key_fails_the_job_with_its_words(collection: Collection) -> None:
    collection.add("old")
    missing = PermanentFailure("provider_not_configured", "The parameter /collections/test/voyage_api_key is missing.")

    def refuse() -> None:
        raise missing

    collection.embedder.before = refuse

    job = collection.run(collection.start())

    assert (job.status, job.error_code, job.error_message) == (JobStatus.FAILED, missing.code, missing.detail)
