"""Jobs: one at a time, step by step, over any number of invocations, and never lost."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.account.s3 import ObjectsOfUser, export_key
from app.account.store import AccountStore
from app.cleanup.jobs import JobReport, clean_up_jobs
from app.cleanup.store import JobCleanupStore
from app.items.s3 import ImageBucket
from app.items.store import ItemStore, NewItem
from app.jobs import service
from app.jobs.models import Advance, Done, Job, JobStatus, Kind, Step
from app.jobs.store import JobLost, JobStore
from app.platform.database import Database
from app.platform.errors import NotAuthenticated, NotFound, PermanentFailure, QuotaExceeded, Unavailable
from app.platform.events import JobRequested
from app.platform.settings import CleanupSettings, JobSettings
from tests.fakes import RecordingEvents

SETTINGS = JobSettings(queue_url="any", max_attempts=3)
CLEANUP = CleanupSettings(max_attempts=3)


class Killed(BaseException):
    """The worker is gone: no handler of ours sees it."""


def counting(*, upto: int, state: str = "count") -> Advance:
    """A job of so many steps."""

    def advance(job: Job) -> Step | Done:
        count = job.state.get(state, 0) + 1
        return Step({state: count}, count / upto) if count < upto else Done({"counted": count})

    return advance


@pytest.fixture
def jobs(database_pool: Database) -> JobStore:
    return JobStore(database_pool)


@pytest.fixture
def run(jobs: JobStore, events: RecordingEvents) -> Callable[..., int | None]:
    def run(job: Job, advance: Advance, *, seconds_left: Callable[[], float] = lambda: 60.0) -> int | None:
        return service.run_job(
            JobRequested(job.user_id, job.job_id),
            kinds={kind: lambda: advance for kind in Kind},
            jobs=jobs,
            events=events,
            seconds_left=seconds_left,
            settings=SETTINGS,
        )

    return run


@pytest.fixture
def job(jobs: JobStore, user_id: UUID) -> Job:
    job, _ = jobs.start(user_id, Kind.EXPORT)
    return job


def now_of(jobs: JobStore, job: Job) -> Job:
    found = jobs.get(job.user_id, job.job_id)
    assert found
    return found


@contextmanager
def killed() -> Iterator[None]:
    with pytest.raises(Killed):
        yield


def expire_lease(owner: psycopg.Connection, job: Job) -> None:
    owner.execute("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE job_id = %s", [job.job_id])


def age(owner: psycopg.Connection, job: Job, by: timedelta) -> None:
    owner.execute(
        "UPDATE jobs SET updated_at = updated_at - %(by)s, lease_until = lease_until - %(by)s, "
        "created_at = created_at - %(by)s, expires_at = expires_at - %(by)s WHERE job_id = %(id)s",
        {"by": by, "id": job.job_id},
    )


# --- asking for one ---------------------------------------------------------------------------------------------------


def test_a_job_that_is_asked_for_is_announced(jobs: JobStore, events: RecordingEvents, user_id: UUID) -> None:
    job = service.request(user_id, Kind.EXPORT, jobs=jobs, events=events)

    assert (job.status, job.progress, job.state) == (JobStatus.QUEUED, 0, {})
    assert events.published == [JobRequested(user_id, job.job_id)]


def test_asked_for_again_it_is_the_same_job(jobs: JobStore, events: RecordingEvents, user_id: UUID) -> None:
    first = service.request(user_id, Kind.EXPORT, jobs=jobs, events=events)
    again = service.request(user_id, Kind.EXPORT, jobs=jobs, events=events)

    assert again.job_id == first.job_id
    # The first announcement may be lost with whoever made it.
    assert events.published == [JobRequested(user_id, first.job_id)] * 2


def test_a_job_that_is_worked_on_is_not_announced_again(
    jobs: JobStore, events: RecordingEvents, user_id: UUID, job: Job
) -> None:
    jobs.claim(user_id, job.job_id, lease_seconds=60)

    again = service.request(user_id, Kind.EXPORT, jobs=jobs, events=events)

    assert again.job_id == job.job_id
    assert events.published == []


def test_asked_for_by_many_at_once_it_is_one_job(jobs: JobStore, user_id: UUID) -> None:
    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda _: jobs.start(user_id, Kind.EXPORT), range(8)))

    assert len({job.job_id for job, _ in started}) == 1
    assert sum(is_new for _, is_new in started) == 1


def test_jobs_of_two_kinds_run_beside_each_other(jobs: JobStore, user_id: UUID, job: Job) -> None:
    other, is_new = jobs.start(user_id, Kind.REBUILD)

    assert is_new
    assert other.job_id != job.job_id


def test_so_many_a_day_and_then_a_time_to_come_back(
    jobs: JobStore, user_id: UUID, job: Job, run: Callable[..., int | None], owner: psycopg.Connection
) -> None:
    run(job, counting(upto=1))
    age(owner, job, timedelta(hours=20))

    with pytest.raises(QuotaExceeded) as refused:
        jobs.start(user_id, Kind.EXPORT, per_day=1)
    age(owner, job, timedelta(hours=4, minutes=1))
    _, is_new = jobs.start(user_id, Kind.EXPORT, per_day=1)

    assert 3.9 * 3600 < refused.value.retry_after <= 4 * 3600 + 1
    assert is_new


def test_nobody_else_sees_a_job(jobs: JobStore, job: Job, database_pool: Database) -> None:
    stranger = uuid4()

    assert jobs.get(stranger, job.job_id) is None
    assert jobs.claim(stranger, job.job_id, lease_seconds=60) is None
    with pytest.raises(NotFound):
        service.get(stranger, job.job_id, jobs=jobs)
    with database_pool.tenant(stranger) as connection:
        assert connection.execute("SELECT * FROM jobs").fetchall() == []
        assert connection.execute("UPDATE jobs SET progress = 1").rowcount == 0


# --- working on it ----------------------------------------------------------------------------------------------------


def test_a_job_goes_step_by_step_to_its_result(jobs: JobStore, job: Job, run: Callable[..., int | None]) -> None:
    seen: list[float] = []

    def watched(current: Job) -> Step | Done:
        seen.append(now_of(jobs, job).progress)
        return counting(upto=4)(current)

    verdict = run(job, watched)

    done = now_of(jobs, job)
    assert verdict is None
    assert seen == [0, 0.25, 0.5, 0.75]
    assert (done.status, done.progress, done.result, done.state) == (JobStatus.DONE, 1, {"counted": 4}, {})
    assert done.expires_at
    assert done.lease_until is None


def test_a_job_goes_on_in_the_next_invocation(
    jobs: JobStore, job: Job, run: Callable[..., int | None], events: RecordingEvents
) -> None:
    verdicts = [run(job, counting(upto=4), seconds_left=lambda: 1) for _ in range(3)]

    assert verdicts == [None] * 3
    assert now_of(jobs, job).progress == 0.75
    # Each asked for the next one.
    assert events.published == [JobRequested(job.user_id, job.job_id)] * 3
    run(job, counting(upto=4))
    assert now_of(jobs, job).status is JobStatus.DONE


def test_an_invocation_that_cannot_ask_for_the_next_one_gives_its_message_back(
    jobs: JobStore, job: Job, run: Callable[..., int | None], events: RecordingEvents
) -> None:
    events.refuse_next()

    verdict = run(job, counting(upto=4), seconds_left=lambda: 1)

    assert verdict is not None
    run(job, counting(upto=4))
    assert now_of(jobs, job).result == {"counted": 4}


def test_a_killed_worker_s_step_is_taken_again_when_its_lease_is_over(
    jobs: JobStore, job: Job, run: Callable[..., int | None], owner: psycopg.Connection
) -> None:
    taken: list[dict[str, Any]] = []

    def dies_at_the_third(current: Job) -> Step | Done:
        taken.append(current.state)
        if len(taken) == 3:
            raise Killed
        return counting(upto=4)(current)

    with killed():
        run(job, dies_at_the_third)
    early = run(job, dies_at_the_third)
    expire_lease(owner, job)
    run(job, dies_at_the_third)

    assert early is None
    assert taken == [{}, {"count": 1}, {"count": 2}, {"count": 2}, {"count": 3}]
    assert now_of(jobs, job).result == {"counted": 4}


def test_what_a_step_writes_is_written_with_its_state_or_not_at_all(
    jobs: JobStore, job: Job, user_id: UUID, run: Callable[..., int | None], owner: psycopg.Connection
) -> None:
    def half(connection: Any) -> None:
        connection.execute("INSERT INTO deleted_users (user_id) VALUES (%s)", [user_id])
        raise Killed

    with killed():
        run(job, lambda _: Step({"at": 1}, 0.5, write=half))

    assert now_of(jobs, job).state == {}
    assert owner.execute("SELECT 1 FROM deleted_users WHERE user_id = %s", [user_id]).fetchone() is None


def test_of_two_workers_one_works(jobs: JobStore, job: Job, run: Callable[..., int | None]) -> None:
    mine = jobs.claim(job.user_id, job.job_id, lease_seconds=60)

    verdict = run(job, counting(upto=1))

    assert mine
    assert verdict is None
    assert now_of(jobs, job).status is JobStatus.RUNNING


def test_who_lost_the_lease_writes_nothing(jobs: JobStore, job: Job, owner: psycopg.Connection) -> None:
    late = jobs.claim(job.user_id, job.job_id, lease_seconds=60)
    expire_lease(owner, job)
    current = jobs.claim(job.user_id, job.job_id, lease_seconds=60)
    assert late
    assert current

    with pytest.raises(JobLost):
        jobs.save(late, Step({"late": True}, 0.9), lease_seconds=60)
    with pytest.raises(JobLost):
        jobs.finish(late, Done({"late": True}))
    jobs.fail(late, code="late", message="late")
    jobs.release(late)

    found = now_of(jobs, job)
    assert (found.status, found.state, found.lease_until) == (JobStatus.RUNNING, {}, current.job.lease_until)


def test_a_message_about_a_job_that_is_gone_or_over_is_let_go(job: Job, run: Callable[..., int | None]) -> None:
    run(job, counting(upto=1))

    assert run(job, counting(upto=1)) is None
    assert run(replace(job, job_id=uuid4()), counting(upto=1)) is None


def test_a_failure_for_good_says_why(jobs: JobStore, job: Job, run: Callable[..., int | None]) -> None:
    def refuses(_job: Job) -> Step | Done:
        raise PermanentFailure("too_odd", "This cannot be done.")

    verdict = run(job, refuses)

    failed = now_of(jobs, job)
    assert verdict is None
    assert (failed.status, failed.error_code, failed.error_message) == (
        JobStatus.FAILED,
        "too_odd",
        "This cannot be done.",
    )


def test_a_store_that_is_down_is_asked_again_later_and_not_for_ever(
    jobs: JobStore, job: Job, run: Callable[..., int | None]
) -> None:
    def is_down(_job: Job) -> Step | Done:
        raise Unavailable("The store does not answer.", retry_after=7)

    verdicts = [run(job, is_down) for _ in range(4)]

    assert verdicts == [7, 10, None, None]
    assert now_of(jobs, job).error_code == "gave_up"


def test_steps_that_come_to_an_end_make_room_for_new_attempts(
    jobs: JobStore, job: Job, run: Callable[..., int | None]
) -> None:
    def every_other(current: Job) -> Step | Done:
        if current.attempts:
            return counting(upto=9)(current)
        raise Unavailable("Down again.")

    for _ in range(9):
        run(job, every_other)

    assert now_of(jobs, job).result == {"counted": 9}


def test_a_worker_that_dies_every_time_is_given_up(
    jobs: JobStore, job: Job, run: Callable[..., int | None], owner: psycopg.Connection
) -> None:
    def dies(_job: Job) -> Step | Done:
        raise Killed

    for _ in range(3):
        with killed():
            run(job, dies)
        expire_lease(owner, job)
    run(job, dies)

    assert now_of(jobs, job).error_code == "gave_up"


# --- cleaning up ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sweep(
    cleanup_pool: Database, images: ImageBucket, s3_client: Any, bucket_name: str, events: RecordingEvents
) -> Any:
    return lambda: clean_up_jobs(
        jobs=JobCleanupStore(cleanup_pool),
        images=images,
        objects=ObjectsOfUser(s3_client, bucket_name),
        events=events,
        settings=CLEANUP,
    )


@pytest.fixture(autouse=True)
def nobody_else(owner: psycopg.Connection) -> None:
    """Cleanup sees all tenants: the jobs of other tests are gone."""
    owner.execute("DELETE FROM jobs")
    owner.execute("DELETE FROM deleted_users")


LONG_AGO = timedelta(seconds=CLEANUP.stuck_after_seconds + 60)


def test_a_job_that_stopped_is_announced_again(
    jobs: JobStore, job: Job, owner: psycopg.Connection, sweep: Any, events: RecordingEvents
) -> None:
    jobs.claim(job.user_id, job.job_id, lease_seconds=60)
    age(owner, job, LONG_AGO + timedelta(seconds=60))

    report = sweep()

    assert report == JobReport(jobs_resumed=1)
    assert events.published == [JobRequested(job.user_id, job.job_id)]


def test_a_job_that_moves_is_left_alone(jobs: JobStore, job: Job, sweep: Any, events: RecordingEvents) -> None:
    jobs.claim(job.user_id, job.job_id, lease_seconds=60)

    assert sweep() == JobReport()
    assert events.published == []


def test_a_job_tried_too_often_is_given_up(
    jobs: JobStore, job: Job, owner: psycopg.Connection, sweep: Any, events: RecordingEvents
) -> None:
    owner.execute("UPDATE jobs SET attempts = 3 WHERE job_id = %s", [job.job_id])
    age(owner, job, LONG_AGO)

    report = sweep()

    assert report == JobReport(jobs_given_up=1)
    assert now_of(jobs, job).error_code == "gave_up"
    assert events.published == []


@pytest.mark.parametrize("status", ["running", "failed"])
def test_a_deletion_is_never_given_up(
    database_pool: Database,
    jobs: JobStore,
    user_id: UUID,
    owner: psycopg.Connection,
    sweep: Any,
    events: RecordingEvents,
    status: str,
) -> None:
    deletion = AccountStore(database_pool).start_deletion(user_id)
    code = "gave_up" if status == "failed" else None
    owner.execute("UPDATE jobs SET attempts = 3, status = %s, error_code = %s", [status, code])
    age(owner, deletion, LONG_AGO)

    report = sweep()

    found = now_of(jobs, deletion)
    assert report == JobReport(jobs_resumed=1)
    assert (found.status, found.attempts, found.error_code) == (JobStatus.QUEUED, 0, None)
    assert events.published == [JobRequested(user_id, deletion.job_id)]


def test_an_expired_job_goes_and_its_archive_with_it(
    jobs: JobStore,
    job: Job,
    run: Callable[..., int | None],
    images: ImageBucket,
    owner: psycopg.Connection,
    sweep: Any,
) -> None:
    images.put(export_key(job.user_id, job.job_id), b"PK", content_type="application/zip")
    run(job, counting(upto=1))
    early = sweep()
    age(owner, job, timedelta(days=3, minutes=1))
    expired = jobs.get(job.user_id, job.job_id)

    report = sweep()

    assert early == JobReport()
    assert expired is None
    assert report == JobReport(jobs_expired=1)
    assert list(images.list_keys()) == []
    assert owner.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


def test_what_comes_after_a_user_has_left_is_removed_and_in_the_end_the_tombstone(
    database_pool: Database, user_id: UUID, images: ImageBucket, owner: psycopg.Connection, sweep: Any
) -> None:
    other = uuid4()
    AccountStore(database_pool).start_deletion(user_id)
    for key in (f"{user_id}/images/late.jpg", f"{other}/images/theirs.jpg"):
        images.put(key, b"late", content_type="image/jpeg")

    report = sweep()
    owner.execute("UPDATE deleted_users SET deleted_at = now() - interval '29 days'")
    too_early = sweep()
    owner.execute("UPDATE deleted_users SET deleted_at = now() - interval '31 days'")
    at_last = sweep()

    assert report.late_objects == 1
    assert [key for key, _ in images.list_keys()] == [f"{other}/images/theirs.jpg"]
    assert too_early.tombstones_removed == 0
    assert at_last.tombstones_removed == 1


# --- who has left -----------------------------------------------------------------------------------------------------


def test_nothing_is_added_for_somebody_who_has_left(
    database_pool: Database, jobs: JobStore, items: ItemStore, user_id: UUID, owner: psycopg.Connection
) -> None:
    AccountStore(database_pool).start_deletion(user_id)

    with pytest.raises(NotAuthenticated):
        items.add(NewItem(user_id, uuid4(), "key", "late.jpg", "image/jpeg", 1))
    with pytest.raises(NotAuthenticated):
        jobs.start(user_id, Kind.EXPORT)

    assert owner.execute("SELECT count(*) FROM items WHERE user_id = %s", [user_id]).fetchone() == (0,)


def test_an_upload_that_races_with_the_deletion_is_before_it_or_refused(
    database_pool: Database, items: ItemStore, user_id: UUID, app_url: str
) -> None:
    """The deletion waits for an insert under way, so that its rows are seen by the job that follows."""
    account = AccountStore(database_pool)
    with psycopg.connect(app_url) as early, ThreadPoolExecutor(1) as threads:
        early.execute("SELECT set_config('app.user_id', %s, true)", [str(user_id)])
        early.execute(
            "INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size) "
            "VALUES (%s, gen_random_uuid(), 'uploading', 'key', 'early.jpg', 'image/jpeg', 1)",
            [user_id],
        )
        deleting = threads.submit(account.start_deletion, user_id)
        with pytest.raises(TimeoutError):
            deleting.result(timeout=0.2)
        early.commit()
        deleting.result(timeout=60)

    assert account.holdings(user_id).items == 1


def test_asked_to_delete_by_many_at_once_it_is_one_deletion(database_pool: Database, user_id: UUID) -> None:
    account = AccountStore(database_pool)

    with ThreadPoolExecutor(8) as threads:
        started = list(threads.map(lambda _: account.start_deletion(user_id), range(8)))

    assert len({job.job_id for job in started}) == 1


def test_a_tombstone_cannot_be_taken_away_or_set_for_somebody_else(database_pool: Database, user_id: UUID) -> None:
    AccountStore(database_pool).start_deletion(user_id)

    for statement in ("DELETE FROM deleted_users", "UPDATE deleted_users SET deleted_at = now()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database_pool.tenant(user_id) as connection:
            connection.execute(statement.encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database_pool.tenant(user_id) as connection:
        connection.execute("INSERT INTO deleted_users (user_id) VALUES (%s)", [uuid4()])


def test_every_table_of_users_refuses_those_who_have_left(owner: psycopg.Connection) -> None:
    """A table that hangs below another, by a key with the user in it, is refused with it; the rest need the trigger."""
    unguarded = owner.execute("""
        SELECT relname FROM pg_class
        JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'user_id'
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND relname <> 'deleted_users'
          AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = pg_class.oid AND tgname = 'refuse_deleted_user')
          AND NOT EXISTS (
            SELECT FROM pg_constraint
            WHERE conrelid = pg_class.oid AND contype = 'f' AND attnum = ANY(conkey) AND confdeltype = 'c'
          )
    """).fetchall()

    assert unguarded == []
