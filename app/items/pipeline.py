"""How every stage works: claim, work outside any transaction, finish with the fence, publish after the commit.

The unacknowledged message is the outbox. Costly work is skipped on a repeated event; the publish never is.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid5

from app.items.models import RESUMED_BY, Claim, Item, ItemRef, Stage, Status
from app.items.work import LeaseLost, nothing_more
from app.platform import metrics
from app.platform.database import Connection
from app.platform.errors import AppError, Paused, PermanentFailure, QuotaExceeded, Unavailable, code_of
from app.platform.events import EventPublisher, ItemEvent, ItemFailed
from app.platform.logs import facts, logger, user_hash
from app.platform.spending import Spent, collecting
from app.usage.models import Quota

# What a stage made of one item: the write that stores it, or why there is none.
Result = Callable[[Connection], None] | PermanentFailure | Unavailable


@dataclass(frozen=True, slots=True)
class Used:
    """A result that took a unit of its owner's quota, and what that cost."""

    result: Result
    spent: Spent


def counted(work: Callable[[], Result]) -> Result | Used:
    """What `work` comes to, with its bill. A failure takes no unit, unless it was paid for."""
    with collecting() as bill:
        result = work()
    return billed(result, bill.total)


def billed(result: Result, spent: Spent) -> Result | Used:
    return Used(result, spent) if spent.cost_usd or not isinstance(result, AppError) else result


# All results of one batch, by item id. It raises nothing it can tell of one item.
Work = Callable[[Sequence[Claim]], Mapping[UUID, Result | Used]]
# What becomes of a message: None lets it go, a number gives it back for that many seconds.
Verdict = int | None

_RETRY_FIRST_S, _RETRY_MOST_S = 5, 900


class StageStore(Protocol):
    """What `run_stage` needs of the store."""

    def claim(
        self, ref: ItemRef, stage: Stage, *, lease_seconds: int, then: Callable[[Connection], None] = nothing_more
    ) -> Claim | None: ...
    def wait(self, ref: ItemRef, stage: Stage, *, seconds: int, reason: str) -> bool: ...
    def get(self, user_id: UUID, item_id: UUID) -> Item | None: ...
    def finish(self, claim: Claim, stage: Stage, *, write: Callable[[Connection], None]) -> None: ...
    def fail(
        self,
        claim: Claim,
        stage: Stage,
        *,
        code: str,
        message: str,
        then: Callable[[Connection], None] = nothing_more,
    ) -> bool: ...
    def release(self, claim: Claim, *, then: Callable[[Connection], None] = nothing_more) -> bool: ...


def run_stage(
    refs: Sequence[ItemRef],
    *,
    stage: Stage,
    work: Work,
    items: StageStore,
    events: EventPublisher,
    lease_seconds: int,
    max_attempts: int,
    quota: Quota | None = None,
) -> list[Verdict]:
    """Run one stage over a batch of items; one verdict per ref, in order. One bad item does not hurt the others.

    With a `quota`, a unit of each item's owner is reserved where the item is claimed and settled where it is let go.
    """
    started = time.perf_counter()
    verdicts: dict[int, Verdict] = {}
    claims: dict[int, Claim] = {}
    for position, ref in enumerate(refs):
        taken = _take(ref, stage, items=items, events=events, lease_seconds=lease_seconds, quota=quota)
        if isinstance(taken, Claim):
            claims[position] = taken
        else:
            verdicts[position] = taken
    outcomes = work(list(claims.values())) if claims else {}
    for position, claim in claims.items():
        outcome = outcomes[claim.item.item_id]
        result, spent = (outcome.result, outcome.spent) if isinstance(outcome, Used) else (outcome, None)
        account = _Account(quota, claim, stage, spent)
        with facts(item_id=str(claim.item.item_id), user=user_hash(claim.item.user_id)):
            verdicts[position] = _settle(
                claim, result, stage, items=items, events=events, max_attempts=max_attempts, account=account
            )
        _measure(claim, result, stage, since=started)
    return [verdicts[position] for position in range(len(refs))]


@dataclass(frozen=True, slots=True)
class _Account:
    """What becomes of the unit that was reserved for one item in one stage."""

    quota: Quota | None
    claim: Claim
    stage: Stage
    spent: Spent | None

    def settle(self, connection: Connection) -> None:
        if self.quota:
            ref = self.claim.item.ref
            self.quota.settle(connection, ref.user_id, _reservation(ref, self.stage), self.spent)

    def settle_alone(self) -> None:
        """The item is gone, or somebody else's: what it took was paid for all the same."""
        if self.quota and self.spent:
            ref = self.claim.item.ref
            try:
                self.quota.settle_alone(ref.user_id, _reservation(ref, self.stage), self.spent)
            except Unavailable:
                logger.exception("spent and not booked", cost_usd=str(self.spent.cost_usd))


def _reservation(ref: ItemRef, stage: Stage) -> UUID:
    """The same for all attempts at one generation of an item in one stage: it is counted once."""
    return uuid5(ref.item_id, f"{ref.generation}:{stage.name}")


def _measure(claim: Claim, result: Result, stage: Stage, *, since: float) -> None:
    """Of a batch, each item counts the whole time: that is how long it took for its owner."""
    elapsed_ms = round((time.perf_counter() - since) * 1000)
    metrics.publish({"latency_ms": elapsed_ms, "retries": int(claim.item.attempts > 1)}, stage=stage.name)
    if isinstance(result, AppError):
        metrics.publish({"failures": 1}, stage=stage.name, code=code_of(result))
        logger.info("stage failed", stage=stage.name, item_id=str(claim.item.item_id), code=code_of(result))


def _take(
    ref: ItemRef,
    stage: Stage,
    *,
    items: StageStore,
    events: EventPublisher,
    lease_seconds: int,
    quota: Quota | None,
) -> Claim | Verdict:
    """The right to work on the item, or what becomes of its message without."""

    def reserve(connection: Connection) -> None:
        if quota:
            quota.reserve(connection, ref.user_id, _reservation(ref, stage), seconds=lease_seconds)

    try:
        claim = items.claim(ref, stage, lease_seconds=lease_seconds, then=reserve)
        return claim or _not_claimed(ref, stage, items=items, events=events)
    except (QuotaExceeded, Paused) as exc:
        return _wait(ref, stage, exc, items=items)
    except Unavailable as exc:
        return exc.retry_after


def _wait(ref: ItemRef, stage: Stage, reason: QuotaExceeded | Paused, *, items: StageStore) -> Verdict:
    """Neither failed nor asked for again and again: the row says until when it waits, and cleanup moves it on then.

    The message goes. Given back for hours it would look like a stage that stands still, and end as a dead letter.
    """
    logger.info("waits", stage=stage.name, item_id=str(ref.item_id), reason=reason.detail)
    try:
        items.wait(ref, stage, seconds=reason.retry_after, reason=reason.detail)
    except Unavailable as exc:
        return exc.retry_after
    return None


def _not_claimed(ref: ItemRef, stage: Stage, *, items: StageStore, events: EventPublisher) -> Verdict:
    item = items.get(ref.user_id, ref.item_id)
    if item is None or item.generation != ref.generation:
        return None  # deleted, or an old generation's event
    if item.status is Status.FAILED:
        return _publish(ItemFailed, item.ref, events)
    if stage.is_past(item.status):
        # Whoever did the work may have died before saying so.
        return _publish(stage.announces, item.ref, events)
    if item.status not in stage.enters:
        return None  # not there yet: the stage before this one will announce it
    return lease_remaining(item)


def lease_remaining(item: Item) -> int:
    """Seconds until a live lease ends, at least 1."""
    if item.lease_until is None:
        return 1
    return max(1, int((item.lease_until - datetime.now(UTC)).total_seconds()) + 1)


def _settle(
    claim: Claim,
    result: Result,
    stage: Stage,
    *,
    items: StageStore,
    events: EventPublisher,
    max_attempts: int,
    account: _Account,
) -> Verdict:
    """Finish, fail or release one item. Whatever is down, the results of the others in the batch are not lost."""
    try:
        if isinstance(result, AppError):
            failure: PermanentFailure | Unavailable | None = result
        else:
            failure = _finish(claim, result, stage, items=items, account=account)
        if isinstance(failure, Unavailable):
            if claim.item.attempts < max_attempts:
                if not items.release(claim, then=account.settle):
                    account.settle_alone()
                return backoff(claim.item.attempts, at_least=failure.retry_after)
            failure = PermanentFailure("gave_up", f"Given up after {claim.item.attempts} attempts: {failure.detail}")
        if failure:
            return _fail(claim, failure, stage, items=items, events=events, account=account)
    except LeaseLost:
        account.settle_alone()
        return 1  # look again: gone, or somebody else's by now
    except Unavailable as exc:
        return exc.retry_after  # the store itself is down: nothing is released, the lease ends by itself
    return _publish(stage.announces, claim.item.ref, events)


def _finish(
    claim: Claim, write: Callable[[Connection], None], stage: Stage, *, items: StageStore, account: _Account
) -> Unavailable | None:
    """None: done. Raises LeaseLost."""

    def write_and_settle(connection: Connection) -> None:
        write(connection)
        # Last: the month's row is everybody's, and is held until the commit.
        account.settle(connection)

    try:
        items.finish(claim, stage, write=write_and_settle)
    except Unavailable as exc:
        return exc
    return None


def _fail(
    claim: Claim,
    failure: PermanentFailure,
    stage: Stage,
    *,
    items: StageStore,
    events: EventPublisher,
    account: _Account,
) -> Verdict:
    if not items.fail(claim, stage, code=failure.code, message=failure.detail, then=account.settle):
        account.settle_alone()
        return 1
    # Without dimensions, for the alarm; `failures` has those of single attempts by stage and code.
    metrics.publish({"items_failed": 1})
    return _publish(ItemFailed, claim.item.ref, events)


def _publish(event: type[ItemEvent], ref: ItemRef, events: EventPublisher) -> Verdict:
    try:
        events.publish([event(ref.user_id, ref.item_id, ref.generation)])
    except Unavailable as exc:
        return exc.retry_after
    return None


def backoff(attempts: int, *, at_least: int = 0) -> int:
    """Seconds until the next attempt: doubling from 5 to 900, never sooner than the provider asked for."""
    doubled: int = _RETRY_FIRST_S * 2 ** min(max(attempts - 1, 0), 10)
    return max(at_least, min(_RETRY_MOST_S, doubled))


def resume_event(status: Status, ref: ItemRef) -> ItemEvent:
    """The event that makes a waiting item move again."""
    return RESUMED_BY[status](ref.user_id, ref.item_id, ref.generation)
