"""The hourly sweep: what stopped moves again, what was abandoned goes, what belongs to nobody is removed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice

from app.cleanup.store import CleanupStore, Unsettled
from app.items import s3
from app.items.models import ANALYSIS, EMBEDDING, IMAGE_PROCESSING, Stage, Status
from app.items.pipeline import resume_event
from app.items.s3 import ImageBucket, IssuedKey
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
        generations = {item.rendition_generation, item.ref.generation}
        images.delete(s3.keys_of(item.ref.user_id, item.ref.item_id, item.object_key, generations))
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
    """Objects under keys of ours that no row knows, old generations' renditions too. A young one's row may come yet."""
    horizon = datetime.now(UTC) - timedelta(seconds=settings.orphan_after_seconds)
    removed = 0
    ours = (
        (key, says) for key, changed in images.list_keys() if changed < horizon and (says := s3.parse_issued_key(key))
    )
    for page in _pages(ours, 1000):
        known = items.generations([(says.user_id, says.item_id) for _, says in page])
        orphans = [key for key, says in page if _is_orphan(says, known.get((says.user_id, says.item_id)))]
        if orphans:
            images.delete(orphans)
            removed += len(orphans)
    return removed


def _is_orphan(says: IssuedKey, generations: set[int] | None) -> bool:
    """Whether nobody needs an object, by its key and what its item may have renditions of (None: there is no item)."""
    return generations is None or (says.generation is not None and says.generation not in generations)


def _pages(entries: Iterator[tuple[str, IssuedKey]], size: int) -> Iterator[list[tuple[str, IssuedKey]]]:
    while page := list(islice(entries, size)):
        yield page
