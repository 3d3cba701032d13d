"""An export is one ZIP archive of everything that is one user's and of nothing else, whoever dies while it is made."""

import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, BinaryIO
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest
from botocore.stub import Stubber

from app.account import export
from app.account.s3 import EXPORT_TAG, ExportBucket, UploadGone, export_key
from app.account.store import AccountStore
from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.items import s3
from app.items.models import Item
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.jobs import service
from app.jobs.models import Job, JobStatus, Kind
from app.jobs.store import JobStore
from app.platform.database import Database
from app.platform.events import JobRequested
from app.platform.settings import JobSettings
from tests.fakes import RecordingEvents

MIB = 1024 * 1024
SETTINGS = JobSettings(queue_url="any")


class Killed(BaseException):
    """The worker is gone: no handler of ours sees it."""


class MortalBucket(ExportBucket):
    """Kills its worker once: before or after an operation."""

    kill_at: str | None = None

    def begin(self, key: str) -> str:
        return str(self._mortally("begin", lambda: super(MortalBucket, self).begin(key)))

    def put_part(self, key: str, upload_id: str, part: int, body: BinaryIO) -> dict[str, Any]:
        try:
            put = partial(super().put_part, key, upload_id, part, body)
            found: dict[str, Any] = self._mortally(f"put_part {part}", put)
        except KeyError as exc:
            # moto's way of saying NoSuchUpload.
            raise UploadGone(key) from exc
        return found

    def complete(self, key: str, upload_id: str, receipts: Sequence[Any]) -> None:
        self._mortally("complete", partial(super().complete, key, upload_id, receipts))

    def _mortally(self, operation: str, act: Callable[[], Any]) -> Any:
        self._die_at(f"before {operation}")
        found = act()
        self._die_at(f"after {operation}")
        return found

    def _die_at(self, moment: str) -> None:
        if moment == self.kill_at:
            self.kill_at = None
            raise Killed


@pytest.fixture
def account(database_pool: Database) -> AccountStore:
    return AccountStore(database_pool)


@pytest.fixture
def jobs(database_pool: Database) -> JobStore:
    return JobStore(database_pool)


@pytest.fixture
def bucket(s3_client: Any, bucket_name: str) -> MortalBucket:
    return MortalBucket(s3_client, bucket_name)


Add = Callable[..., Item]


@pytest.fixture
def add(items: ItemStore, images: ImageBucket, owner: psycopg.Connection, user_id: UUID) -> Iterator[Add]:
    """Add an item and its original."""
    users = {user_id}

    def add(body: bytes | None = b"image", *, of: UUID = user_id, name: str = "photo.jpg", **columns: Any) -> Item:
        users.add(of)
        item_id = uuid4()
        key = s3.original_key(of, item_id, "image/jpeg")
        items.add(NewItem(of, item_id, key, name, "image/jpeg", len(body or b"")))
        if body is not None:
            images.put(key, body, content_type="image/jpeg")
        for column, value in columns.items():
            owner.execute(f"UPDATE items SET {column} = %s WHERE item_id = %s".encode(), [value, item_id])
        found = items.get(of, item_id)
        assert found
        return found

    yield add
    for user in users:
        owner.execute("DELETE FROM items WHERE user_id = %s", [user])


@pytest.fixture
def run(jobs: JobStore, account: AccountStore, bucket: MortalBucket, events: RecordingEvents) -> Callable[[Job], None]:
    def run(job: Job, *, seconds_left: float = 60) -> None:
        service.run_job(
            JobRequested(job.user_id, job.job_id),
            kinds={Kind.EXPORT: lambda: partial(export.advance, account=account, bucket=bucket)},
            jobs=jobs,
            events=events,
            seconds_left=lambda: seconds_left,
            settings=SETTINGS,
        )

    return run


@pytest.fixture
def exported(jobs: JobStore, user_id: UUID, run: Callable[[Job], None], images: ImageBucket) -> Callable[[], Any]:
    """Export, and open the archive."""

    def exported() -> zipfile.ZipFile:
        job, _ = jobs.start(user_id, Kind.EXPORT)
        run(job)
        return opened(jobs, job, images)

    return exported


def opened(jobs: JobStore, job: Job, images: ImageBucket) -> zipfile.ZipFile:
    done = jobs.get(job.user_id, job.job_id)
    assert done
    assert done.status is JobStatus.DONE
    assert done.result
    body, _ = images.get(done.result["object_key"], max_bytes=1024 * MIB)
    assert len(body) == done.result["bytes"]
    return zipfile.ZipFile(io.BytesIO(body))


def details(archive: zipfile.ZipFile) -> list[dict[str, Any]]:
    manifest = json.loads(archive.read("manifest.json"))
    return [json.loads(archive.read(line["details"])) for line in manifest["items"]]


def noise(megabytes: float) -> bytes:
    return random.Random(megabytes).randbytes(int(megabytes * MIB))


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_an_export_holds_originals_analyses_and_the_user_s_own_words(
    add: Add, exported: Callable[[], zipfile.ZipFile], database_pool: Database
) -> None:
    item = add(b"the image", title="Mine", notes="a note", tags=["bread"], category="food", favorite=True)
    with database_pool.tenant(item.user_id) as connection:
        document = AnalysisDocument(category="receipt", headline="A receipt", summary="Bread, 3 EUR")
        analysis_store.save(connection, item, ProviderAnswer(document, "fake", "fake-1", "1"))

    archive = exported()

    (told,) = details(archive)
    assert archive.testzip() is None
    assert archive.read(told["image"]) == b"the image"
    assert {key: told[key] for key in ("id", "title", "notes", "tags", "category", "favorite", "status")} == {
        "id": str(item.item_id),
        "title": "Mine",
        "notes": "a note",
        "tags": ["bread"],
        "category": "food",
        "favorite": True,
        "status": "uploading",
    }
    assert datetime.fromisoformat(told["created_at"]) == item.created_at
    assert told["analyses"][0]["raw_response"]["headline"] == "A receipt"
    assert told["analyses"][0]["provider_used"] == "fake"


def test_an_export_tells_what_is_in_it_and_can_be_looked_through(
    add: Add, exported: Callable[[], zipfile.ZipFile]
) -> None:
    add(title="<b>Bread & butter</b>")
    add(None, name="lost.jpg")

    archive = exported()

    manifest = json.loads(archive.read("manifest.json"))
    page = archive.read("index.html").decode()
    assert (manifest["format"], manifest["items_total"], manifest["images_total"]) == (export.FORMAT, 2, 1)
    assert [line["image"] for line in manifest["items"]] == ["images/000001 photo.jpg", None]
    assert set(archive.namelist()) == {
        "images/000001 photo.jpg",
        "items/000001.json",
        "items/000002.json",
        "manifest.json",
        "index.html",
    }
    assert '<img src="images/000001%20photo.jpg"' in page
    assert "&lt;b&gt;Bread &amp; butter&lt;/b&gt;" in page
    assert "lost.jpg" in page
    assert "<script" not in page


def test_an_account_without_items_is_exported_too(exported: Callable[[], zipfile.ZipFile]) -> None:
    archive = exported()

    assert set(archive.namelist()) == {"manifest.json", "index.html"}
    assert json.loads(archive.read("manifest.json"))["items"] == []


def test_an_export_holds_nothing_of_anybody_else(
    add: Add, exported: Callable[[], zipfile.ZipFile], jobs: JobStore
) -> None:
    mine, stranger = add(b"mine"), uuid4()
    add(b"theirs", of=stranger)
    jobs.start(stranger, Kind.EXPORT)

    archive = exported()

    assert [told["id"] for told in details(archive)] == [str(mine.item_id)]
    assert b"theirs" not in b"".join(archive.read(name) for name in archive.namelist())


def test_what_is_added_after_it_was_asked_for_is_not_in_it(
    add: Add, jobs: JobStore, user_id: UUID, run: Callable[[Job], None], images: ImageBucket
) -> None:
    before = add()
    job, _ = jobs.start(user_id, Kind.EXPORT)
    add()

    run(job)

    assert [told["id"] for told in details(opened(jobs, job, images))] == [str(before.item_id)]


HOSTILE = [
    "../../../etc/passwd",
    "..\\..\\windows\\system32\\cmd.exe",
    "/etc/shadow",
    "C:\\autoexec.bat",
    "nul\x00byte.jpg",
    "photo\u202egpj.exe",
    "line\r\nbreak.jpg",
    "写" * 200,
    "same.jpg",
    "same.jpg",
    "SAME.JPG",
    ".",
    "..",
    "",
    "-rf",
    "CON",
]


def test_no_name_leaves_the_folder_it_is_unpacked_to_or_covers_another(
    add: Add, exported: Callable[[], zipfile.ZipFile], tmp_path: Any, owner: psycopg.Connection
) -> None:
    for number, name in enumerate(HOSTILE):
        add(f"image {number}".encode(), name=name.replace("\x00", "?"))

    archive = exported()

    names = archive.namelist()
    assert len({name.casefold() for name in names}) == len(names) == 2 * len(HOSTILE) + 2
    for name in names:
        folder, _, last = name.rpartition("/")
        assert folder in ("", "images", "items")
        assert last not in ("", ".", "..")
        assert name.isprintable()
        assert not set('\\:*?"<>|') & set(name)
        assert len(last.encode()) <= 120
        assert not last.startswith(("-", " "))
    images = sorted(name for name in names if name.startswith("images/"))
    assert [archive.read(name) for name in images] == [f"image {number}".encode() for number in range(len(HOSTILE))]
    assert all(name.lower().endswith((".jpg", ".jpeg")) for name in images)
    archive.extractall(tmp_path / "unpacked")
    assert [path.name for path in tmp_path.iterdir()] == ["unpacked"]


def test_the_archive_lies_where_the_pipeline_does_not_look_and_expires(
    add: Add, exported: Callable[[], zipfile.ZipFile], user_id: UUID, s3_client: Any, bucket_name: str
) -> None:
    add()
    exported()

    (key,) = [key for key in keys(s3_client, bucket_name) if "/images/" not in key]
    tags = s3_client.get_object_tagging(Bucket=bucket_name, Key=key)["TagSet"]
    assert key.startswith(f"{user_id}/exports/")
    assert s3.owner_of(key) is None
    assert tags == [{"Key": EXPORT_TAG[0], "Value": EXPORT_TAG[1]}]


def keys(s3_client: Any, bucket_name: str) -> list[str]:
    return [entry["Key"] for entry in s3_client.list_objects_v2(Bucket=bucket_name).get("Contents", [])]


# --- over many parts and invocations ----------------------------------------------------------------------------------


@pytest.fixture
def many(add: Add) -> list[bytes]:
    """Enough for three parts, of images large and small, one of them without its original."""
    bodies = [noise(size) for size in (3, 0.5, 4, 6, 0.1, 2.5, 9, 1)]
    for number, body in enumerate(bodies):
        add(body, name=f"{number}.jpg")
    add(None, name="lost.jpg")
    return bodies


def images_of(archive: zipfile.ZipFile) -> list[bytes]:
    return [archive.read(told["image"]) for told in details(archive) if told["image"]]


def test_an_export_goes_on_from_invocation_to_invocation(
    many: list[bytes], jobs: JobStore, user_id: UUID, run: Callable[..., None], images: ImageBucket
) -> None:
    job, _ = jobs.start(user_id, Kind.EXPORT)
    progress = []
    while (now := jobs.get(user_id, job.job_id)) and now.status is not JobStatus.DONE:
        progress.append(now.progress)
        run(job, seconds_left=1)

    archive = opened(jobs, job, images)

    assert images_of(archive) == many
    assert archive.testzip() is None
    # Queued, begun, and after each of the parts but the last.
    assert len(progress) == 4
    assert progress[:2] == [0, 0]
    assert 0 < progress[2] < progress[3] < 1


MOMENTS = [
    f"{when} {what}"
    for what in ("begin", "put_part 1", "put_part 2", "put_part 3", "complete")
    for when in ("before", "after")
]


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_worker_killed_at_any_moment_loses_and_doubles_nothing(
    many: list[bytes],
    jobs: JobStore,
    user_id: UUID,
    run: Callable[[Job], None],
    bucket: MortalBucket,
    images: ImageBucket,
    owner: psycopg.Connection,
    s3_client: Any,
    bucket_name: str,
    moment: str,
) -> None:
    job, _ = jobs.start(user_id, Kind.EXPORT)
    bucket.kill_at = moment

    with pytest.raises(Killed):
        run(job)
    owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE job_id = %s", [job.job_id])
    run(job)

    archive = opened(jobs, job, images)
    assert images_of(archive) == many
    assert archive.testzip() is None
    assert len(archive.namelist()) == len(set(archive.namelist())) == 2 * len(many) + 1 + 2
    assert [key for key in keys(s3_client, bucket_name) if "/images/" not in key] == [export_key(user_id, job.job_id)]
    assert "Uploads" not in s3_client.list_multipart_uploads(Bucket=bucket_name)
    assert owner.execute("SELECT count(*) FROM export_parts WHERE user_id = %s", [user_id]).fetchone() == (0,)


def test_an_upload_that_was_taken_away_is_begun_anew(
    many: list[bytes],
    jobs: JobStore,
    user_id: UUID,
    run: Callable[..., None],
    images: ImageBucket,
    s3_client: Any,
    bucket_name: str,
) -> None:
    """The lifecycle rule ends uploads after a day."""
    job, _ = jobs.start(user_id, Kind.EXPORT)
    run(job, seconds_left=1)
    run(job, seconds_left=1)
    (upload,) = s3_client.list_multipart_uploads(Bucket=bucket_name)["Uploads"]
    s3_client.abort_multipart_upload(Bucket=bucket_name, Key=upload["Key"], UploadId=upload["UploadId"])

    run(job)

    assert images_of(opened(jobs, job, images)) == many


@pytest.mark.parametrize(
    ("operation", "ask"),
    [
        ("upload_part", lambda bucket: bucket.put_part("key", "upload", 1, io.BytesIO(b"late"))),
        ("complete_multipart_upload", lambda bucket: bucket.complete("key", "upload", [])),
    ],
)
def test_an_upload_that_is_over_takes_no_more(operation: str, ask: Callable[[ExportBucket], Any]) -> None:
    """As S3 says it (Amazon S3 API Reference, "Error responses"); moto does not."""
    client = boto3.client("s3", region_name="eu-central-1")
    stubbed = Stubber(client)
    stubbed.add_client_error(operation, "NoSuchUpload", http_status_code=404)

    with stubbed, pytest.raises(UploadGone):
        ask(ExportBucket(client, "bucket"))


# --- memory -----------------------------------------------------------------------------------------------------------


class EndlessBucket(ExportBucket):
    """Originals made up on the spot, parts counted and thrown away: what is left in memory is the export's own."""

    def __init__(self) -> None:
        self.parts = self.bytes = 0

    def begin(self, key: str) -> str:
        return "upload"

    def put_part(self, key: str, upload_id: str, part: int, body: BinaryIO) -> dict[str, Any]:
        self.parts += 1
        while piece := body.read(MIB):
            self.bytes += len(piece)
        return {"ETag": f'"{part}"'}

    def complete(self, key: str, upload_id: str, receipts: Sequence[Any]) -> None:
        assert len(receipts) == self.parts

    def read(self, key: str, *, max_bytes: int) -> Iterator[bytes] | None:
        size = 3 * MIB if key.endswith("7") else 64 * 1024
        return (b"\xff" * min(size - at, MIB) for at in range(0, size, MIB)) if size <= max_bytes else None


def peak_of_export(count: int, *, account: AccountStore, owner: psycopg.Connection) -> tuple[int, EndlessBucket]:
    """Bytes that an export of so many items held at most."""
    user_id, bucket = uuid4(), EndlessBucket()
    jobs = JobStore(account._database)
    owner.execute(
        """
        INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, created_at)
        SELECT %s, gen_random_uuid(), 'ready', 'key-' || n, 'photo ' || n || '.jpg', 'image/jpeg',
          CASE WHEN n %% 10 = 7 THEN 3145728 ELSE 65536 END, now() - make_interval(secs => n)
        FROM generate_series(1, %s) AS n
        """,
        [user_id, count],
    )
    jobs.start(user_id, Kind.EXPORT)
    claim = jobs.claim(user_id, jobs.start(user_id, Kind.EXPORT)[0].job_id, lease_seconds=600)
    tracemalloc.start()
    try:
        while claim:
            outcome = export.advance(claim.job, account=account, bucket=bucket)
            claim = jobs.save(claim, outcome, lease_seconds=600) if isinstance(outcome, export.Step) else None
        return tracemalloc.get_traced_memory()[1], bucket
    finally:
        tracemalloc.stop()
        owner.execute("DELETE FROM items WHERE user_id = %s", [user_id])


def test_memory_does_not_grow_with_the_collection(account: AccountStore, owner: psycopg.Connection) -> None:
    small, _ = peak_of_export(100, account=account, owner=owner)
    large, bucket = peak_of_export(1500, account=account, owner=owner)

    assert bucket.bytes > 500 * MIB
    assert large < small + 4 * MIB
    assert large < 48 * MIB


def test_an_export_is_never_one_part_too_many() -> None:
    """10,000 parts are what S3 takes."""
    huge = export.Position("upload", items_expected=1_000_000, bytes_expected=5 * 1024**4)

    assert huge.bytes_expected / huge.part_bytes <= 9_001
    assert export.Position("upload", items_expected=1, bytes_expected=1).part_bytes >= 5 * MIB


def test_an_exported_name_says_what_the_file_is(add: Add) -> None:
    old = datetime.now(UTC) - timedelta(days=1)
    item = add(name="photo.exe", created_at=old)

    assert export._image_name(item) == "photo.exe.jpg"
