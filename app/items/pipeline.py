"""How every stage works: claim, work outside any transaction, finish with the fence, publish after the commit.

The unacknowledged message is the outbox. Costly work is skipped on a repeated event; the publish never is.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

from app.items.models import RESUMED_BY, Claim, Item, ItemRef, Stage, Status
from app.items.store import DuplicateImage, LeaseLost
from app.platform.database import Connection
from app.platform.errors import AppError, PermanentFailure, Unavailable
from app.platform.events import EventPublisher, ItemEvent, ItemFailed

# What a stage made of one item: the write that stores it, or why there is none.
Result = Callable[[Connection], None] | PermanentFailure | Unavailable
# All results of one batch, by item id. It raises nothing it can tell of one item.
Work = Callable[[Sequence[Claim]], Mapping[UUID, Result]]
# What becomes of a message: None lets it go, a number gives it back for that many seconds.
Verdict = int | None

_RETRY_FIRST_S, _RETRY_MOST_S = 5, 900


class StageStore(Protocol):
    """What `run_stage` needs of the store."""

    def claim(self, ref: ItemRef, stage: Stage, *, lease_seconds: int) -> Claim | None: ...
    def get(self, user_id: UUID, item_id: UUID) -> Item | None: ...
    def finish(self, claim: Claim, stage: Stage, *, write: Callable[[Connection], None]) -> None: ...
    def fail(self, claim: Claim, stage: Stage, *, code: str, message: str) -> bool: ...
    def release(self, claim: Claim) -> None: ...


def run_stage(
    refs: Sequence[ItemRef],
    *,
    stage: Stage,
    work: Work,
    items: StageStore,
    events: EventPublisher,
    lease_seconds: int,
    max_attempts: int,
) -> list[Verdict]:
    """Run one stage over a batch of items; one verdict per ref, in order. One bad item does not hurt the others."""
    verdicts: dict[int, Verdict] = {}
    claims: dict[int, Claim] = {}
    for position, ref in enumerate(refs):
        taken = _take(ref, stage, items=items, events=events, lease_seconds=lease_seconds)
        if isinstance(taken, Claim):
            claims[position] = taken
        else:
            verdicts[position] = taken
    results = work(list(claims.values())) if claims else {}
    for position, claim in claims.items():
        result = results[claim.item.item_id]
        verdicts[position] = _settle(claim, result, stage, items=items, events=events, max_attempts=max_attempts)
    return [verdicts[position] for position in range(len(refs))]


def _take(
    ref: ItemRef, stage: Stage, *, items: StageStore, events: EventPublisher, lease_seconds: int
) -> Claim | Verdict:
    """The right to work on the item, or what becomes of its message without."""
    try:
        claim = items.claim(ref, stage, lease_seconds=lease_seconds)
        return claim or _not_claimed(ref, stage, items=items, events=events)
    except Unavailable as exc:
        return exc.retry_after


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
    claim: Claim, result: Result, stage: Stage, *, items: StageStore, events: EventPublisher, max_attempts: int
) -> Verdict:
    """Finish, fail or release one item. Whatever is down, the results of the others in the batch are not lost."""
    try:
        failure = result if isinstance(result, AppError) else _finish(claim, result, stage, items=items)
        if isinstance(failure, Unavailable):
            if claim.item.attempts < max_attempts:
                items.release(claim)
                return backoff(claim.item.attempts, at_least=failure.retry_after)
            failure = PermanentFailure("gave_up", f"Given up after {claim.item.attempts} attempts: {failure.detail}")
        if failure:
            return _fail(claim, failure, stage, items=items, events=events)
    except LeaseLost:
        return 1  # look again: gone, or somebody else's by now
    except Unavailable as exc:
        return exc.retry_after  # the store itself is down: nothing is released, the lease ends by itself
    return _publish(stage.announces, claim.item.ref, events)


def _finish(
    claim: Claim, write: Callable[[Connection], None], stage: Stage, *, items: StageStore
) -> PermanentFailure | Unavailable | None:
    """None: done. Raises LeaseLost."""
    try:
        items.finish(claim, stage, write=write)
    except DuplicateImage as duplicate:
        return PermanentFailure("duplicate", f"The same image is already in the collection, as {duplicate.item_id}.")
    except Unavailable as exc:
        return exc
    return None


def _fail(
    claim: Claim, failure: PermanentFailure, stage: Stage, *, items: StageStore, events: EventPublisher
) -> Verdict:
    if not items.fail(claim, stage, code=failure.code, message=failure.detail):
        return 1
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
