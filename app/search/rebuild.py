"""Bringing a tenant's index up to date: what another model embedded, or another text, is embedded anew.

Search keeps working meanwhile. A row is replaced where it stands, in one transaction with everything else that finds
the item, and nothing is removed first: at every moment each item has one vector and its words. Until the last is done,
queries are embedded by the former model too, and compared with its vectors (`app.search.service`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from app.analysis import store as analysis_store
from app.analysis.store import AnalysisStore
from app.items import pipeline
from app.items.store import ItemStore, lock
from app.jobs.models import Done, Job, Kind, Step
from app.platform.database import Connection, Database
from app.platform.errors import AppError, Paused, QuotaExceeded, code_of
from app.search import documents, store
from app.search.indexing import Pair, documents_of, embedded, unchanged
from app.search.models import Embedder
from app.search.store import SearchStore
from app.usage.models import Quota

# Texts of one step: one call to a provider, and half a second of rows.
PAGE = 64
# As long as anybody may ask when it was.
_KEPT_FOR = timedelta(days=365)
# Longer than a step: what is reserved and not settled is taken back after that.
_RESERVED_S = 300
_NOBODY_IS_SERVED = {"unavailable", "provider_not_configured"}


@dataclass(frozen=True, slots=True)
class FormerModel:
    """Another model than the one asked about, and how many items are embedded by it."""

    model: str
    items: int


@dataclass(frozen=True, slots=True)
class IndexStatus:
    """How a tenant's index stands. `items` are those embedded by the model, those pending, and those that failed."""

    items: int
    embedded: int
    failed: int
    last_rebuild: datetime | None
    is_rebuilding: bool = False
    # Whose items a search finds by embedding the query once more, most items first.
    former: tuple[FormerModel, ...] = ()

    @property
    def pending(self) -> int:
        """On their way through the pipeline, or embedded by another model."""
        return self.items - self.embedded - self.failed


@dataclass(frozen=True, slots=True)
class _Progress:
    """A rebuild's state between two steps."""

    total: int
    seen: int = 0
    embedded: int = 0
    renewed: int = 0
    refused: int = 0
    after: str = str(UUID(int=0))

    def result(self) -> dict[str, Any]:
        """How many were embedded anew, renewed around their vector, and refused for good."""
        return {"items": self.seen, "embedded": self.embedded, "unchanged": self.renewed, "refused": self.refused}


class RebuildStore:
    """How far a tenant's index is, and who pays for the rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def status(self, user_id: UUID, model: str) -> IndexStatus:
        parameters = {"user_id": user_id, "model": model, "kind": Kind.REBUILD}
        with self._database.tenant(user_id) as connection:
            row = connection.execute(SELECT_STATUS, parameters).fetchone() or {}
            former = connection.execute(SELECT_FORMER, parameters).fetchall()
        return IndexStatus(**row, former=tuple(FormerModel(**each) for each in former))

    def reserve(self, user_id: UUID, keys: Sequence[UUID], quota: Quota) -> tuple[int, QuotaExceeded | Paused | None]:
        """Hold a unit for each, as long as there are any. Returns for how many, and why for no more."""
        for count, key in enumerate(keys):
            try:
                with self._database.tenant(user_id) as connection:
                    quota.reserve(connection, user_id, key, seconds=_RESERVED_S)
            except (QuotaExceeded, Paused) as exc:
                return count, exc
        return len(keys), None


def advance(
    job: Job,
    *,
    items: ItemStore,
    rebuilds: RebuildStore,
    analyses: AnalysisStore,
    index: SearchStore,
    embedder: Callable[[], Embedder],
    quota: Quota,
) -> Step | Done:
    """One page of a rebuild. What the day's quota or the month's budget has no room for is left to the next rebuild.

    Raises:
        Unavailable: the provider does not answer; the step is done again.
        PermanentFailure: `provider_not_configured`.
    """
    before = _Progress(**job.state) if job.state else _Progress(items.count_ready(job.user_id))
    page = items.ready_after(job.user_id, UUID(before.after), limit=PAGE)
    if not page:
        return Done(before.result(), kept_for=_KEPT_FOR)
    pairs, _ = documents_of(page, analyses)
    same = unchanged(pairs, index, embedder)
    stale = [pair for pair in pairs if pair[0].item_id not in same]
    count, refusal = rebuilds.reserve(job.user_id, [_key(job, pair) for pair in stale], quota)
    outcomes = embedded(stale[:count], embedder)
    _stop_where_nothing_works(job, stale, outcomes, quota)
    made = {item_id: outcome for item_id, outcome in outcomes.items() if _write_of(outcome)}
    now = replace(
        before,
        seen=before.seen + len(page),
        embedded=before.embedded + len(made),
        renewed=before.renewed + len(same),
        refused=before.refused + len(outcomes) - len(made),
        after=str(page[-1].item_id),
    )

    def write(connection: Connection) -> None:
        for item, _ in still_current(connection, pairs):
            if found := _write_of(same.get(item.item_id) or made.get(item.item_id)):
                found(connection)
        # Last: the month's row is everybody's, and is held until the commit.
        for pair in stale[:count]:
            outcome = outcomes[pair[0].item_id]
            spent = outcome.spent if isinstance(outcome, pipeline.Used) else None
            quota.settle(connection, job.user_id, _key(job, pair), spent)

    if refusal:
        return Done(now.result() | {"stopped_by": refusal.detail}, kept_for=_KEPT_FOR, write=write)
    return Step(asdict(now), min(now.seen / max(now.total, 1), 1.0), write)


def _key(job: Job, pair: Pair) -> UUID:
    """The same when the step is done again."""
    item, document = pair
    return uuid5(item.item_id, f"{job.job_id}:{store.fingerprint(document).hex()}")


def _write_of(outcome: pipeline.Result | pipeline.Used | None) -> Callable[[Connection], None] | None:
    result = outcome.result if isinstance(outcome, pipeline.Used) else outcome
    return None if result is None or isinstance(result, AppError) else result


def _stop_where_nothing_works(
    job: Job, stale: Sequence[Pair], outcomes: Mapping[UUID, pipeline.Result | pipeline.Used], quota: Quota
) -> None:
    """Raise what is wrong with the provider and not with a text. What was paid for all the same is booked."""
    failure: AppError | None = None
    for pair in stale:
        outcome = outcomes.get(pair[0].item_id)
        result = outcome.result if isinstance(outcome, pipeline.Used) else outcome
        if isinstance(result, AppError) and code_of(result) in _NOBODY_IS_SERVED:
            failure = result
            if isinstance(outcome, pipeline.Used):
                quota.settle_alone(job.user_id, _key(job, pair), outcome.spent)
    if failure:
        raise failure


def still_current(connection: Connection, pairs: Sequence[Pair]) -> list[Pair]:
    """Those of one tenant's items that still say what was embedded, and go on saying it until the transaction ends.

    Whoever changed another since has it embedded by the pipeline.
    """
    if not pairs:
        return []
    user_id = pairs[0][0].user_id
    there = lock(connection, user_id, [item.item_id for item, _ in pairs])
    analyses = analysis_store.latest_documents(connection, user_id, list(there))
    now = {item_id: documents.build(there[item_id], analysis) for item_id, analysis in analyses.items()}
    return [pair for pair in pairs if now.get(pair[0].item_id) == pair[1]]


SELECT_STATUS = """
SELECT count(*) AS items,
  count(*) FILTER (WHERE i.status = 'ready' AND v.embedding_model = %(model)s) AS embedded,
  count(*) FILTER (WHERE i.status = 'failed') AS failed,
  (
    SELECT max(updated_at) FROM jobs WHERE user_id = %(user_id)s AND kind = %(kind)s AND status = 'done'
  ) AS last_rebuild,
  EXISTS (
    SELECT FROM jobs WHERE user_id = %(user_id)s AND kind = %(kind)s AND status IN ('queued', 'running')
  ) AS is_rebuilding
FROM items AS i LEFT JOIN item_vectors AS v USING (user_id, item_id)
WHERE i.user_id = %(user_id)s AND i.deleted_at IS NULL
"""

SELECT_FORMER = """
SELECT v.embedding_model AS model, count(*) AS items
FROM item_vectors AS v JOIN items AS i USING (user_id, item_id)
WHERE v.user_id = %(user_id)s AND v.embedding_model <> %(model)s AND i.deleted_at IS NULL
GROUP BY v.embedding_model ORDER BY items DESC, model
"""
