"""Pictures between a folder and a user's collection, over the public API, as that user: only what differs, resumable.

What is there already is known by its SHA-256, on both sides; nothing is kept in between.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeVar

import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from app.platform.settings import StorageSettings
from scripts import outputs
from scripts.console import commands, console, fail, say
from scripts.deployed_collection import saved_token
from scripts.outputs import Cloud, cloud_name

# What Python's own table says of these differs from version to version.
TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".avif": "image/avif",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".bmp": "image/bmp",
}
_MOST_BYTES: int = StorageSettings.model_fields["upload_max_bytes"].default
_AT_ONCE = 8
# Declared together. The API admits 100 on their way at once, and the rest waits.
_BATCH = 20
_ATTEMPTS = 5
# A quota of the day is not waited for.
_WORTH_WAITING_S = 120
_CHUNK = 1 << 20
_NAME_MAX_BYTES = 200
T = TypeVar("T")

app = commands()
Folder = Annotated[Path, typer.Argument(help="With its folders, for an upload.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


class TransferFailed(Exception):
    """One picture did not come across; the message says why."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file of the folder."""

    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class Original:
    """What the collection has of an item: its bytes' address is good for some minutes."""

    item_id: str
    filename: str
    sha256: str | None
    size: int
    url: str


@dataclass(slots=True)
class Tally:
    """How a transfer went; `failed` has a line for each that did not."""

    moved: int
    there: int
    failed: list[str]


@app.command("upload")
def upload_folder(folder: Folder, cloud: Cloud = "local", dry_run: DryRun = False) -> None:
    """Upload what the collection does not have. Interrupted, run it again: it goes on where it was."""
    folder = folder.expanduser()
    if not folder.is_dir():
        fail(f"There is no folder {escape(str(folder))}. Name one by DIR=…")
    with _api(cloud) as api, _bar() as bar:
        tally = upload(folder, api, dry_run=dry_run, bar=bar)
    _tell("uploaded", "would be uploaded", tally, dry_run=dry_run)
    if tally.moved and not dry_run:
        say(f"  They are being read now: `make status CLOUD={cloud}` says how far that is.")


@app.command("download")
def download_folder(folder: Folder, cloud: Cloud = "local", dry_run: DryRun = False) -> None:
    """Download the originals that the folder does not have, and check each. Files of your own are never replaced."""
    with _api(cloud) as api, _bar() as bar:
        tally = download(folder.expanduser(), api, dry_run=dry_run, bar=bar)
    _tell("downloaded", "would be downloaded", tally, dry_run=dry_run)


# --- up ---------------------------------------------------------------------------------------------------------------


def upload(folder: Path, api: httpx.Client, *, dry_run: bool, bar: Progress) -> Tally:
    """Every picture under the folder, the same bytes once."""
    tally = Tally(0, 0, [])
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in TYPES and path.is_file())
    known = {original.sha256 for original in originals(api)}
    fresh: dict[str, Picture] = {}
    for picture in _hashed(paths, bar):
        if picture.path.stat().st_size > _MOST_BYTES:
            tally.failed.append(f"{picture.path}: larger than {_MOST_BYTES >> 20} MiB")
        elif picture.sha256 in known or picture.sha256 in fresh:
            tally.there += 1
        else:
            fresh[picture.sha256] = picture
    if dry_run:
        tally.moved = len(fresh)
        return tally
    task = bar.add_task("uploading", total=len(fresh))
    with _bucket() as bucket, ThreadPoolExecutor(_AT_ONCE) as pool:
        for batch in _batches(iter(fresh.values()), _BATCH):
            prepared = _prepare(batch, api)
            for problem in pool.map(partial(_posted, bucket), batch, prepared):
                tally.moved += problem is None
                tally.failed += [problem] if problem else []
                bar.advance(task)
    return tally


def _prepare(batch: Sequence[Picture], api: httpx.Client) -> list[dict[str, Any]]:
    """A form for each, or the item that has it. Waits while too many are on their way."""
    files = [
        {
            "filename": picture.path.name,
            "content_type": TYPES[picture.path.suffix.lower()],
            "file_size": picture.path.stat().st_size,
            "sha256": picture.sha256,
        }
        for picture in batch
    ]
    answer = _patiently(lambda: api.post("/uploads", json={"files": files}))
    prepared: list[dict[str, Any]] = answer.json()["uploads"]
    return prepared


def _posted(bucket: httpx.Client, picture: Picture, prepared: dict[str, Any]) -> str | None:
    """What went wrong, if anything did."""
    form = prepared["upload"]
    if form is None:
        return None  # somebody else has uploaded it meanwhile

    def post() -> httpx.Response:
        with picture.path.open("rb") as file:
            return bucket.post(form["url"], data=form["fields"], files={"file": (picture.path.name, file)}, timeout=300)

    try:
        _patiently(post)
    except (httpx.HTTPError, OSError) as exc:
        return f"{picture.path}: {_reason(exc)}"
    return None


def _hashed(paths: Sequence[Path], bar: Progress) -> Iterator[Picture]:
    task = bar.add_task("looking", total=len(paths))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for path, digest in zip(paths, pool.map(sha256_of, paths), strict=True):
            bar.advance(task)
            yield Picture(path, digest)


# --- down -------------------------------------------------------------------------------------------------------------


def download(folder: Path, api: httpx.Client, *, dry_run: bool, bar: Progress) -> Tally:
    """Every original of the user, under the name it came with."""
    tally = Tally(0, 0, [])
    if not dry_run:
        folder.mkdir(parents=True, exist_ok=True)
    task = bar.add_task("downloading", total=_total(api))
    taken: set[str] = set()
    with _bucket() as bucket, ThreadPoolExecutor(_AT_ONCE) as pool:
        # As many as a page has: their addresses are fresh.
        for page in _batches(originals(api), 100):
            wanted = [(original, _place(original, folder, taken)) for original in page]
            missing = [(original, path) for original, path in wanted if not _is_there(path, original)]
            tally.there += len(wanted) - len(missing)
            bar.advance(task, len(wanted) - len(missing))
            if dry_run:
                tally.moved += len(missing)
                continue
            for problem in pool.map(lambda pair: _fetched(bucket, *pair), missing):
                tally.moved += problem is None
                tally.failed += [problem] if problem else []
                bar.advance(task)
    return tally


def _place(original: Original, folder: Path, taken: set[str]) -> Path:
    """Its own name; with some of its id behind it where that is another item's, or a file of somebody's own."""
    name = file_name(original)
    path = folder / name
    if name.casefold() in taken or (path.exists() and not _is_there(path, original)):
        path = path.with_name(f"{path.stem}-{original.item_id[:8]}{path.suffix}")
    taken.add(path.name.casefold())
    return path


def file_name(original: Original) -> str:
    """A name that stays in its folder, is shown by `ls`, and fits into any file system."""
    name = re.sub(r"[\x00-\x1f\x7f/\\:]", "_", original.filename.replace("\\", "/").rpartition("/")[2]).lstrip(". ")
    stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
    return stem.encode()[:_NAME_MAX_BYTES].decode(errors="ignore") + dot + suffix[:20] if name else original.item_id


def _fetched(bucket: httpx.Client, original: Original, path: Path) -> str | None:
    """What went wrong, if anything did."""
    try:
        _fetch(bucket, original, path)
    except (httpx.HTTPError, TransferFailed, OSError) as exc:
        return f"{path.name}: {_reason(exc)}"
    return None


def _fetch(bucket: httpx.Client, original: Original, path: Path) -> None:
    """Go on with what an interrupted download left, and let nobody see the file before it is whole and right."""
    part = path.with_name(f".{path.name}.part")
    for _ in range(2):
        _patiently(lambda: _append(bucket, original, part))
        if _is_there(part, original):
            part.replace(path)
            return
        part.unlink()  # of other bytes than it should be, the beginning too: all of it again
    raise TransferFailed("its SHA-256 is not what the collection says")


def _append(bucket: httpx.Client, original: Original, part: Path) -> httpx.Response:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    if have >= original.size > 0:
        part.unlink()
        headers = {}
    with bucket.stream("GET", original.url, headers=headers, timeout=60) as answer:
        if answer.is_success:
            with part.open("ab" if answer.status_code == 206 else "wb") as file:
                for chunk in answer.iter_bytes(_CHUNK):
                    file.write(chunk)
    return answer


def _is_there(path: Path, original: Original) -> bool:
    if not path.is_file():
        return False
    if original.sha256 is None:  # of what could not be read
        return path.stat().st_size == original.size
    return sha256_of(path) == original.sha256


# --- both -------------------------------------------------------------------------------------------------------------


def _bucket() -> httpx.Client:
    """For links, which carry their own permission: it knows no token. One, so that its connections are used again."""
    return httpx.Client(timeout=60)


def originals(api: httpx.Client) -> Iterator[Original]:
    """What the user has, oldest first. Uploads that nobody has finished are no pictures yet."""
    cursor: str | None = None
    while True:
        wanted = {"limit": 100, "sort": "created_at"} | ({"cursor": cursor} if cursor else {})
        page = _patiently(lambda wanted=wanted: api.get("/items", params=wanted)).json()  # type: ignore[misc]
        for item in page["items"]:
            if item["status"] != "uploading":
                name, size = item["original_filename"], item["file_size"]
                yield Original(item["id"], name, item["sha256"], size, item["urls"]["original"])
        cursor = page["next_cursor"]
        if cursor is None:
            return


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _reason(exc: Exception) -> str:
    """Without the address: that one carries the permission."""
    return f"storage says {exc.response.status_code}" if isinstance(exc, httpx.HTTPStatusError) else str(exc)


def _total(api: httpx.Client) -> int:
    return int(_patiently(lambda: api.get("/items", params={"limit": 1})).json()["total"])


def _patiently(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask again after what passes: as long as the answer says, or ever longer.

    Raises:
        httpx.HTTPStatusError, httpx.TransportError: it does not pass, or not soon.
    """
    attempt = 0
    while True:
        try:
            answer = ask()
        except httpx.TransportError:
            attempt += 1
            if attempt == _ATTEMPTS:
                raise
            time.sleep(2**attempt / 2)
            continue
        waits = float(answer.headers.get("retry-after", 2**attempt / 2))
        if answer.status_code == 429 and waits <= _WORTH_WAITING_S:
            time.sleep(waits)  # as often as it takes: what is on its way gets ready
        elif answer.status_code >= 500 and attempt < _ATTEMPTS - 1:
            attempt += 1
            time.sleep(min(waits, _WORTH_WAITING_S))
        else:
            return answer.raise_for_status()


def _api(cloud: str) -> httpx.Client:
    name = cloud_name(cloud)
    found = outputs.read(name)
    return httpx.Client(
        base_url=found["ApiUrl"], headers={"Authorization": f"Bearer {saved_token(name, found)}"}, timeout=60
    )


def _bar() -> Progress:
    words = TextColumn("{task.description}")
    columns = (SpinnerColumn(), words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def _tell(done: str, would_be: str, tally: Tally, *, dry_run: bool) -> None:
    for problem in tally.failed:
        say(f"[red]✗[/] {escape(problem)}")
    say(f"[green]✓[/] {tally.moved} {would_be if dry_run else done}, {tally.there} were there already")
    if tally.failed:
        fail(f"{len(tally.failed)} did not come across. Run it again: what is there is not moved twice.")


def _batches(things: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(things, size)):
        yield batch


if __name__ == "__main__":
    app()
