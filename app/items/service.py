"""What can be done with items: taking them in, reading and deleting them."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app.items import s3
from app.items.lists import ORDERS, Position
from app.items.models import ACCEPTED_TYPES, Item, ItemFilter, Presigned, Status, as_text
from app.items.pipeline import resume_event
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem, Room
from app.platform.database import Connection
from app.platform.errors import Conflict, NotFound, QuotaExceeded, TooLarge, Unavailable, UnsupportedMedia
from app.platform.events import EventPublisher
from app.platform.settings import StorageSettings

# --- the door ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DeclaredFile:
    """What a client says it is going to upload. None of it is trusted later."""

    filename: str
    content_type: str
    file_size: int
    sha256: bytes | None


@dataclass(frozen=True, slots=True)
class PreparedUpload:
    """A form to upload to, or the item that already has these bytes (`form` is None)."""

    item: Item
    form: Presigned | None


def upload(
    user_id: UUID,
    *,
    filename: str,
    content_type: str,
    body: bytes,
    items: ItemStore,
    images: ImageBucket,
    settings: StorageSettings,
    within_quota: Callable[[int], None] = lambda _: None,
) -> tuple[Item, bool]:
    """Take one image. Returns its item, and whether it is new: bytes that the user already has are one item.

    Whether it really is an image, the pipeline finds out; the door goes by the type it claims.

    Args:
        within_quota: raises QuotaExceeded where the user may not have so many more images analyzed today.

    Raises:
        TooLarge, UnsupportedMedia
        QuotaExceeded: that, or too many of the user's images are on their way.
    """
    if len(body) > settings.multipart_max_bytes:
        raise TooLarge(
            f"At most {settings.multipart_max_bytes >> 20} MiB this way; POST /uploads takes up to "
            f"{settings.upload_max_bytes >> 20} MiB."
        )
    mime_type = accepted_type(content_type)
    within_quota(1)
    _admit(user_id, 1, items=items, settings=settings)
    item_id = uuid4()
    item, is_new = items.add(
        NewItem(
            user_id=user_id,
            item_id=item_id,
            object_key=s3.original_key(user_id, item_id, mime_type),
            original_filename=as_text(filename),
            mime_type=mime_type,
            file_size=len(body),
            sha256=hashlib.sha256(body).digest(),
        ),
        room=_room(settings),
    )
    if item.status is Status.UPLOADING:
        # New, or a first attempt that died between the row and the object: the same bytes go to the same key.
        images.put(item.object_key, body, content_type=item.mime_type)
    return item, is_new


def prepare_uploads(
    user_id: UUID,
    files: Sequence[DeclaredFile],
    *,
    items: ItemStore,
    images: ImageBucket,
    settings: StorageSettings,
    within_quota: Callable[[int], None] = lambda _: None,
) -> list[PreparedUpload]:
    """Make an item and a presigned form for every file, in order; files the user already has get their item.

    Raises:
        TooLarge, UnsupportedMedia: for any file; then none is prepared.
        QuotaExceeded: too many of the user's images are on their way, or for today; none is prepared.
    """
    types = [accepted_type(file.content_type) for file in files]
    if any(file.file_size > settings.upload_max_bytes for file in files):
        raise TooLarge(f"At most {settings.upload_max_bytes >> 20} MiB a file.")
    digests = [file.sha256 for file in files if file.sha256]
    known = items.find_by_sha256(user_id, digests) if digests else {}
    new_files = sum(file.sha256 not in known for file in files)
    within_quota(new_files)
    _admit(user_id, new_files, items=items, settings=settings)
    fresh = [
        _declared(user_id, file, mime_type)
        for file, mime_type in zip(files, types, strict=True)
        if file.sha256 not in known
    ]
    added = iter(items.add_all(fresh, room=_room(settings)))
    return [
        PreparedUpload(known[file.sha256], form=None) if file.sha256 in known else _with_form(next(added), images)
        for file in files
    ]


def _declared(user_id: UUID, file: DeclaredFile, mime_type: str) -> NewItem:
    item_id = uuid4()
    key = s3.original_key(user_id, item_id, mime_type)
    return NewItem(user_id, item_id, key, as_text(file.filename), mime_type, file.file_size)


def _with_form(item: Item, images: ImageBucket) -> PreparedUpload:
    return PreparedUpload(item, images.presign_post(item.object_key, content_type=item.mime_type))


def _room(settings: StorageSettings) -> Room:
    return Room(items=settings.user_items_max, bytes=settings.user_bytes_max)


def _admit(user_id: UUID, count: int, *, items: ItemStore, settings: StorageSettings) -> None:
    """Let a user's backlog grow to a bound only: everybody's images wait in the same queues."""
    if not count:
        return
    under_way = items.under_way(user_id, form_seconds=settings.presign_seconds)
    if under_way + count > settings.items_under_way_max:
        raise QuotaExceeded(
            f"At most {settings.items_under_way_max} images may be on their way at once, and {under_way} are. "
            "Go on when some are ready.",
            retry_after=10,
        )


def accepted_type(content_type: str) -> str:
    """The bare, lower-case media type, if it is one we take at the door."""
    mime_type = content_type.partition(";")[0].strip().lower()
    if mime_type not in ACCEPTED_TYPES:
        raise UnsupportedMedia(f"Images only: {', '.join(ACCEPTED_TYPES)}.")
    return mime_type


# --- reading and deleting ---------------------------------------------------------------------------------------------


def get(user_id: UUID, item_id: UUID, *, items: ItemStore) -> Item:
    """Raises NotFound when there is none, or it is another tenant's: the two look the same."""
    item = items.get(user_id, item_id)
    if item is None:
        raise NotFound("No such item.")
    return item


def resolve(user_id: UUID, item_id: UUID, *, items: ItemStore) -> Item:
    """An item, by its own id or by that of an upload whose bytes it turned out to have.

    For looking only: whoever changes or deletes something must mean it. Raises NotFound as `get`.
    """
    item = items.get(user_id, item_id) or items.duplicate_of(user_id, item_id)
    if item is None:
        raise NotFound("No such item.")
    return item


def list_items(
    user_id: UUID, *, narrow: ItemFilter, sort: str, after: Position | None, limit: int, items: ItemStore
) -> tuple[list[Item], Position | None, int]:
    """One page, where the next one starts (None: this was the last), and the total."""
    order = ORDERS[sort]
    page, total = items.list_page(user_id, narrow=narrow, order=order, after=after, limit=limit + 1)
    if len(page) <= limit:
        return page, None, total
    last = page[limit - 1]
    return page[:limit], Position(order.value(last), last.item_id), total


def delete(
    user_id: UUID,
    item_id: UUID,
    *,
    items: ItemStore,
    images: ImageBucket,
    versions: Sequence[datetime] | None = None,
) -> None:
    """Remove an item everywhere, at any moment: workers are fenced out first, then its objects go, then its rows.

    Raises:
        NotFound
        PreconditionFailed: it is none of the `versions`, if there are any.
        Unavailable: S3 does not answer. The item is hidden already; cleanup finishes the rest.
    """
    item = items.get(user_id, item_id)
    if item is None:
        raise NotFound("No such item.")
    item = items.mark_deleted(user_id, item_id, versions=versions) or item
    images.delete(s3.keys_of(item.user_id, item.item_id, item.object_key, item.generations))
    items.purge(user_id, item_id)


def edit(
    user_id: UUID,
    item_id: UUID,
    changes: Mapping[str, Any],
    *,
    items: ItemStore,
    reindex: Callable[[Connection, Item], bool],
    events: EventPublisher,
    versions: Sequence[datetime] | None = None,
) -> Item:
    """Change the user's own fields. Search finds the new words at once; a changed text is embedded in the background.

    Raises:
        NotFound
        PreconditionFailed: it is none of the `versions`, if there are any.
    """
    edited = items.edit(user_id, item_id, changes, versions=versions, then=reindex)
    if edited is None:
        raise NotFound("No such item.")
    item, vector_is_stale = edited
    if not vector_is_stale or item.status is not Status.READY:
        return item
    sent = items.rework(item, starting_as=Status.EMBEDDING, reuse_analysis=True)
    if sent:
        events.publish([resume_event(Status.EMBEDDING, sent.ref)])
    return sent or item


def hand_over_words(copy: Item, first: Item, *, items: ItemStore, events: EventPublisher) -> None:
    """Give what the user wrote on a copy to the item that it is a copy of, where that has nothing of its own.

    Raises:
        Unavailable: that item is gone, or the bus is down. It may be repeated.
    """
    words = {name: getattr(copy, name) for name in ("title", "notes", "category") if getattr(first, name) is None}
    words |= {"tags": retag(first.tags, add=copy.tags), "favorite": first.favorite or copy.favorite}
    changes = {name: value for name, value in words.items() if value != getattr(first, name)}
    if not changes:
        return
    try:
        # The embedder writes the search row anew.
        edit(first.user_id, first.item_id, changes, items=items, reindex=lambda *_: True, events=events)
    except NotFound as exc:
        raise Unavailable("The image with the same bytes was deleted just now.", retry_after=1) from exc


def retag(tags: Sequence[str], *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> list[str]:
    """Tags without repeats, in the order they were given."""
    return [tag for tag in dict.fromkeys([*tags, *add]) if tag not in remove]


def reanalyze(
    user_id: UUID,
    item_id: UUID,
    *,
    force: bool,
    is_analyzed: bool,
    items: ItemStore,
    events: EventPublisher,
    provider: str | None = None,
    model: str | None = None,
    within_quota: Callable[[int], None] = lambda _: None,
) -> tuple[Item, bool]:
    """Have an item analyzed (again), through the same stages as any other. Returns it, and whether work is under way.

    Not forced, an analyzed item stays as it is, one on its way goes on, and a failed one is taken up where it failed.
    `provider` and `model` are remembered with the item until it is sent anew.

    Raises:
        NotFound
        Conflict: its image was never uploaded.
    """
    item = get(user_id, item_id, items=items)
    if not force and item.status is Status.READY and is_analyzed:
        return item, False
    if not force and item.status not in (Status.READY, Status.FAILED, Status.UPLOADING):
        return item, True
    if item.width is None:
        start = Status.PROCESSING
    else:
        start = Status.EMBEDDING if is_analyzed and not force else Status.ANALYZING
    if start is not Status.EMBEDDING:
        within_quota(1)
    sent = _send(item, start, reuse_analysis=False, items=items, events=events, provider=provider, model=model)
    return sent, True


def resize(user_id: UUID, item_id: UUID, *, items: ItemStore, events: EventPublisher) -> Item:
    """Have an item's renditions made anew; its analysis is kept, and nothing is paid for.

    Raises:
        NotFound
        Conflict: its image was never uploaded.
    """
    item = get(user_id, item_id, items=items)
    return _send(item, Status.PROCESSING, reuse_analysis=True, items=items, events=events)


def _send(
    item: Item,
    start: Status,
    *,
    reuse_analysis: bool,
    items: ItemStore,
    events: EventPublisher,
    provider: str | None = None,
    model: str | None = None,
) -> Item:
    if item.status is Status.UPLOADING:
        raise Conflict("The image of this item has not been uploaded yet.")
    sent = items.rework(item, starting_as=start, reuse_analysis=reuse_analysis, provider=provider, model=model)
    if sent is None:
        raise Conflict("The item was changed at the same time. Look at it again.")
    # Lost with this process, the event is published again by cleanup: the row says what it waits for.
    events.publish([resume_event(start, sent.ref)])
    return sent
