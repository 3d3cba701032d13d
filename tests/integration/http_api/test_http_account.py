"""The account and its jobs over HTTP, from the request to the result, by the Lambda's own handler."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3
import psycopg
import pytest

from app.platform.events import JobRequested
from lambdas.jobs.handler import handler
from tests.fakes import RecordingEvents, envelope
from tests.integration.http_api.application import BUCKET, REQUESTS, SESSIONS, User, assert_problem, given_account


@pytest.fixture
def user(user: User) -> User:
    return given_account(user)


@dataclass
class Context:
    milliseconds: int = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.fixture
def work(published: RecordingEvents) -> Callable[[], int]:
    """Hand every announced job to the Lambda, until none is announced any more. Returns how often it was called."""

    def work(context: Context | None = None) -> int:
        calls = 0
        while published.published:
            event = published.published.pop(0)
            assert isinstance(event, JobRequested)
            record = {"messageId": str(calls), "receiptHandle": "handle", "body": json.dumps(envelope(event))}
            assert handler({"Records": [record]}, context or Context()) == {"batchItemFailures": []}
            calls += 1
        return calls

    return work


def archive_of(answer: Any) -> zipfile.ZipFile:
    """The archive behind an export's link, fetched as its link says."""
    link = urlsplit(answer.json()["result"]["url"])
    key = link.path.removeprefix("/").removeprefix(f"{BUCKET}/")
    assert int(parse_qs(link.query)["X-Amz-Expires"][0]) <= 3600
    return zipfile.ZipFile(io.BytesIO(boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()))


# --- who am I ---------------------------------------------------------------------------------------------------------


def test_me_is_the_caller_and_what_is_kept_for_them(user: User, published: RecordingEvents) -> None:
    user.upload(b"one")
    user.upload(b"three")

    me = user.get("/me").json()

    assert me["user_id"] == str(user.user_id)
    assert me["email"].endswith("@example.com")
    assert me["created_at"]
    assert (me["items"], me["bytes"]) == (2, 8)
    assert set(me["usage_today"]) == {"analyses", "embeddings", "chats"}
    assert me["limits"]["upload_max_bytes"] == 50 * 1024 * 1024


def test_whoever_has_left_is_nobody(stranger: User, published: RecordingEvents) -> None:
    assert_problem(stranger.get("/me"), 401)


# --- export -----------------------------------------------------------------------------------------------------------


def test_an_export_is_asked_for_packed_and_fetched(
    user: User, published: RecordingEvents, work: Callable[[], int]
) -> None:
    user.upload(b"one")
    asked = user.get("/me/export")
    queued = user.get(asked.headers["location"]).json()

    work()

    done = user.get(f"/jobs/{asked.json()['job_id']}")
    archive = archive_of(done)
    assert asked.status_code == 202
    assert (queued["kind"], queued["status"], queued["progress"], queued["result"]) == ("export", "queued", 0, None)
    assert (done.json()["status"], done.json()["progress"], done.json()["error"]) == ("done", 1, None)
    assert archive.read("images/000001 photo.png") == b"one"
    assert "object_key" not in done.text
    assert done.json()["expires_at"]


def test_each_look_at_a_finished_export_makes_a_new_link(
    user: User, published: RecordingEvents, work: Callable[[], int]
) -> None:
    job = user.get("/me/export").json()["job_id"]
    work()

    result = user.get(f"/jobs/{job}").json()["result"]

    assert result["url_expires_at"] > user.get(f"/jobs/{job}").json()["updated_at"]
    assert parse_qs(urlsplit(result["url"]).query)["response-content-disposition"][0].startswith("attachment; ")


def test_asked_for_again_while_it_is_packed_it_is_the_same_export(user: User, published: RecordingEvents) -> None:
    first, again = user.get("/me/export"), user.get("/me/export")

    assert first.json() == again.json()


def test_so_many_exports_a_day(user: User, published: RecordingEvents, work: Callable[[], int]) -> None:
    for _ in range(5):
        assert user.get("/me/export").status_code == 202
        work()

    refused = user.get("/me/export")

    assert_problem(refused, 429)
    assert int(refused.headers["retry-after"]) > 23 * 3600


def test_an_export_in_many_invocations_is_the_same_export(user: User, published: RecordingEvents, work: Any) -> None:
    user.upload(b"one")
    job = user.get("/me/export").json()["job_id"]

    calls = work(Context(milliseconds=1000))

    assert calls == 2  # one to begin with, one for its only part
    assert user.get(f"/jobs/{job}").json()["status"] == "done"


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_somebody_else_s_job_is_not_there(user: User, stranger: User, published: RecordingEvents) -> None:
    job = user.get("/me/export").json()["job_id"]

    theirs, nobodys = stranger.get(f"/jobs/{job}"), stranger.get(f"/jobs/{uuid4()}")

    assert assert_problem(theirs, 404)["detail"] == assert_problem(nobodys, 404)["detail"]
    assert_problem(user.get("/jobs/not-a-uuid"), 422)


def test_a_job_that_failed_says_why(user: User, owner: psycopg.Connection, published: RecordingEvents) -> None:
    job = user.get("/me/export").json()["job_id"]
    owner.execute(
        "UPDATE jobs SET status = 'failed', error_code = 'gave_up', error_message = 'Too often.' WHERE job_id = %s",
        [job],
    )

    answer = user.get(f"/jobs/{job}").json()

    assert (answer["status"], answer["error"]) == ("failed", {"code": "gave_up", "message": "Too often."})


def test_a_message_that_names_no_job_fails_loudly(published: RecordingEvents) -> None:
    record = {
        "messageId": "1",
        "receiptHandle": "handle",
        "body": json.dumps({"detail-type": "ItemReady", "detail": {}}),
    }

    with pytest.raises(ValueError, match="JobRequested"):
        handler({"Records": [record]}, Context())


# --- deletion ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def gone(user: User, published: RecordingEvents, work: Callable[[], int]) -> tuple[User, str]:
    """Somebody who had something everywhere and has left, their token still good."""
    user.upload(b"one")
    boto3.client("dynamodb").put_item(
        TableName=SESSIONS, Item={"user_id": {"S": str(user.user_id)}, "session_id": {"S": "1"}}
    )
    user.http.post(
        "/items/batch",
        json={"ids": [str(uuid4())], "action": "delete"},
        headers=user.headers | {"Idempotency-Key": "k"},
    )
    user.get("/me/export")
    answer = user.delete("/me")
    assert answer.status_code == 202
    work()
    return user, answer.json()["job_id"]


def test_a_deletion_empties_every_store_and_proves_it(gone: tuple[User, str], owner: psycopg.Connection) -> None:
    user, job = gone

    done = user.get(f"/jobs/{job}").json()

    left = done["result"]["left"]
    assert (done["kind"], done["status"], done["progress"]) == ("deletion", "done", 1)
    assert {count for counts in left.values() for count in counts.values()} == {0}
    assert set(left) == {"postgresql", "connections", "sessions", "checkpoints", "answers", "s3", "cognito"}
    assert done["result"]["removed"]["sessions"] == 1
    assert done["result"]["removed"]["answers"] == 1
    assert boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"{user.user_id}/")["KeyCount"] == 0
    assert owner.execute("SELECT count(*) FROM items WHERE user_id = %s", [user.user_id]).fetchone() == (0,)
    assert (
        boto3.client("dynamodb").scan(
            TableName=REQUESTS,
            FilterExpression="begins_with(id, :u)",
            ExpressionAttributeValues={":u": {"S": f"idempotency#{user.user_id}"}},
        )["Count"]
        == 0
    )


def test_an_old_token_adds_nothing_any_more(gone: tuple[User, str]) -> None:
    user, _ = gone
    prepared = {"files": [{"filename": "a.png", "content_type": "image/png", "file_size": 1}]}

    refused = [user.upload(b"late"), user.post("/uploads", prepared), user.get("/me/export"), user.get("/me")]

    for answer in refused:
        assert assert_problem(answer, 401)["detail"] == "This account is deleted."
    assert user.get("/items").json()["items"] == []


def test_asked_to_delete_again_it_is_the_same_deletion(gone: tuple[User, str], published: RecordingEvents) -> None:
    user, job = gone

    again = user.delete("/me")

    assert again.json()["job_id"] == job
    assert published.published == []


def test_an_upload_is_refused_from_the_moment_deletion_was_asked_for(user: User, published: RecordingEvents) -> None:
    user.delete("/me")

    assert_problem(user.upload(b"late"), 401)
