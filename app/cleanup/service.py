"""The hourly sweep: what stopped moves again, what was abandoned goes, what belongs to nobody is removed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from uuid import UUID

from app.cleanup.store import CleanupStore, Unsettled
from app.items import s3
from app.items.models import ANALYSIS, EMBEDDING, IMAGE_PROCESSING, Stage, Status
from app.items.pipeline import resume_event
from app.items.s3 import ImageBucket
from app.platform.events import EventPublisher, ItemFailed
from app.platform.settings import CleanupSettings

_STAGE_OF: dict[Status, Stage] = {
    Status.UPLOADING: IMAGE_PROCESSING,
    Status.PROCESSING: IMAGE_PROCESSING,
    Status.ANALYZING: ANALYSIS,
    Status.EMBEDDING: EMBEDDING,
}


@dataclass(slots=True)
class Report:
    """What one sweep did, in items or objects."""

    resumed: int = 0
    given_up: int = 0
    abandoned_uploads: int = 0
    deletions_finished: int = 0
    orphan_objects: int = 0
    expired_conversations: int = 0

    def as_metrics(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def clean_up(
    *,
    items: CleanupStore,
    images: ImageBucket,
    events: EventPublisher,
    count_expired_conversations: Callable[[], int],
    settings: CleanupSettings,
) -> Report:
    """One sweep over everything. Safe to run twice at once, and to be killed anywhere."""
    report = Report()
    for item in items.unsettled(older_than_seconds=settings.stuck_after_seconds):
        _settle(item, report, items=items, images=images, events=events, settings=settings)
    report.orphan_objects = _remove_orphans(items=items, images=images, settings=settings)
    report.expired_conversations = count_expired_conversations()
    return report


def _settle(
    item: Unsettled,
    report: Report,
    *,
    items: CleanupStore,
    images: ImageBucket,
    events: EventPublisher,
    settings: CleanupSettings,
) -> None:
    if item.is_deleted:
        images.delete(s3.keys_of(item.ref.user_id, item.ref.item_id, item.object_key))
        items.remove(item.ref)
        report.deletions_finished += 1
    elif item.status is Status.UPLOADING and images.head(item.object_key) is None:
        if item.created_at < datetime.now(UTC) - timedelta(seconds=settings.upload_abandoned_after_seconds):
            items.remove(item.ref)
            report.abandoned_uploads += 1
    elif item.attempts >= settings.max_attempts:
        stage = _STAGE_OF[item.status].name
        message = f"Given up after {item.attempts} attempts that never came to an end."
        if items.give_up(item.ref, stage=stage, code="gave_up", message=message):
            events.publish([ItemFailed(item.ref.user_id, item.ref.item_id, item.ref.generation)])
            report.given_up += 1
    else:
        events.publish([resume_event(item.status, item.ref)])
        report.resumed += 1


def _remove_orphans(*, items: CleanupStore, images: ImageBucket, settings: CleanupSettings) -> int:
    """Objects that we made and that no row knows. The young are left alone: their row may be on its way."""
    horizon = datetime.now(UTC) - timedelta(seconds=settings.orphan_after_seconds)
    removed = 0
    ours = (
        (key, owner) for key, changed in images.list_keys() if changed < horizon and (owner := s3.parse_issued_key(key))
    )
    for page in _pages(ours, 1000):
        existing = items.existing([owner for _, owner in page])
        orphans = [key for key, owner in page if owner not in existing]
        if orphans:
            images.delete(orphans)
            removed += len(orphans)
    return removed


def _pages(
    entries: Iterator[tuple[str, tuple[UUID, UUID]]], size: int
) -> Iterator[list[tuple[str, tuple[UUID, UUID]]]]:
    while page := list(islice(entries, size)):
        yield page
