"""What every stage does with events, results and failures, on a store in memory."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread
from uuid import UUID, uuid4

import pytest

from app.items import pipeline
from app.items.models import (
    ANALYSIS,
    EMBEDDING,
    IMAGE_PROCESSING,
    RESUMED_BY,
    Claim,
    Item,
    ItemRef,
    Stage,
    Status,
)
from app.items.pipeline import Result, Used, backoff, counted, resume_event, run_stage
from app.items.work import nothing_more
from app.platform.database import Connection
from app.platform.errors import Paused, PermanentFailure, QuotaExceeded, Unavailable
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, ItemFailed, ItemReady
from app.platform.spending import Spent, paid
from tests.fakes import CountingQuota, MemoryItems, RecordingEvents, an_item

LEASE_S, MAX_ATTEMPTS = 120, 3


@dataclass
class Bench:
    """The analysis stage around one item (or several), with work that counts itself."""

    items: MemoryItems
    events: RecordingEvents = field(default_factory=RecordingEvents)
    results: dict[UUID, Result | Used] = field(default_factory=dict)
    worked_on: list[UUID] = field(default_factory=list)
    written: list[UUID] = field(default_factory=list)
    during: Callable[[], None] = lambda: None
    quota: CountingQuota = field(default_factory=CountingQuota)

    def run(self, *refs: ItemRef, stage: Stage = ANALYSIS) -> list[pipeline.Verdict]:
        return run_stage(
            refs,
            stage=stage,
            work=self._work,
            items=self.items,
            events=self.events,
            lease_seconds=LEASE_S,
            max_attempts=MAX_ATTEMPTS,
            quota=self.quota,
        )

    def status(self, item: Item) -> Status:
        return self.now(item).status

    def now(self, item: Item) -> Item:
        found = self.items.get(item.user_id, item.item_id)
        assert found
        return found

    def _work(self, claims: Sequence[Claim]) -> Mapping[UUID, Result | Used]:
        ids = [claim.item.item_id for claim in claims]
        self.worked_on += ids
        self.during()
        return {item_id: self.results.get(item_id, self._write(item_id)) for item_id in ids}

    def _write(self, item_id: UUID) -> Callable[[Connection], None]:
        return lambda _connection: self.written.append(item_id)


def waiting(**changes: object) -> Item:
    return an_item(**({"status": Status.ANALYZING} | changes))


@pytest.fixture
def item() -> Item:
    return waiting()


@pytest.fixture
def bench(item: Item) -> Bench:
    return Bench(MemoryItems(item))


def test_an_item_is_worked_on_advanced_and_announced(bench: Bench, item: Item) -> None:
    verdicts = bench.run(item.ref)

    assert verdicts == [None]
    assert bench.written == [item.item_id]
    assert bench.status(item) is Status.EMBEDDING
    assert bench.events.published == [AnalysisComplete(item.user_id, item.item_id, 1)]


def test_of_many_workers_one_works(bench: Bench, item: Item) -> None:
    together = Barrier(8)

    def deliver() -> None:
        together.wait()
        bench.run(item.ref)

    workers = [Thread(target=deliver) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert bench.worked_on == [item.item_id]
    assert bench.written == [item.item_id]


def test_a_redelivered_event_is_announced_again_but_not_worked_on_again(bench: Bench, item: Item) -> None:
    bench.run(item.ref)

    verdicts = bench.run(item.ref)

    assert verdicts == [None]
    assert bench.worked_on == [item.item_id]
    assert bench.events.published == [AnalysisComplete(item.user_id, item.item_id, 1)] * 2


@pytest.mark.parametrize(
    ("stage", "status", "announced"),
    [
        (IMAGE_PROCESSING, Status.ANALYZING, ImageProcessed),
        (IMAGE_PROCESSING, Status.READY, ImageProcessed),
        (ANALYSIS, Status.EMBEDDING, AnalysisComplete),
        (ANALYSIS, Status.READY, AnalysisComplete),
        (EMBEDDING, Status.READY, ItemReady),
    ],
)
def test_an_item_past_a_stage_is_announced_by_it_again(stage: Stage, status: Status, announced: type) -> None:
    item = an_item(status=status)
    bench = Bench(MemoryItems(item))

    verdicts = bench.run(item.ref, stage=stage)

    assert verdicts == [None]
    assert bench.worked_on == []
    assert bench.events.published == [announced(item.user_id, item.item_id, 1)]


@pytest.mark.parametrize(
    ("stage", "status"),
    [
        (ANALYSIS, Status.UPLOADING),
        (ANALYSIS, Status.PROCESSING),
        (EMBEDDING, Status.PROCESSING),
        (EMBEDDING, Status.ANALYZING),
    ],
)
def test_an_event_ahead_of_its_item_is_let_go_in_silence(stage: Stage, status: Status) -> None:
    item = an_item(status=status)
    bench = Bench(MemoryItems(item))

    verdicts = bench.run(item.ref, stage=stage)

    assert verdicts == [None]
    assert bench.worked_on == []
    assert bench.events.published == []


@pytest.mark.parametrize("generation", [1, 3])
def test_an_event_of_another_generation_is_ignored(generation: int) -> None:
    item = waiting(generation=2)
    bench = Bench(MemoryItems(item))

    verdicts = bench.run(replace(item.ref, generation=generation))

    assert verdicts == [None]
    assert bench.worked_on == []
    assert bench.events.published == []


def test_a_deleted_item_s_event_is_acknowledged(bench: Bench) -> None:
    verdicts = bench.run(ItemRef(uuid4(), uuid4(), 1))

    assert verdicts == [None]
    assert bench.events.published == []


def test_another_tenant_s_reference_to_the_item_finds_nothing(bench: Bench, item: Item) -> None:
    verdicts = bench.run(replace(item.ref, user_id=uuid4()))

    assert verdicts == [None]
    assert bench.worked_on == []


def test_a_live_lease_gives_the_message_back_for_what_remains_of_it() -> None:
    item = waiting(lease_until=datetime.now(UTC) + timedelta(seconds=40))
    bench = Bench(MemoryItems(item))

    [verdict] = bench.run(item.ref)

    assert verdict in (40, 41)
    assert bench.worked_on == []


def test_an_expired_lease_is_taken_over() -> None:
    item = waiting(lease_until=datetime.now(UTC) - timedelta(seconds=1))
    bench = Bench(MemoryItems(item))

    verdicts = bench.run(item.ref)

    assert verdicts == [None]
    assert bench.status(item) is Status.EMBEDDING


def test_a_worker_that_crashed_is_replaced_once_its_lease_is_over(bench: Bench, item: Item) -> None:
    def crash() -> None:
        raise RuntimeError("killed")

    bench.during = crash
    with pytest.raises(RuntimeError):
        bench.run(item.ref)
    bench.during = lambda: None

    [while_leased] = bench.run(item.ref)
    bench.items.expire_leases()
    [afterwards] = bench.run(item.ref)

    assert while_leased is not None
    assert afterwards is None
    assert bench.status(item) is Status.EMBEDDING


def test_an_unavailable_provider_releases_the_item_and_backs_off(bench: Bench, item: Item) -> None:
    bench.results[item.item_id] = Unavailable("busy", retry_after=0)

    [verdict] = bench.run(item.ref)

    assert verdict == backoff(1)
    assert bench.now(item).lease_until is None
    assert bench.status(item) is Status.ANALYZING
    assert bench.events.published == []


def test_the_wait_is_never_shorter_than_the_provider_asks_for(bench: Bench, item: Item) -> None:
    bench.results[item.item_id] = Unavailable("busy", retry_after=600)

    [verdict] = bench.run(item.ref)

    assert verdict == 600


def test_an_item_is_given_up_after_its_last_attempt(bench: Bench, item: Item) -> None:
    bench.results[item.item_id] = Unavailable("busy")

    verdicts = [bench.run(item.ref)[0] for _ in range(MAX_ATTEMPTS)]

    assert verdicts == [backoff(1), backoff(2), None]
    assert bench.now(item).error_code == "gave_up"
    assert bench.now(item).error_stage == "analyzer"
    assert bench.events.published == [ItemFailed(item.user_id, item.item_id, 1)]


def test_attempts_of_one_stage_do_not_count_in_the_next() -> None:
    item = waiting(attempts=MAX_ATTEMPTS - 1)
    bench = Bench(MemoryItems(item))

    bench.run(item.ref)

    assert bench.now(item).attempts == 0


def test_a_permanent_failure_fails_the_item_and_says_so(bench: Bench, item: Item) -> None:
    bench.results[item.item_id] = PermanentFailure("refused", "No answer for this image.")

    verdicts = bench.run(item.ref)

    assert verdicts == [None]
    assert bench.status(item) is Status.FAILED
    assert (bench.now(item).error_code, bench.now(item).error_message) == ("refused", "No answer for this image.")
    assert bench.events.published == [ItemFailed(item.user_id, item.item_id, 1)]


def test_a_failed_item_s_event_announces_the_failure_again(bench: Bench, item: Item) -> None:
    bench.results[item.item_id] = PermanentFailure("refused", "No.")
    bench.events.refuse_next()

    verdicts = [bench.run(item.ref)[0], bench.run(item.ref)[0]]

    assert verdicts == [7, None]
    assert bench.worked_on == [item.item_id]
    assert bench.events.published == [ItemFailed(item.user_id, item.item_id, 1)]


def test_a_refused_event_keeps_the_message_and_the_redelivery_announces(bench: Bench, item: Item) -> None:
    bench.events.refuse_next()

    first = bench.run(item.ref)
    second = bench.run(item.ref)

    assert (first, second) == ([7], [None])
    assert bench.written == [item.item_id]
    assert bench.events.published == [AnalysisComplete(item.user_id, item.item_id, 1)]


def test_a_worker_that_lost_its_lease_writes_nothing(bench: Bench, item: Item) -> None:
    def taken_over() -> None:
        bench.items.expire_leases()
        assert bench.items.claim(item.ref, ANALYSIS, lease_seconds=LEASE_S)

    bench.during = taken_over

    [verdict] = bench.run(item.ref)

    assert verdict == 1
    assert bench.written == []
    assert bench.status(item) is Status.ANALYZING
    assert bench.events.published == []


@pytest.mark.parametrize("result", [Unavailable("busy"), PermanentFailure("refused", "No.")])
def test_a_worker_that_lost_its_lease_neither_fails_nor_frees_the_item(
    bench: Bench, item: Item, result: Result
) -> None:
    def taken_over() -> None:
        bench.items.expire_leases()
        assert bench.items.claim(item.ref, ANALYSIS, lease_seconds=LEASE_S)

    bench.during, bench.results[item.item_id] = taken_over, result

    [verdict] = bench.run(item.ref)

    assert verdict is not None
    assert bench.status(item) is Status.ANALYZING
    assert bench.now(item).lease_until is not None
    assert bench.events.published == []


def test_an_item_deleted_under_a_worker_stays_deleted(bench: Bench, item: Item) -> None:
    bench.during = lambda: bench.items.delete(item)

    verdicts = [bench.run(item.ref)[0], bench.run(item.ref)[0]]

    assert verdicts == [1, None]
    assert bench.written == []
    assert bench.events.published == []


def test_one_bad_item_of_ten_does_not_hurt_the_others() -> None:
    batch = [waiting() for _ in range(10)]
    bench = Bench(MemoryItems(*batch))
    bench.results[batch[3].item_id] = PermanentFailure("refused", "No.")

    verdicts = bench.run(*(item.ref for item in batch))

    assert verdicts == [None] * 10
    assert [bench.status(item) for item in batch].count(Status.EMBEDDING) == 9
    assert bench.status(batch[3]) is Status.FAILED


def test_a_store_that_fails_for_one_item_of_a_batch_does_not_hurt_the_others() -> None:
    batch = [waiting() for _ in range(3)]
    bench = Bench(MemoryItems(*batch))

    def lost_connection(_connection: Connection) -> None:
        raise Unavailable("The database cannot be reached.", retry_after=9)

    bench.results[batch[0].item_id] = lost_connection

    verdicts = bench.run(*(item.ref for item in batch))

    assert verdicts == [9, None, None]
    assert [bench.status(item) for item in batch] == [Status.ANALYZING, Status.EMBEDDING, Status.EMBEDDING]
    assert bench.now(batch[0]).lease_until is None


def test_an_item_whose_store_always_fails_is_given_up_like_any_other(bench: Bench, item: Item) -> None:
    def lost_connection(_connection: Connection) -> None:
        raise Unavailable("The database cannot be reached.")

    bench.results[item.item_id] = lost_connection

    verdicts = [bench.run(item.ref)[0] for _ in range(MAX_ATTEMPTS)]

    assert verdicts[-1] is None
    assert bench.now(item).error_code == "gave_up"


def test_a_store_that_is_gone_altogether_keeps_the_message(bench: Bench, item: Item) -> None:
    class Unreleasable(MemoryItems):
        def release(self, claim: Claim, *, then: Callable[[Connection], None] = nothing_more) -> bool:
            raise Unavailable("The database cannot be reached.", retry_after=9)

    bench.items = Unreleasable(item)
    bench.results[item.item_id] = Unavailable("busy")

    [verdict] = bench.run(item.ref)

    assert verdict == 9


def test_an_item_twice_in_a_batch_is_worked_on_once(bench: Bench, item: Item) -> None:
    first, second = bench.run(item.ref, item.ref)

    assert first is None
    assert second is not None
    assert bench.worked_on == [item.item_id]
    assert bench.run(item.ref) == [None]


def test_verdicts_keep_the_order_of_the_batch() -> None:
    busy = waiting(lease_until=datetime.now(UTC) + timedelta(seconds=60))
    done, fresh = waiting(status=Status.READY), waiting()
    bench = Bench(MemoryItems(busy, done, fresh))
    bench.results[fresh.item_id] = Unavailable("busy", retry_after=700)

    verdicts = bench.run(done.ref, busy.ref, fresh.ref)

    assert verdicts[0] is None
    assert verdicts[1] in (60, 61)
    assert verdicts[2] == 700


def test_a_batch_without_work_to_do_does_not_call_the_provider(bench: Bench, item: Item) -> None:
    bench.run(ItemRef(uuid4(), uuid4(), 1))

    assert bench.worked_on == []


def test_back_off_doubles_from_five_seconds_to_a_quarter_of_an_hour() -> None:
    assert [backoff(attempts) for attempts in (1, 2, 3)] == [5, 10, 20]
    assert all(5 <= backoff(attempts) <= 900 for attempts in range(-1, 2000))
    assert backoff(1000) == 900
    assert backoff(1000, at_least=5000) == 5000


def test_every_waiting_state_is_resumed_by_the_event_its_stage_consumes() -> None:
    item = an_item()

    resumed = {status: type(resume_event(status, item.ref)) for status in RESUMED_BY}

    assert resumed == {
        Status.UPLOADING: ImageUploaded,
        Status.PROCESSING: ImageUploaded,
        Status.ANALYZING: ImageProcessed,
        Status.EMBEDDING: AnalysisComplete,
    }


SPENT = Spent(1000, 100, Decimal("0.003"))


def test_a_unit_is_held_while_the_item_is_worked_on_and_then_used(bench: Bench, item: Item) -> None:
    held: list[UUID] = []
    bench.during = lambda: held.extend(bench.quota.reserved.values())
    bench.results[item.item_id] = Used(lambda _connection: None, SPENT)

    bench.run(item.ref)

    assert held == [item.user_id]
    assert bench.quota.used == [SPENT]
    assert bench.quota.reserved == {}


def test_work_that_took_nothing_gives_its_unit_back(bench: Bench, item: Item) -> None:
    bench.run(item.ref)

    assert bench.quota.used == []
    assert bench.quota.reserved == {}


@pytest.mark.parametrize("failure", [PermanentFailure("refused", "No."), Unavailable("busy")])
def test_a_failure_gives_the_unit_back_unless_it_was_paid_for(
    bench: Bench, item: Item, failure: PermanentFailure | Unavailable
) -> None:
    bench.results[item.item_id] = failure
    bench.run(item.ref)
    unpaid = list(bench.quota.used)
    bench.items.put(item._replace(generation=2))
    bench.results[item.item_id] = Used(failure, SPENT)

    bench.run(replace(item.ref, generation=2))

    assert unpaid == []
    assert bench.quota.used == [SPENT]
    assert bench.quota.reserved == {}


def test_every_attempt_at_the_same_work_reserves_under_the_same_name(bench: Bench, item: Item) -> None:
    names: list[list[UUID]] = []
    bench.during = lambda: names.append(list(bench.quota.reserved))
    bench.results[item.item_id] = Unavailable("busy")

    for _ in range(2):
        bench.run(item.ref)
    bench.items.put(bench.now(item)._replace(generation=2))
    bench.run(replace(item.ref, generation=2))

    assert names[0] == names[1] != names[2]


def test_what_was_paid_for_an_item_that_is_gone_is_booked(bench: Bench, item: Item) -> None:
    bench.during = lambda: bench.items.delete(item)
    bench.results[item.item_id] = Used(lambda _connection: None, SPENT)

    bench.run(item.ref)

    assert bench.quota.used == [SPENT]


@pytest.mark.parametrize("refusal", [QuotaExceeded("At most 5 a day.", retry_after=4000), Paused("off")])
def test_an_item_beyond_a_limit_waits_and_its_message_goes(
    bench: Bench, item: Item, refusal: QuotaExceeded | Paused
) -> None:
    bench.quota.refusal = refusal

    verdicts = bench.run(item.ref)

    waiting_item = bench.now(item)
    assert verdicts == [None]
    assert bench.worked_on == []
    assert (waiting_item.status, waiting_item.attempts, waiting_item.error) == (Status.ANALYZING, 0, None)
    assert waiting_item.waits_for == refusal.detail
    assert waiting_item.waits_until
    assert abs(waiting_item.waits_until - datetime.now(UTC) - timedelta(seconds=refusal.retry_after)) < timedelta(
        seconds=5
    )


def test_an_item_that_waited_goes_on_when_it_may(bench: Bench, item: Item) -> None:
    bench.quota.refusal = QuotaExceeded("At most 5 a day.", retry_after=4000)
    bench.run(item.ref)
    bench.quota.refusal = None

    bench.run(item.ref)

    done = bench.now(item)
    assert (done.status, done.waits_until, done.waits_for) == (Status.EMBEDDING, None, None)


def test_a_repeated_event_needs_no_unit(bench: Bench, item: Item) -> None:
    bench.run(item.ref)
    bench.quota.refusal = QuotaExceeded("At most 5 a day.", retry_after=4000)

    verdicts = bench.run(item.ref)

    assert verdicts == [None]
    assert bench.events.of(AnalysisComplete) == [AnalysisComplete(item.user_id, item.item_id, 1)] * 2


def test_work_is_billed_for_what_it_says_was_paid() -> None:
    def refused() -> Result:
        paid("claude-sonnet-4-5", input_tokens=1_000_000)
        return PermanentFailure("refused", "No.")

    failure = PermanentFailure("unreadable_image", "No image.")

    assert counted(lambda: failure) is failure
    assert isinstance(billed := counted(refused), Used)
    assert billed.spent == Spent(1_000_000, 0, Decimal(3))
