"""Quotas where the pipeline meets them, in real PostgreSQL: charged with the claim, settled with the end, once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.analysis.store import AnalysisStore
from app.cleanup.store import CleanupStore, UsageCleanupStore
from app.items.models import Item, ItemRef, Status
from app.items.pipeline import Verdict
from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.platform.database import Database
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.events import ItemReady
from app.platform.settings import SearchSettings, StageSettings
from app.platform.spending import Spent, paid
from app.search.service import embed_items
from app.search.store import SearchStore
from app.usage.models import Kind, Terms, Used
from app.usage.store import UsageStore
from tests.fakes import CountingEmbedder, RecordingEvents

PAID = Terms(Kind.EMBEDDINGS, per_day=1000, most_usd=Decimal("0.5"), budget_usd=Decimal(100))


class Killed(BaseException):
    """The worker is gone: no handler of ours sees it."""


class PaidEmbedder(CountingEmbedder):
    """Charges 1,000 tokens a text, whatever comes of it."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        paid("voyage-3.5-lite", input_tokens=1000 * len(texts))
        return super().embed_documents(texts)


class Stage:
    """The third stage of one tenant."""

    def __init__(self, database: Database, user_id: UUID, items: ItemStore, analyses: AnalysisStore) -> None:
        self.user_id, self.items, self.usage = user_id, items, UsageStore(database)
        self.embedder, self.events, self.terms = PaidEmbedder(), RecordingEvents(), PAID
        self._database, self._analyses = database, analyses
        self._index = SearchStore(database, SearchSettings())

    def add(self, headline: str = "a lighthouse") -> Item:
        """An item that is analyzed and waits to be embedded."""
        item_id = uuid4()
        key = original_key(self.user_id, item_id, "image/png")
        item, _ = self.items.add(NewItem(self.user_id, item_id, key, "photo.png", "image/png", 1))
        analysis = AnalysisDocument(category="photo", headline=headline, summary="")
        with self._database.tenant(self.user_id) as connection:
            connection.execute("UPDATE items SET status = 'embedding' WHERE item_id = %s", [item_id])
            analysis_store.save(connection, item, ProviderAnswer(analysis, "fake", "fake-1", "1"))
        return item

    def deliver(self, *refs: ItemRef) -> list[Verdict]:
        return embed_items(
            refs,
            items=self.items,
            analyses=self._analyses,
            index=self._index,
            embedder=lambda: self.embedder,
            events=self.events,
            settings=StageSettings(queue_url="any", max_attempts=3),
            quota=self.usage.quota(self.terms),
        )

    def die_after_the_call(self, item: Item) -> None:
        """The worker embeds the item, is charged for it, and is no more."""

        def die() -> None:
            raise Killed

        self.embedder.after = die
        with pytest.raises(Killed):
            self.deliver(item.ref)
        self.embedder.after = lambda: None

    def now(self, item: Item) -> Item:
        found = self.items.get(self.user_id, item.item_id)
        assert found
        return found

    def used(self) -> Used:
        return self.usage.usage(self.user_id).today[Kind.EMBEDDINGS]


@pytest.fixture
def stage(database_pool: Database, user_id: UUID, items: ItemStore, analyses: AnalysisStore) -> Stage:
    return Stage(database_pool, user_id, items, analyses)


@pytest.fixture(autouse=True)
def a_new_month(owner: psycopg.Connection) -> None:
    owner.execute("DELETE FROM usage_days")
    owner.execute("DELETE FROM budget_months")


def budget(owner: psycopg.Connection) -> tuple[Decimal, Decimal]:
    """Reserved and spent, in US dollars."""
    row = owner.execute("SELECT sum(reserved_usd), sum(spent_usd) FROM budget_months").fetchone()
    assert row
    return row[0] or Decimal(0), row[1] or Decimal(0)


def test_one_event_delivered_five_times_to_five_workers_is_paid_and_counted_once(
    stage: Stage, owner: psycopg.Connection
) -> None:
    item = stage.add()

    with ThreadPoolExecutor(5) as workers:
        list(workers.map(lambda _: stage.deliver(item.ref), range(5)))

    assert stage.embedder.calls == 1
    assert stage.used() == Used(1, Spent(1000, 0, Decimal("0.00002")))
    assert budget(owner) == (0, Decimal("0.00002"))


def test_each_item_of_a_batch_bears_its_share_of_one_call(stage: Stage) -> None:
    items = [stage.add(f"headline {number}") for number in range(7)]

    stage.deliver(*(item.ref for item in items))

    assert stage.embedder.calls == 1
    assert stage.used() == Used(7, Spent(7000, 0, Decimal("0.00014")))


def test_a_worker_that_dies_after_the_call_leaves_one_unit_for_whoever_takes_over(
    stage: Stage, owner: psycopg.Connection
) -> None:
    item = stage.add()
    stage.die_after_the_call(item)
    held = budget(owner)
    owner.execute("UPDATE items SET lease_until = now() - interval '1 s' WHERE item_id = %s", [item.item_id])

    stage.deliver(item.ref)

    assert held == (Decimal("0.5"), 0)
    assert stage.used().count == 1
    assert budget(owner) == (0, Decimal("0.00002"))


def test_a_worker_that_dies_for_good_holds_nothing_for_ever(
    stage: Stage, owner: psycopg.Connection, cleanup_pool: Database
) -> None:
    item = stage.add()
    stage.die_after_the_call(item)
    owner.execute("UPDATE usage_reservations SET expires_at = now() - interval '1 s'")

    UsageCleanupStore(cleanup_pool).release_expired()

    assert stage.used().count == 0
    assert budget(owner) == (0, 0)


def test_an_outage_takes_no_unit(stage: Stage, owner: psycopg.Connection) -> None:
    item = stage.add()
    stage.embedder = CountingEmbedder()  # type: ignore[assignment]  # this one charges nothing

    def refuse() -> None:
        raise Unavailable("down")

    stage.embedder.before = refuse
    stage.deliver(item.ref)

    assert stage.used().count == 0
    assert budget(owner) == (0, 0)


def test_a_failure_that_was_paid_for_is_counted(stage: Stage, owner: psycopg.Connection) -> None:
    item = stage.add()

    def refuse() -> None:
        raise PermanentFailure("refused", "No.")

    stage.embedder.before = refuse
    stage.deliver(item.ref)

    assert stage.now(item).status is Status.FAILED
    assert stage.used() == Used(1, Spent(1000, 0, Decimal("0.00002")))


def test_text_that_is_embedded_already_takes_no_unit(stage: Stage) -> None:
    item = stage.add()
    stage.deliver(item.ref)
    again = stage.items.rework(stage.now(item), starting_as=Status.EMBEDDING, reuse_analysis=True)
    assert again

    stage.deliver(again.ref)

    assert stage.embedder.calls == 1
    assert stage.used().count == 1


def test_an_item_deleted_while_it_is_worked_on_was_paid_for_all_the_same(
    stage: Stage, owner: psycopg.Connection
) -> None:
    item = stage.add()
    stage.embedder.after = lambda: stage.items.mark_deleted(item.user_id, item.item_id) and None

    stage.deliver(item.ref)

    assert stage.used().count == 1
    assert budget(owner) == (0, Decimal("0.00002"))


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (replace(PAID, per_day=1), "At most 1 embeddings a day"),
        (replace(PAID, budget_usd=Decimal("0.5")), "budget of 0.50 USD"),
        (replace(PAID, is_paused=True), "switched off"),
    ],
)
def test_beyond_a_limit_an_item_waits_unharmed_and_nobody_is_asked(stage: Stage, terms: Terms, reason: str) -> None:
    if not terms.is_paused:
        first = stage.add("first")
        stage.deliver(first.ref)
    calls = stage.embedder.calls
    stage.terms = terms

    item = stage.add()
    verdicts = stage.deliver(item.ref)

    waiting = stage.now(item)
    assert verdicts == [None]
    assert stage.embedder.calls == calls
    assert (waiting.status, waiting.attempts, waiting.error) == (Status.EMBEDDING, 0, None)
    assert waiting.waits_until
    assert reason in (waiting.waits_for or "")


def test_cleanup_leaves_a_waiting_item_alone_until_its_time_has_come(
    stage: Stage, owner: psycopg.Connection, cleanup_items: CleanupStore
) -> None:
    item = stage.add()
    stage.terms = replace(PAID, per_day=0)
    stage.deliver(item.ref)
    owner.execute("UPDATE items SET updated_at = now() - interval '1 hour' WHERE item_id = %s", [item.item_id])
    before = {unsettled.ref for unsettled in cleanup_items.unsettled(older_than_seconds=900)}
    owner.execute("UPDATE items SET waits_until = now() - interval '1 s' WHERE item_id = %s", [item.item_id])

    after = {unsettled.ref for unsettled in cleanup_items.unsettled(older_than_seconds=900)}

    assert item.ref not in before
    assert item.ref in after


def test_an_item_that_waited_is_finished_when_it_may(stage: Stage) -> None:
    item = stage.add()
    stage.terms = replace(PAID, per_day=0)
    stage.deliver(item.ref)
    stage.terms = PAID

    stage.deliver(item.ref)

    done = stage.now(item)
    assert (done.status, done.waits_until, done.waits_for) == (Status.READY, None, None)
    assert stage.events.of(ItemReady) == [ItemReady(item.user_id, item.item_id, 1)]
