"""The first stage: from an original to its renditions, and what the image itself says."""

import hashlib
import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from uuid import UUID, uuid4

from app.items import pipeline, s3, service
from app.items.models import IMAGE_PROCESSING, Claim, Item, ItemRef, Renditions, Status, as_text
from app.items.s3 import ImageBucket
from app.items.sandbox import render
from app.items.store import ItemStore, NewItem
from app.items.work import LeaseLost, Measured, save_duplicate, save_measured
from app.platform.database import Connection
from app.platform.errors import NotAuthenticated, PermanentFailure, Unavailable
from app.platform.events import DuplicateFound, EventPublisher
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
    if item.object_etag is None and item.status is not Status.FAILED:
        return item.ref
    found = images.head(key)
    if found is None or found.etag == item.object_etag:
        return item.ref
    restarted = items.restart(item, mime_type=found.content_type, file_size=found.size)
    if restarted is None:
        return item.ref
    images.delete(s3.rendition_keys(item.user_id, item.item_id, item.generations))
    return restarted.ref


def _adopt(user_id: UUID, key: str, *, items: ItemStore, images: ImageBucket) -> ItemRef | None:
    if s3.parse_issued_key(key):
        return None
    found = images.head(key)
    if found is None:
        return None
    filename = as_text(re.sub(r"^.*/", "", key))
    try:
        item, _ = items.add(NewItem(user_id, uuid4(), key, filename, found.content_type, found.size))
    except NotAuthenticated:
        return None  # its owner has left; cleanup empties the prefix once more
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
    """The first stage: renditions, and what the image itself says.

    Raises:
        Unavailable: the work is done, and what must be said or removed after it is not yet.
    """
    done: dict[UUID, Item] = {}

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result]:
        done.update({claim.item.item_id: claim.item for claim in claims})
        process = partial(_process_one, items=items, images=images, events=events, limits=limits)
        return {claim.item.item_id: process(claim) for claim in claims}

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
        now = items.get(ref.user_id, ref.item_id)
        made = done[ref.item_id].generations if ref.item_id in done else {ref.generation}
        _remove_unseen(ref, made - (now.generations if now else set()), images=images)
        if now is None:
            _tell_of_duplicate(ref, items=items, images=images, events=events)
    return verdicts


def _process_one(
    claim: Claim, *, items: ItemStore, images: ImageBucket, events: EventPublisher, limits: ImageSettings
) -> pipeline.Result:
    item = claim.item
    try:
        opened = partial(items.note_object, claim)
        original, etag = images.get(item.object_key, max_bytes=limits.image_max_bytes, opened=opened)
        digest = hashlib.sha256(original).digest()
        first = items.find_by_sha256(item.user_id, [digest]).get(digest, item)
        if first.item_id != item.item_id:
            _keep_for(first, item, original, items=items, images=images, events=events)
            return partial(save_duplicate, item=item, first=first)
        return render_item(item, original, etag, images=images, limits=limits)
    except (PermanentFailure, Unavailable) as exc:
        return exc
    except LeaseLost:
        return Unavailable("Somebody else works on it by now.", retry_after=1)


def render_item(
    item: Item, original: bytes, etag: str, *, images: ImageBucket, limits: ImageSettings
) -> Callable[[Connection], None]:
    """Make the renditions of an item, and the write that stores what its image says.

    Raises:
        PermanentFailure: the image cannot be read; the code says why.
        Unavailable
    """
    renditions = render(original, limits)
    for variant, body in (("display", renditions.display), ("thumbnail", renditions.thumbnail)):
        key = s3.rendition_key(item.user_id, item.item_id, variant, item.generation)
        images.put(key, body, content_type="image/webp")
    return partial(save_measured, item=item, measured=_measure(original, etag, renditions))


def _keep_for(
    first: Item, copy: Item, original: bytes, *, items: ItemStore, images: ImageBucket, events: EventPublisher
) -> None:
    """Make sure that nothing is lost with a duplicate: neither the bytes nor what its owner wrote on it already.

    Raises:
        Unavailable: the other item's object is not what its row says; its own event is on the way.
    """
    found = images.head(first.object_key)
    if found is None or first.object_etag is None:
        # Its upload died before the object came, or somebody took the object away: these are its bytes.
        images.put(first.object_key, original, content_type=first.mime_type)
    elif found.etag != first.object_etag:
        raise Unavailable("The image with the same bytes is being replaced.", retry_after=5)
    service.hand_over_words(copy, first, items=items, events=events)


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


def _remove_unseen(ref: ItemRef, generations: Collection[int], *, images: ImageBucket) -> None:
    """Renditions that nobody looks at: of the generation before, of one overtaken meanwhile, of a deleted item."""
    if generations:
        images.delete(s3.rendition_keys(ref.user_id, ref.item_id, generations))


def _tell_of_duplicate(ref: ItemRef, *, items: ItemStore, images: ImageBucket, events: EventPublisher) -> None:
    """Of an item that is only a name of another one by now, remove what is left, and say so. May be repeated."""
    if items.duplicate_of(ref.user_id, ref.item_id) is None:
        return
    left = items.mark_deleted(ref.user_id, ref.item_id)
    if left:
        found = images.head(left.object_key)
        keys = s3.rendition_keys(left.user_id, left.item_id, left.generations)
        # What was put under its key since is another image.
        images.delete([left.object_key, *keys] if found and found.etag == left.object_etag else keys)
        items.purge(left.user_id, left.item_id)
    events.publish([DuplicateFound(ref.user_id, ref.item_id, ref.generation)])
