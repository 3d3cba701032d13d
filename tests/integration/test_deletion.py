"""A deleted account is gone from every store, whoever dies on the way; everybody else's is untouched."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest

from app.account import deletion, dynamodb
from app.account.cognito import UserDirectory
from app.account.models import PersonalData
from app.account.s3 import ExportBucket, ObjectsOfUser, export_key
from app.account.store import AccountStore, RowsOfUser
from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.items import processing, s3
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.jobs import service
from app.jobs.models import Job, JobStatus, Kind
from app.jobs.store import JobStore
from app.platform.database import Database
from app.platform.errors import Unavailable
from app.platform.events import JobRequested
from app.platform.settings import JobSettings
from app.search import store as search_store
from app.search.models import DIMENSIONS, Document
from tests.fakes import RecordingEvents

SETTINGS = JobSettings(queue_url="any")
TABLES = {
    "connections": (("connection_id",), dynamodb.connections_of),
    "sessions": (("user_id", "session_id"), dynamodb.sessions_of),
    "checkpoints": (("PK", "SK"), dynamodb.checkpoints_of),
    "answers": (("id",), dynamodb.answers_of),
}


class Killed(BaseException):
    """The worker is gone: no handler of ours sees it."""


@dataclass
class Cloud:
    """Every store that knows users, as the stack makes them."""

    s3: Any
    bucket: str
    dynamodb: Any
    cognito: Any
    pool: str
    closed: list[str]

    def stores(self, database: Database) -> list[PersonalData]:
        return [
            RowsOfUser(database),
            *(
                dynamodb.RowsOfTable(
                    self.dynamodb, table, name=table, keys=keys, search=search, before=self._closing(table)
                )
                for table, (keys, search) in TABLES.items()
            ),
            ObjectsOfUser(self.s3, self.bucket),
        ]

    @property
    def directory(self) -> UserDirectory:
        return UserDirectory(self.cognito, self.pool)

    def _closing(self, table: str) -> Callable[[Any], None]:
        if table != "connections":
            return lambda _key: None
        return lambda key: self.closed.append(key["connection_id"]["S"])


@pytest.fixture(scope="module")
def pool(s3_client: Any) -> str:
    """A user pool for all tests: making its key takes longer than most of them."""
    made = boto3.client("cognito-idp").create_user_pool(PoolName="people", UsernameAttributes=["email"])
    return str(made["UserPool"]["Id"])


@pytest.fixture
def cloud(s3_client: Any, bucket_name: str, pool: str) -> Iterator[Cloud]:
    s3_client.put_bucket_versioning(Bucket=bucket_name, VersioningConfiguration={"Status": "Enabled"})
    client = boto3.client("dynamodb")
    for table, (keys, _) in TABLES.items():
        names = [*keys, "user_id"] if table == "connections" else keys
        index = {
            "IndexName": "user_id-index",
            "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        client.create_table(
            TableName=table,
            KeySchema=[
                {"AttributeName": name, "KeyType": kind} for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": [index]} if table == "connections" else {}),
        )
    yield Cloud(s3_client, bucket_name, client, boto3.client("cognito-idp"), pool, closed=[])
    for table in TABLES:
        client.delete_table(TableName=table)


@pytest.fixture
def jobs(database_pool: Database) -> JobStore:
    return JobStore(database_pool)


@pytest.fixture
def account(database_pool: Database) -> AccountStore:
    return AccountStore(database_pool)


@pytest.fixture
def settle(cloud: Cloud, database_pool: Database, items: ItemStore, jobs: JobStore) -> Callable[[], UUID]:
    """Somebody with something everywhere."""

    def settle() -> UUID:
        created = cloud.cognito.admin_create_user(UserPoolId=cloud.pool, Username=f"{uuid4()}@example.com")["User"]
        user_id = UUID(created["Username"])
        for number in range(3):
            put_item(user_id, number, cloud=cloud, database=database_pool, items=items)
        put_conversation(user_id, cloud=cloud)
        export, _ = jobs.start(user_id, Kind.EXPORT)
        ExportBucket(cloud.s3, cloud.bucket).begin(export_key(user_id, export.job_id))
        for key in (export_key(user_id, uuid4()), "notes.txt", f"checkpoints/{user_id}#session/1", "a b+ü%20.txt"):
            mine = key if str(user_id) in key else f"{user_id}/{key}"
            cloud.s3.put_object(Bucket=cloud.bucket, Key=mine, Body=b"mine")
        return user_id

    return settle


def put_item(user_id: UUID, number: int, *, cloud: Cloud, database: Database, items: ItemStore) -> None:
    item_id = uuid4()
    renditions = (f"{user_id}/{kind}/{item_id}.webp" for kind in ("display", "thumbnails"))
    keys = [s3.original_key(user_id, item_id, "image/jpeg"), *renditions]
    item, _ = items.add(NewItem(user_id, item_id, keys[0], f"{number}.jpg", "image/jpeg", 3))
    with database.tenant(user_id) as connection:
        document = AnalysisDocument(category="receipt", headline="A receipt", summary="Bread")
        analysis_store.save(connection, item, ProviderAnswer(document, "fake", "fake-1", "1"))
        vector = [1.0] + [0.0] * (DIMENSIONS - 1)
        search_store.save(connection, item, Document("A receipt", "", ""), vector, "fake-1")
    for key in keys:
        for version in range(2):
            cloud.s3.put_object(Bucket=cloud.bucket, Key=key, Body=str(version).encode())
    cloud.s3.delete_object(Bucket=cloud.bucket, Key=keys[2])  # leaves a marker and two versions


def put_conversation(user_id: UUID, *, cloud: Cloud) -> None:
    rows: dict[str, list[dict[str, str]]] = {
        "connections": [{"connection_id": f"{user_id}-{n}", "user_id": str(user_id)} for n in range(2)],
        "sessions": [{"user_id": str(user_id), "session_id": str(n)} for n in range(30)],
        "checkpoints": [
            {"PK": f"{kind}_{user_id}#s{n}", "SK": str(n)}
            for n in range(30)
            for kind in ("CHECKPOINT", "CHUNK", "WRITES")
        ],
        "answers": [{"id": f"idempotency#{user_id}#{n}"} for n in range(2)],
    }
    for table, entries in rows.items():
        puts = [{"PutRequest": {"Item": {name: {"S": value} for name, value in entry.items()}}} for entry in entries]
        for start in range(0, len(puts), 25):  # so many at once, and no more
            cloud.dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})


@pytest.fixture
def run(cloud: Cloud, database_pool: Database, jobs: JobStore, events: RecordingEvents) -> Callable[..., int | None]:
    def run(job: Job, *, stores: Sequence[PersonalData] | None = None, directory: UserDirectory | None = None) -> Any:
        advance = partial(
            deletion.advance,
            stores=stores or cloud.stores(database_pool),
            directory=directory or cloud.directory,
        )
        return service.run_job(
            JobRequested(job.user_id, job.job_id),
            kinds={Kind.DELETION: lambda: advance},
            jobs=jobs,
            events=events,
            seconds_left=lambda: 60,
            settings=SETTINGS,
        )

    return run


def everything_of(user_id: UUID, *, cloud: Cloud, owner: psycopg.Connection) -> dict[str, int]:
    """What an outsider finds of somebody in every store, without the code that is under test."""
    found = {"cognito": 0, "s3": 0, "uploads": 0}
    tables = owner.execute("""
        SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'user_id'
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
    """).fetchall()
    for (table,) in tables:
        row = owner.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s".encode(), [user_id]).fetchone()
        found[table] = row[0] if row else 0
    for table in TABLES:
        rows = cloud.dynamodb.get_paginator("scan").paginate(TableName=table)
        found[table] = sum(str(user_id) in str(row) for page in rows for row in page["Items"])
    for page in cloud.s3.get_paginator("list_object_versions").paginate(Bucket=cloud.bucket):
        versions = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        found["s3"] += sum(str(user_id) in entry["Key"] for entry in versions)
    uploads = cloud.s3.list_multipart_uploads(Bucket=cloud.bucket).get("Uploads", [])
    found["uploads"] = sum(str(user_id) in upload["Key"] for upload in uploads)
    people = cloud.cognito.get_paginator("list_users").paginate(UserPoolId=cloud.pool)
    found["cognito"] = sum(person["Username"] == str(user_id) for page in people for person in page["Users"])
    return found


# What stays for a while: the tombstone, and the job that tells its owner how it went.
GONE_BUT_FOR = {"deleted_users": 1, "jobs": 1}


def remains(user_id: UUID, *, cloud: Cloud, owner: psycopg.Connection) -> dict[str, int]:
    return {name: count for name, count in everything_of(user_id, cloud=cloud, owner=owner).items() if count}


def test_a_deleted_account_is_gone_from_every_store_and_its_neighbour_s_is_not(
    settle: Callable[[], UUID],
    run: Callable[[Job], int | None],
    account: AccountStore,
    jobs: JobStore,
    cloud: Cloud,
    owner: psycopg.Connection,
) -> None:
    leaving, staying = settle(), settle()
    before, neighbour = (everything_of(user, cloud=cloud, owner=owner) for user in (leaving, staying))
    job = account.start_deletion(leaving)

    run(job)

    done = jobs.get(leaving, job.job_id)
    everywhere = ("items", "analyses", "item_search", "jobs", "s3", "uploads", "cognito", *TABLES)
    assert [name for name in everywhere if not before[name]] == []
    assert remains(leaving, cloud=cloud, owner=owner) == GONE_BUT_FOR
    assert everything_of(staying, cloud=cloud, owner=owner) == neighbour
    assert sorted(cloud.closed) == [f"{leaving}-0", f"{leaving}-1"]
    assert done
    assert (done.status, done.progress) == (JobStatus.DONE, 1)


def test_the_proof_counts_every_store(
    settle: Callable[[], UUID], run: Callable[[Job], int | None], account: AccountStore, jobs: JobStore
) -> None:
    user_id = settle()
    job = account.start_deletion(user_id)

    run(job)

    done = jobs.get(user_id, job.job_id)
    assert done
    assert done.result
    left, removed = done.result["left"], done.result["removed"]
    assert set(left) == {"postgresql", "s3", "cognito", *TABLES}
    assert {"items", "analyses", "item_search", "jobs"} <= set(left["postgresql"])
    assert set(left["s3"]) == {"versions", "delete_markers", "uploads"}
    assert {count for counts in left.values() for count in counts.values()} == {0}
    assert removed["sessions"] == 30
    assert removed["checkpoints"] == 90
    # Per item: two versions of each of three objects, and a marker; four objects beside them, and an upload.
    assert removed["s3"] == 3 * 7 + 4 + 1


def test_progress_moves_and_never_back(
    settle: Callable[[], UUID], account: AccountStore, cloud: Cloud, database_pool: Database, jobs: JobStore
) -> None:
    user_id = settle()
    job = account.start_deletion(user_id)
    claim = jobs.claim(user_id, job.job_id, lease_seconds=60)
    seen = []

    while claim:
        seen.append(claim.job.progress)
        outcome = deletion.advance(claim.job, stores=cloud.stores(database_pool), directory=cloud.directory)
        claim = jobs.save(claim, outcome, lease_seconds=60) if isinstance(outcome, deletion.Step) else None

    assert seen == sorted(seen)
    assert len({*seen}) > len(TABLES) + 2
    assert seen[-1] < 1


class Mortal:
    """A store whose worker dies once: before it removes, after it, or when it counts."""

    def __init__(self, store: PersonalData, moment: str) -> None:
        self.name = store.name
        self._store = store
        self._moment: str | None = moment

    def remove_some(self, user_id: UUID) -> int:
        self._die_at("before")
        removed = self._store.remove_some(user_id)
        self._die_at("after")
        return removed

    def count(self, user_id: UUID) -> dict[str, int]:
        self._die_at("counting")
        return self._store.count(user_id)

    def _die_at(self, moment: str) -> None:
        if moment == self._moment:
            self._moment = None
            raise Killed


class MortalDirectory(UserDirectory):
    is_mortal = True

    def delete(self, user_id: UUID) -> None:
        super().delete(user_id)
        if self.is_mortal:
            self.is_mortal = False
            raise Killed


@pytest.mark.parametrize("moment", ["before", "after", "counting"])
@pytest.mark.parametrize("place", range(len(TABLES) + 2))
def test_a_worker_killed_at_any_store_leaves_nothing_in_the_end(
    settle: Callable[[], UUID],
    run: Callable[..., int | None],
    account: AccountStore,
    jobs: JobStore,
    cloud: Cloud,
    database_pool: Database,
    owner: psycopg.Connection,
    place: int,
    moment: str,
) -> None:
    user_id = settle()
    job = account.start_deletion(user_id)
    stores = cloud.stores(database_pool)
    stores[place] = Mortal(stores[place], moment)

    with pytest.raises(Killed):
        run(job, stores=stores)
    owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE job_id = %s", [job.job_id])
    run(job, stores=stores)

    assert remains(user_id, cloud=cloud, owner=owner) == GONE_BUT_FOR


def test_a_worker_killed_when_the_user_is_gone_already_ends_it_all_the_same(
    settle: Callable[[], UUID],
    run: Callable[..., int | None],
    account: AccountStore,
    jobs: JobStore,
    cloud: Cloud,
    owner: psycopg.Connection,
) -> None:
    user_id = settle()
    job = account.start_deletion(user_id)
    directory = MortalDirectory(cloud.cognito, cloud.pool)

    with pytest.raises(Killed):
        run(job, directory=directory)
    owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE job_id = %s", [job.job_id])
    run(job, directory=directory)

    done = jobs.get(user_id, job.job_id)
    assert done
    assert done.status is JobStatus.DONE
    assert remains(user_id, cloud=cloud, owner=owner) == GONE_BUT_FOR


class Revenant:
    """A store in which something comes back while the others are emptied, once or for ever."""

    def __init__(self, store: PersonalData, put: Callable[[], None], *, times: int) -> None:
        self.name = store.name
        self._store, self._put, self._times = store, put, times

    def remove_some(self, user_id: UUID) -> int:
        return self._store.remove_some(user_id)

    def count(self, user_id: UUID) -> dict[str, int]:
        if self._times:
            self._times -= 1
            self._put()
        return self._store.count(user_id)


def test_what_a_worker_writes_meanwhile_is_found_by_the_count_and_removed(
    settle: Callable[[], UUID],
    run: Callable[..., int | None],
    account: AccountStore,
    cloud: Cloud,
    database_pool: Database,
    owner: psycopg.Connection,
) -> None:
    user_id = settle()
    job = account.start_deletion(user_id)
    *others, objects = cloud.stores(database_pool)
    late = partial(cloud.s3.put_object, Bucket=cloud.bucket, Key=f"{user_id}/display/{uuid4()}.webp", Body=b"late")

    run(job, stores=[*others, Revenant(objects, late, times=2)])

    assert remains(user_id, cloud=cloud, owner=owner) == GONE_BUT_FOR


def test_what_comes_back_for_ever_keeps_the_user_and_is_tried_again_later(
    settle: Callable[[], UUID],
    run: Callable[..., int | None],
    account: AccountStore,
    jobs: JobStore,
    cloud: Cloud,
    database_pool: Database,
) -> None:
    user_id = settle()
    job = account.start_deletion(user_id)
    *others, objects = cloud.stores(database_pool)
    late = partial(cloud.s3.put_object, Bucket=cloud.bucket, Key=f"{user_id}/display/{uuid4()}.webp", Body=b"late")

    verdict = run(job, stores=[*others, Revenant(objects, late, times=-1)])

    now = jobs.get(user_id, job.job_id)
    assert verdict is not None
    assert verdict >= 60
    assert now
    assert now.status is JobStatus.RUNNING
    assert cloud.directory.find(user_id)


def test_an_export_under_way_stops_and_leaves_nothing(
    settle: Callable[[], UUID],
    run: Callable[[Job], int | None],
    account: AccountStore,
    jobs: JobStore,
    cloud: Cloud,
    owner: psycopg.Connection,
) -> None:
    user_id = settle()
    export, _ = jobs.start(user_id, Kind.EXPORT)
    claim = jobs.claim(user_id, export.job_id, lease_seconds=60)
    assert claim

    run(account.start_deletion(user_id))

    assert jobs.claim(user_id, export.job_id, lease_seconds=60) is None
    assert remains(user_id, cloud=cloud, owner=owner) == GONE_BUT_FOR


def test_an_object_that_s3_announces_late_makes_no_item(
    settle: Callable[[], UUID],
    run: Callable[[Job], int | None],
    account: AccountStore,
    items: ItemStore,
    cloud: Cloud,
    images: ImageBucket,
    owner: psycopg.Connection,
) -> None:
    user_id = settle()
    run(account.start_deletion(user_id))
    key = f"{user_id}/images/holiday.jpg"
    images.put(key, b"late", content_type="image/jpeg")

    ref = processing.receive_object(key, items=items, images=images)

    assert ref is None
    assert owner.execute("SELECT count(*) FROM items WHERE user_id = %s", [user_id]).fetchone() == (0,)


def test_a_user_that_nobody_knows_is_deleted_already(cloud: Cloud) -> None:
    cloud.directory.delete(uuid4())

    assert cloud.directory.find(uuid4()) is None


def test_an_account_has_an_address_and_a_beginning(cloud: Cloud) -> None:
    created = cloud.cognito.admin_create_user(
        UserPoolId=cloud.pool,
        Username="ada@example.com",
        UserAttributes=[{"Name": "email", "Value": "ada@example.com"}],
    )["User"]

    profile = cloud.directory.find(UUID(created["Username"]))

    assert profile
    assert profile.email == "ada@example.com"
    assert profile.created_at == created["UserCreateDate"]


def test_many_rows_go_in_batches(
    settle: Callable[[], UUID], database_pool: Database, owner: psycopg.Connection
) -> None:
    user_id = uuid4()
    owner.execute(
        """
        INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size)
        SELECT %s, gen_random_uuid(), 'ready', n::text, 'photo.jpg', 'image/jpeg', 1 FROM generate_series(1, 1200) AS n
        """,
        [user_id],
    )
    rows = RowsOfUser(database_pool)

    removed = []
    while count := rows.remove_some(user_id):
        removed.append(count)

    assert removed == [500, 500, 200]


def test_a_store_that_is_down_is_waited_for(
    settle: Callable[[], UUID], run: Callable[..., int | None], account: AccountStore, jobs: JobStore
) -> None:
    class Down:
        name = "down"

        def remove_some(self, user_id: UUID) -> int:
            raise Unavailable("It does not answer.", retry_after=30)

        def count(self, user_id: UUID) -> dict[str, int]:
            raise AssertionError("never reached")

    user_id = settle()
    job = account.start_deletion(user_id)

    assert run(job, stores=[Down()]) == 30
