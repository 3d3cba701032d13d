"""Puts reviewed pictures into a running cloud: stored and rendered as ever, described by people instead of a provider.

Nothing waits in a queue for it: every stage is claimed here before S3's own event could start it, and events that come
later find it done.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid4

from app.analysis import store as analysis_store
from app.analysis.store import AnalysisStore, document_of
from app.evaluation.datasets import Picture
from app.evaluation.runner import NoEvents, advance
from app.items import processing, s3
from app.items.models import ANALYSIS, IMAGE_PROCESSING, Item, ItemRef, Status
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.platform.errors import Conflict, Unavailable
from app.platform.settings import ImageSettings, StageSettings
from app.search import service
from app.search.models import Embedder
from app.search.store import SearchStore

_MIME_TYPE = "image/jpeg"
_AT_ONCE = 32
_LEASE_S = 120


@dataclass(frozen=True, slots=True)
class Collection:
    """Where pictures go: the stores and the embedder of one cloud."""

    items: ItemStore
    images: ImageBucket
    analyses: AnalysisStore
    index: SearchStore
    embedder: Callable[[], Embedder]


@dataclass(slots=True)
class Seeded:
    """How many pictures were new, got another analysis, and were there already as they should be."""

    added: int = 0
    described: int = 0
    unchanged: int = 0


def seed(
    user_id: UUID,
    pictures: Sequence[Picture],
    *,
    into: Collection,
    advance: Callable[[int], None] = lambda _: None,
) -> Seeded:
    """Make the pictures items of the user, findable by their reviewed analyses. Repeat it at any time.

    Args:
        advance: told how many more are as they should be.

    Raises:
        AppError: a picture cannot be read or stored, or the embedder does not answer; what was done stays done.
    """
    seeded, waiting = Seeded(), []
    for picture in pictures:
        item, is_new = _stored(user_id, picture, into)
        if _is_as_reviewed(item, picture, into):
            seeded.unchanged += 1
            advance(1)
            continue
        waiting.append(_described(item, picture, into))
        seeded.added += is_new
        seeded.described += not is_new
    for start in range(0, len(waiting), _AT_ONCE):
        together = waiting[start : start + _AT_ONCE]
        _embed(together, into)
        advance(len(together))
    return seeded


def preview(user_id: UUID, pictures: Sequence[Picture], *, into: Collection) -> Seeded:
    """What `seed` would do. Nothing is changed."""
    seeded = Seeded()
    for picture in pictures:
        digest = hashlib.sha256(picture.path.read_bytes()).digest()
        item = into.items.find_by_sha256(user_id, [digest]).get(digest)
        if item is None or item.width is None:
            seeded.added += 1
        elif _is_as_reviewed(item, picture, into):
            seeded.unchanged += 1
        else:
            seeded.described += 1
    return seeded


def _stored(user_id: UUID, picture: Picture, into: Collection) -> tuple[Item, bool]:
    """The item of these bytes with its renditions, and whether it is new."""
    body = picture.path.read_bytes()
    digest = hashlib.sha256(body).digest()
    known = into.items.find_by_sha256(user_id, [digest]).get(digest)
    if known and known.width is not None:
        return known, False
    item = _sent(known, Status.PROCESSING, into) if known else _added(user_id, picture, body, digest, into)
    claim = into.items.claim(item.ref, IMAGE_PROCESSING, lease_seconds=_LEASE_S)
    if claim is None:
        raise _changed(item)
    etag = into.images.put(item.object_key, body, content_type=_MIME_TYPE)
    write = processing.render_item(claim.item, body, etag, images=into.images, limits=ImageSettings())
    into.items.finish(claim, IMAGE_PROCESSING, write=write)
    return item, True


def _added(user_id: UUID, picture: Picture, body: bytes, digest: bytes, into: Collection) -> Item:
    item_id = uuid4()
    key = s3.original_key(user_id, item_id, _MIME_TYPE)
    item, _ = into.items.add(NewItem(user_id, item_id, key, picture.filename, _MIME_TYPE, len(body), digest))
    return item


def _is_as_reviewed(item: Item, picture: Picture, into: Collection) -> bool:
    latest = into.analyses.latest(item.user_id, [item.item_id]).get(item.item_id)
    return (
        item.status is Status.READY
        and latest is not None
        and latest.provider_used == picture.answer.provider
        and document_of(latest) == picture.answer.document
    )


def _described(item: Item, picture: Picture, into: Collection) -> ItemRef:
    """The item with its reviewed analysis as the newest version, waiting to be embedded."""
    item = _sent(item, Status.ANALYZING, into)
    advance(item, ANALYSIS, into.items, partial(analysis_store.save, item=item, answer=picture.answer))
    return item.ref


def _embed(refs: Sequence[ItemRef], into: Collection) -> None:
    service.embed_items(
        refs,
        items=into.items,
        analyses=into.analyses,
        index=into.index,
        embedder=into.embedder,
        events=NoEvents(),
        settings=StageSettings(queue_url="none"),
    )
    for ref in refs:
        item = into.items.get(ref.user_id, ref.item_id)
        if item is None or item.status is not Status.READY:
            raise Unavailable("Not everything could be embedded. Run it again; what is done stays done.")


def _sent(item: Item, start: Status, into: Collection) -> Item:
    """The item as a new generation: whoever works on the one before is fenced out."""
    sent = into.items.rework(item, starting_as=start, reuse_analysis=False)
    if sent is None:
        raise _changed(item)
    return sent


def _changed(item: Item) -> Conflict:
    return Conflict(f"{item.original_filename} was changed at the same time. Run it again.")
