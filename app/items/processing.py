"""The first stage: from an original to its renditions, and what the image itself says."""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID, uuid4

from app.items import pipeline, s3
from app.items.models import IMAGE_PROCESSING, Claim, Item, ItemRef, Renditions, as_text
from app.items.s3 import ImageBucket
from app.items.sandbox import render
from app.items.store import ItemStore, Measured, NewItem, save_measured
from app.platform.database import Connection
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.events import EventPublisher
from app.platform.settings import ImageSettings, StageSettings


def receive_object(key: str, *, items: ItemStore, images: ImageBucket) -> ItemRef | None:
    """The item of an object that S3 announced. None: nothing to do.

    An object that was put straight into the bucket gets an item; one that was replaced sends its item through the
    pipeline again; one of a deleted item, or of nobody, is left to cleanup.
    """
    user_id = s3.owner_of(key)
    if user_id is None:
        return None
    item = items.find_by_key(user_id, key)
    if item is None:
        return _adopt(user_id, key, items=items, images=images)
    if item.object_etag is None:
        return item.ref
    found = images.head(key)
    if found is None or found.etag == item.object_etag:
        return item.ref
    restarted = items.restart(item, mime_type=found.content_type, file_size=found.size)
    return restarted.ref if restarted else item.ref


def _adopt(user_id: UUID, key: str, *, items: ItemStore, images: ImageBucket) -> ItemRef | None:
    if s3.parse_issued_key(key):
        return None
    found = images.head(key)
    if found is None:
        return None
    filename = as_text(re.sub(r"^.*/", "", key))
    item, _ = items.add(NewItem(user_id, uuid4(), key, filename, found.content_type, found.size))
    return item.ref


def process_images(
    refs: Sequence[ItemRef],
    *,
    items: ItemStore,
    images: ImageBucket,
    events: EventPublisher,
    limits: ImageSettings,
    settings: StageSettings,
) -> list[pipeline.Verdict]:
    """The first stage: renditions, and what the image itself says."""

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result]:
        return {claim.item.item_id: _render_one(claim, items=items, images=images, limits=limits) for claim in claims}

    verdicts = pipeline.run_stage(
        refs,
        stage=IMAGE_PROCESSING,
        work=work,
        items=items,
        events=events,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )
    for ref in refs:
        _sweep_if_deleted(ref, items=items, images=images)
    return verdicts


def _render_one(claim: Claim, *, items: ItemStore, images: ImageBucket, limits: ImageSettings) -> pipeline.Result:
    item = claim.item
    try:
        original, etag = images.get(item.object_key, max_bytes=limits.image_max_bytes)
        items.note_object(claim, etag)
        renditions = render(original, limits)
        _put_renditions(item, renditions, images=images)
    except (PermanentFailure, Unavailable) as exc:
        return exc
    return _writes(item, _measure(original, etag, renditions))


def _put_renditions(item: Item, renditions: Renditions, *, images: ImageBucket) -> None:
    for variant, body in (("display", renditions.display), ("thumbnail", renditions.thumbnail)):
        images.put(s3.rendition_key(item.user_id, item.item_id, variant), body, content_type="image/webp")


def _measure(original: bytes, etag: str, renditions: Renditions) -> Measured:
    return Measured(
        mime_type=renditions.mime_type,
        file_size=len(original),
        sha256=hashlib.sha256(original).digest(),
        etag=etag,
        width=renditions.width,
        height=renditions.height,
        taken_at=renditions.taken_at,
        phash=renditions.phash,
    )


def _writes(item: Item, measured: Measured) -> Callable[[Connection], None]:
    return partial(save_measured, item=item, measured=measured)


def _sweep_if_deleted(ref: ItemRef, *, items: ItemStore, images: ImageBucket) -> None:
    """An item deleted while its renditions were being made leaves none behind."""
    if items.get(ref.user_id, ref.item_id) is None:
        images.delete(s3.rendition_keys(ref.user_id, ref.item_id))
