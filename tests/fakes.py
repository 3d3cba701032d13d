"""Collaborators made for tests: real semantics, kept in memory, told when to fail. No mocks."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, cast
from uuid import UUID, uuid4

from app.analysis.models import AnalysisDocument, ImageFacts, ProviderAnswer
from app.items.models import Claim, Item, ItemRef, Stage, Status
from app.items.work import LeaseLost, nothing_more
from app.platform.database import Connection
from app.platform.errors import Paused, PermanentFailure, QuotaExceeded, Unavailable
from app.platform.events import Event
from app.platform.spending import Spent
from app.search.models import DIMENSIONS


def an_item(**changes: Any) -> Item:
    """A fresh upload, unless told otherwise."""
    now = datetime.now(UTC)
    user_id, item_id = uuid4(), uuid4()
    item = Item(
        user_id=user_id,
        item_id=item_id,
        status=Status.UPLOADING,
        generation=1,
        reuse_analysis=False,
        analysis_provider=None,
        analysis_model=None,
        attempts=0,
        lease_until=None,
        error_stage=None,
        error_code=None,
        error_message=None,
        object_key=f"{user_id}/images/{item_id}/original.jpg",
        object_etag=None,
        original_filename="a photo.jpg",
        mime_type="image/jpeg",
        file_size=1,
        sha256=None,
        width=None,
        height=None,
        taken_at=None,
        title=None,
        notes=None,
        tags=[],
        category=None,
        favorite=False,
        created_at=now,
        updated_at=now,
        occurred_at=now,
    )
    return item._replace(**changes)


class MemoryItems:
    """A `StageStore` in a dict. tests/integration runs the same contract over this one and PostgreSQL's."""

    def __init__(self, *items: Item) -> None:
        self._items = {(item.user_id, item.item_id): item for item in items}
        self._tokens: dict[UUID, UUID] = {}
        self._lock = Lock()
        # By the id that an upload was given: the item that its bytes turned out to be.
        self.duplicates: dict[UUID, Item] = {}

    def get(self, user_id: UUID, item_id: UUID) -> Item | None:
        return self._items.get((user_id, item_id))

    def duplicate_of(self, _user_id: UUID, item_id: UUID) -> Item | None:
        return self.duplicates.get(item_id)

    def put(self, item: Item) -> None:
        self._items[item.user_id, item.item_id] = item

    def delete(self, item: Item) -> None:
        self._items.pop((item.user_id, item.item_id))
        self._tokens.pop(item.item_id, None)

    def expire_leases(self) -> None:
        for item in self._items.values():
            if item.lease_until:
                self.put(item._replace(lease_until=datetime.now(UTC) - timedelta(seconds=1)))

    def claim(
        self, ref: ItemRef, stage: Stage, *, lease_seconds: int, then: Callable[[Connection], None] = nothing_more
    ) -> Claim | None:
        with self._lock:
            item, now = self.get(ref.user_id, ref.item_id), datetime.now(UTC)
            if item is None or item.generation != ref.generation or item.status not in stage.enters:
                return None
            if item.lease_until and item.lease_until >= now:
                return None
            then(cast(Connection, None))
            lease_until = now + timedelta(seconds=lease_seconds)
            claimed = item._replace(status=stage.works_as, attempts=item.attempts + 1, lease_until=lease_until)
            claimed = claimed._replace(waits_until=None, waits_for=None)
            self.put(claimed)
            self._tokens[item.item_id] = uuid4()
            return Claim(claimed, self._tokens[item.item_id])

    def finish(self, claim: Claim, stage: Stage, *, write: Callable[[Connection], None]) -> None:
        with self._lock:
            item = self._held(claim)
            if item is None:
                raise LeaseLost(str(claim.item.item_id))
            write(cast(Connection, None))
            self._let_go(item._replace(status=stage.leaves_as, attempts=0))

    def wait(self, ref: ItemRef, stage: Stage, *, seconds: int, reason: str) -> bool:
        with self._lock:
            item, now = self.get(ref.user_id, ref.item_id), datetime.now(UTC)
            if item is None or item.generation != ref.generation or item.status not in stage.enters:
                return False
            if item.lease_until and item.lease_until >= now:
                return False
            self.put(item._replace(waits_until=now + timedelta(seconds=seconds), waits_for=reason))
            return True

    def fail(
        self,
        claim: Claim,
        stage: Stage,
        *,
        code: str,
        message: str,
        then: Callable[[Connection], None] = nothing_more,
    ) -> bool:
        with self._lock:
            item = self._held(claim)
            if item:
                then(cast(Connection, None))
                failed = item._replace(status=Status.FAILED, error_stage=stage.name, error_code=code)
                self._let_go(failed._replace(error_message=message))
            return item is not None

    def release(self, claim: Claim, *, then: Callable[[Connection], None] = nothing_more) -> bool:
        with self._lock:
            item = self._held(claim)
            if item:
                then(cast(Connection, None))
                self._let_go(item)
            return item is not None

    def _held(self, claim: Claim) -> Item | None:
        held = self._tokens.get(claim.item.item_id) == claim.token
        return self.get(claim.item.user_id, claim.item.item_id) if held else None

    def _let_go(self, item: Item) -> None:
        self.put(item._replace(lease_until=None))
        self._tokens.pop(item.item_id, None)


class CountingQuota:
    """A `Quota` in a dict: what is reserved, and what was used. What `refusal` is set to is raised."""

    def __init__(self) -> None:
        self.reserved: dict[UUID, UUID] = {}
        self.used: list[Spent] = []
        self.refusal: QuotaExceeded | Paused | None = None

    def reserve(self, connection: Connection, user_id: UUID, key: UUID, *, seconds: int) -> None:
        if self.refusal:
            raise self.refusal
        self.reserved[key] = user_id

    def settle(self, connection: Connection, user_id: UUID, key: UUID, spent: Spent | None) -> None:
        self.reserved.pop(key, None)
        if spent:
            self.used.append(spent)

    def settle_alone(self, user_id: UUID, key: UUID, spent: Spent) -> None:
        self.settle(cast(Connection, None), user_id, key, spent)


class RecordingEvents:
    """An `EventPublisher` that keeps what it was given, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.published: list[Event] = []
        self._refusals = 0

    def refuse_next(self, times: int = 1) -> None:
        self._refusals = times

    def publish(self, events: Sequence[Event]) -> None:
        if self._refusals:
            self._refusals -= 1
            raise Unavailable("The event bus is told to fail.", retry_after=7)
        self.published.extend(events)

    def of(self, event: type[Event]) -> list[Event]:
        return [published for published in self.published if type(published) is event]


class CountingAnalyzer:
    """An `Analyzer` that counts what a provider would bill. What is hung on `before` and `after` may raise."""

    def __init__(self, document: AnalysisDocument | None = None) -> None:
        self.calls = 0
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self._document = document or AnalysisDocument(category="receipt", headline="A receipt", summary="Bread, 3 EUR")
        self._lock = Lock()

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        self.before()
        with self._lock:
            self.calls += 1
        self.after()
        return ProviderAnswer(self._document, provider="fake", model="fake-1", prompt_version="1")


class CountingEmbedder:
    """An `Embedder` that counts calls and texts; texts that hold `poison` are refused for good."""

    provider, model, dimensions = "fake", "fake-1", DIMENSIONS

    def __init__(self, *, poison: str | None = None) -> None:
        self.calls = 0
        self.texts: Counter[str] = Counter()
        self.before: Callable[[], None] = lambda: None
        self.after: Callable[[], None] = lambda: None
        self._poison = poison
        self._lock = Lock()

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.before()
        with self._lock:
            self.calls += 1
            self.texts.update(texts)
        if self._poison and any(self._poison in text for text in texts):
            raise PermanentFailure("refused", "The provider does not take this text.")
        self.after()
        return [[1.0] + [0.0] * (DIMENSIONS - 1) for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def envelope(event: Event) -> Mapping[str, Any]:
    """What EventBridge puts on a queue for one of our events."""
    return {"source": event.source, "detail-type": event.detail_type, "detail": json.loads(event.detail())}
