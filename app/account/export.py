"""Everything of one user as one ZIP archive, written straight to S3: one part of a multipart upload is one step.

A part holds whole files. Its receipt, its files' directory records and its lines of the manifest are kept with the
job's state, so that whoever goes on knows all there is to know, and memory does not grow with the collection.
"""

import html
import json
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote
from uuid import UUID

from app.account import archive
from app.account.models import ExportedItem
from app.account.s3 import ExportBucket, UploadGone, export_key
from app.account.store import AccountStore, forget_parts, save_part
from app.items.models import Item
from app.jobs.models import Done, Job, Step
from app.platform.logs import logger

FORMAT = "collections-export/1"
# S3 takes 10,000 parts of at least 5 MiB each.
_PART_BYTES = 8 * 1024 * 1024
_PARTS_MOST = 9_000
# Lambda's /tmp has 512 MiB, and a part may be begun when this one is added. Uploads end at 50 MiB.
_ORIGINAL_MOST_BYTES = 256 * 1024 * 1024
# What is fetched ahead, side by side: waiting for S3 is most of what small files cost.
_SMALL_BYTES, _AHEAD, _THREADS = 1024 * 1024, 32, 8
_PAGE = 100
# What an item without its image counts for, in bytes, as far as progress is concerned.
_ITEM_WEIGHT = 4096
# Extensions that say what the media type says.
_EXTENSIONS = {"image/jpeg": ("jpg", "jpeg"), "image/tiff": ("tif", "tiff"), "image/heic": ("heic", "heif")}


@dataclass(frozen=True, slots=True)
class Position:
    """Where an archive stands between two parts; the state of the job, as JSON."""

    upload_id: str
    # How much there will be: items, and bytes of their originals.
    items_expected: int
    bytes_expected: int
    # The next part's number, and where it starts.
    part: int = 1
    offset: int = 0
    files: int = 0
    items: int = 0
    images: int = 0
    bytes_read: int = 0
    # The last item in it: when it was made, and its id.
    after: tuple[str, str] | None = None

    @property
    def part_bytes(self) -> int:
        return max(_PART_BYTES, self.bytes_expected // _PARTS_MOST)

    @property
    def progress(self) -> float:
        whole = self.bytes_expected + self.items_expected * _ITEM_WEIGHT
        return 0.99 * (self.bytes_read + self.items * _ITEM_WEIGHT) / whole if whole else 0

    def behind(self) -> tuple[datetime, UUID] | None:
        return (datetime.fromisoformat(self.after[0]), UUID(self.after[1])) if self.after else None


def advance(job: Job, *, account: AccountStore, bucket: ExportBucket) -> Step | Done:
    """One part of the export; the last one ends the archive."""
    if not job.state:
        return _begin(job, account=account, bucket=bucket)
    at = Position(**job.state)
    try:
        with Part(at) as part:
            for exported, body in _with_originals(_items(job, at, account), bucket):
                _add_item(part, exported, body)
                if part.size >= at.part_bytes:
                    return _store(job, part, bucket)
            return _close(job, part, account=account, bucket=bucket)
    except UploadGone:
        logger.warning("export begins anew: its upload is gone", job_id=job.job_id)
        return Step({}, job.progress, write=partial(forget_parts, job=job))


def _begin(job: Job, *, account: AccountStore, bucket: ExportBucket) -> Step:
    expected = account.holdings_before(job.user_id, job.created_at)
    upload_id = bucket.begin(export_key(job.user_id, job.job_id))
    start = Position(upload_id, items_expected=expected.items, bytes_expected=expected.bytes)
    return Step(asdict(start), 0, write=partial(forget_parts, job=job))


def _store(job: Job, part: "Part", bucket: ExportBucket) -> Step:
    at = part.start
    receipt = bucket.put_part(export_key(job.user_id, job.job_id), at.upload_id, at.part, part.rewound())
    write = partial(
        save_part, job=job, part=at.part, receipt=receipt, directory=bytes(part.directory), listing=part.listing()
    )
    following = part.end()
    return Step(asdict(following), following.progress, write=write)


def _close(job: Job, part: "Part", *, account: AccountStore, bucket: ExportBucket) -> Done:
    """Add what tells of all files, and the directory; then make one object of the parts."""

    def listings() -> Iterator[str]:
        yield from (listing for _, _, listing in account.parts(job.user_id, job.job_id))
        yield own

    own, whole = part.listing(), part.end()
    part.add("manifest.json", _manifest(job, whole, listings()), modified=job.created_at)
    part.add("index.html", _index(job, listings()), modified=job.created_at)
    files, offset = part.end().files, part.end().offset
    receipts = []
    for receipt, directory, _ in account.parts(job.user_id, job.job_id):
        receipts.append(receipt)
        part.file.write(directory)
    part.file.write(part.directory)
    size = part.start.offset + part.size - offset
    part.file.write(archive.directory_end(files=files, size=size, offset=offset))
    return _complete(job, part, whole, receipts, bucket)


def _complete(job: Job, part: "Part", whole: Position, receipts: list[dict[str, Any]], bucket: ExportBucket) -> Done:
    key, upload_id = export_key(job.user_id, job.job_id), part.start.upload_id
    result = {
        "object_key": key,
        "items": whole.items,
        "images": whole.images,
        "without_image": whole.items - whole.images,
        "bytes": part.start.offset + part.size,
    }
    try:
        receipts = [*receipts, bucket.put_part(key, upload_id, part.start.part, part.rewound())]
        bucket.complete(key, upload_id, receipts)
    except UploadGone:
        # Either aborted, or completed by somebody who died before saying so.
        size = bucket.size(key)
        if size is None:
            raise
        result["bytes"] = size
    return Done(result, write=partial(forget_parts, job=job))


class Part:
    """Whole files of an archive, in a temporary file, and what is to be remembered of them."""

    def __init__(self, start: Position) -> None:
        self.start = start
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by __exit__
        self.directory = bytearray()
        self._files = 0
        self._items: list[dict[str, Any]] = []
        self._bytes_read = 0
        self._after = start.after

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.file.close()

    @property
    def size(self) -> int:
        return self.file.tell()

    @property
    def next_number(self) -> int:
        return self.start.items + len(self._items) + 1

    def add(self, name: str, body: Iterable[bytes], *, modified: datetime) -> None:
        """Write a file, piece by piece."""
        start, crc, size = self.file.tell(), 0, 0
        self.file.write(archive.file_header(name, crc=0, size=0, modified=modified))
        for piece in body:
            crc, size = zlib.crc32(piece, crc), size + len(piece)
            self.file.write(piece)
        end = self.file.tell()
        # Now that both are known, over the first one.
        self.file.seek(start)
        self.file.write(archive.file_header(name, crc=crc, size=size, modified=modified))
        self.file.seek(end)
        self.directory += archive.directory_record(
            name, crc=crc, size=size, modified=modified, offset=self.start.offset + start
        )
        self._files += 1

    def list(self, item: Item, line: dict[str, Any]) -> None:
        """Note that an item is in."""
        self._items.append(line)
        self._bytes_read += item.file_size
        self._after = (item.created_at.isoformat(), str(item.item_id))

    def listing(self) -> str:
        return "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in self._items)

    def end(self) -> Position:
        """Where the archive stands behind this part."""
        return replace(
            self.start,
            part=self.start.part + 1,
            offset=self.start.offset + self.size,
            files=self.start.files + self._files,
            items=self.start.items + len(self._items),
            images=self.start.images + sum(1 for line in self._items if line["image"]),
            bytes_read=self.start.bytes_read + self._bytes_read,
            after=self._after,
        )

    def rewound(self) -> Any:
        self.file.seek(0)
        return self.file


def _items(job: Job, at: Position, account: AccountStore) -> Iterator[ExportedItem]:
    """What was there when the export was asked for, behind what is in it already."""
    after = at.behind()
    while page := account.page(job.user_id, before=job.created_at, after=after, limit=_PAGE):
        yield from page
        after = (page[-1].item.created_at, page[-1].item.item_id)


Body = Iterable[bytes] | None


def _with_originals(exported: Iterator[ExportedItem], bucket: ExportBucket) -> Iterator[tuple[ExportedItem, Body]]:
    """Items with the pieces of their originals, None for those that have none."""
    with ThreadPoolExecutor(_THREADS) as threads:
        while batch := list(islice(exported, _AHEAD)):
            bodies = list(threads.map(partial(_fetch_if_small, bucket=bucket), batch))
            for one, body in zip(batch, bodies, strict=True):
                # What is not small, or not what its row says, is read when its turn comes.
                found = body if body is not None else bucket.read(one.item.object_key, max_bytes=_ORIGINAL_MOST_BYTES)
                yield one, found


def _fetch_if_small(exported: ExportedItem, bucket: ExportBucket) -> list[bytes] | None:
    if exported.item.file_size > _SMALL_BYTES:
        return None
    found = bucket.read(exported.item.object_key, max_bytes=_SMALL_BYTES)
    return None if found is None else list(found)


def _add_item(part: Part, exported: ExportedItem, body: Body) -> None:
    """An item's image and what is known of it. Numbers make names unique; nothing else of a name is relied on."""
    item, number = exported.item, f"{part.next_number:06}"
    image = f"images/{number} {_image_name(item)}" if body is not None else None
    details = f"items/{number}.json"
    document = _document(exported, image)
    if image and body is not None:
        part.add(image, body, modified=item.taken_at or item.created_at)
    part.add(details, [_json(document)], modified=item.updated_at)
    headline = exported.analyses[-1]["raw_response"].get("headline") if exported.analyses else None
    part.list(
        item,
        {
            "id": str(item.item_id),
            "image": image,
            "details": details,
            "title": item.title or headline or item.original_filename,
            "created_at": item.created_at.isoformat(),
        },
    )


def _image_name(item: Item) -> str:
    kind = item.mime_type.removeprefix("image/")
    extensions = _EXTENSIONS.get(item.mime_type) or ((kind,) if kind.isalnum() and kind.isascii() else ("bin",))
    name = archive.safe_name(item.original_filename)
    return name if name.lower().endswith(tuple(f".{known}" for known in extensions)) else f"{name}.{extensions[0]}"


def _document(exported: ExportedItem, image: str | None) -> dict[str, Any]:
    item = exported.item
    return {
        "id": item.item_id,
        "image": image,
        "status": item.status,
        "error": asdict(item.error) if item.error else None,
        "original_filename": item.original_filename,
        "mime_type": item.mime_type,
        "file_size": item.file_size,
        "sha256": item.sha256.hex() if item.sha256 else None,
        "width": item.width,
        "height": item.height,
        "taken_at": item.taken_at,
        "title": item.title,
        "notes": item.notes,
        "tags": item.tags,
        "category": item.category,
        "favorite": item.favorite,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "analyses": exported.analyses,
    }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1, default=_text).encode()


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _manifest(job: Job, whole: Position, listings: Iterable[str]) -> Iterator[bytes]:
    """`manifest.json`: what is in the archive, item by item, written without ever holding all of it."""
    head = {
        "format": FORMAT,
        "user_id": job.user_id,
        "created_at": job.created_at,
        "items_total": whole.items,
        "images_total": whole.images,
    }
    yield _json(head).rstrip(b"\n}") + b',\n "items": ['
    separator = "\n  "
    for listing in listings:
        for line in listing.splitlines():
            yield f"{separator}{line}".encode()
            separator = ",\n  "
    yield b"\n ]\n}\n"


def _index(job: Job, listings: Iterable[str]) -> Iterator[bytes]:
    """`index.html`: a page to look through the unpacked archive with. No scripts, nothing from elsewhere."""
    yield _PAGE_HEAD.format(date=f"{job.created_at:%Y-%m-%d}").encode()
    for listing in listings:
        for line in listing.splitlines():
            yield _figure(json.loads(line)).encode()
    yield b"</main>\n"


def _figure(line: dict[str, Any]) -> str:
    title, details = html.escape(line["title"]), html.escape(quote(line["details"]))
    caption = f'<figcaption><a href="{details}">{title}</a></figcaption>'
    if not line["image"]:
        return f"<figure>{caption}</figure>\n"
    image = html.escape(quote(line["image"]))
    return f'<figure><a href="{image}"><img src="{image}" alt="" loading="lazy"></a>{caption}</figure>\n'


_PAGE_HEAD = """<!doctype html>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'">
<title>Collections, {date}</title>
<style>
body {{ font: 1rem/1.4 system-ui, sans-serif; margin: 2rem }}
main {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(12rem, 1fr)); gap: 1rem }}
figure {{ margin: 0 }}
img {{ width: 100%; height: 12rem; object-fit: cover; background: #eee }}
</style>
<h1>Collections, {date}</h1>
<main>
"""
