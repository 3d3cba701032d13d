"""Idempotency-Key: the same request again gets the same answer, and nothing happens twice."""

import json
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from app.platform import wiring
from app.platform.idempotency import KEEP_S, LEASE_S
from app.platform.request_store import Answer, Claim, RequestStore
from tests.integration.http_api.application import REQUESTS, User, assert_problem, given_searchable, ids

FILES = {"files": [{"filename": "a.png", "content_type": "image/png", "file_size": 9}]}


def keyed(user: User, key: str, path: str = "/uploads", body: Any = FILES, method: str = "POST") -> Any:
    return user.http.request(method, path, json=body, headers=user.headers | {"Idempotency-Key": key})


def records() -> list[dict[str, Any]]:
    return boto3.client("dynamodb").scan(TableName=REQUESTS, ConsistentRead=True)["Items"]


def change_every_record(user: User, **values: int) -> None:
    """A hand on the clock: set numbers of the table's records."""
    client = boto3.client("dynamodb")
    for record in records():
        for name, value in values.items():
            client.update_item(
                TableName=REQUESTS,
                Key={"id": record["id"]},
                UpdateExpression="SET #name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": {"N": str(value)}},
            )


def test_the_same_request_again_gets_the_same_answer(user: User) -> None:
    first, again = keyed(user, "key-1"), keyed(user, "key-1")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(ids(user.get("/items"))) == 1


def test_without_a_key_the_same_request_is_another_one(user: User) -> None:
    user.post("/uploads", FILES)
    user.post("/uploads", FILES)

    assert len(ids(user.get("/items"))) == 2


def test_another_body_under_the_same_key_is_refused(user: User) -> None:
    keyed(user, "key-1")
    other = {"files": [FILES["files"][0] | {"filename": "b.png"}]}

    assert_problem(keyed(user, "key-1", body=other), 409)

    assert len(ids(user.get("/items"))) == 1


def test_a_key_belongs_to_its_user_method_and_path(user: User, stranger: User) -> None:
    item_id = given_searchable(user, "A ferry")

    answers = [
        keyed(user, "key-1"),
        keyed(stranger, "key-1"),
        keyed(user, "key-1", f"/items/{item_id}", {"title": "Ferry"}, "PATCH"),
        keyed(user, "key-1", f"/items/{item_id}", None, "DELETE"),
        keyed(user, "key-1", "/search", {"query": "ferry"}),
    ]

    assert [answer.status_code for answer in answers] == [201, 201, 200, 204, 200]
    assert all("idempotency-replayed" not in answer.headers for answer in answers)


def test_a_deletion_repeated_under_its_key_is_still_done(user: User) -> None:
    item_id = given_searchable(user, "A ferry")

    first, again = (keyed(user, "key-1", f"/items/{item_id}", None, "DELETE") for _ in range(2))

    assert (first.status_code, again.status_code) == (204, 204)
    assert again.content == b""
    assert_problem(user.delete(f"/items/{item_id}"), 404)


def test_the_version_of_the_item_is_repeated_too(user: User) -> None:
    item_id = given_searchable(user, "A ferry")

    first, again = (keyed(user, "key-1", f"/items/{item_id}", {"title": "Ferry"}, "PATCH") for _ in range(2))

    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "private, no-cache"


def test_of_many_at_once_one_is_carried_out(user: User) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: keyed(user, "key-1"), range(8)))

    done = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in done}) == 1
    for answer in answers:
        if answer not in done:
            assert_problem(answer, 409)
            assert int(answer.headers["retry-after"]) > 0
    assert len(ids(user.get("/items"))) == 1


def test_while_the_first_is_under_way_the_second_is_asked_to_come_back(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go_on, items = threading.Event(), threading.Event(), wiring.items

    def slow() -> Any:
        entered.set()
        assert go_on.wait(10)
        return items()

    monkeypatch.setattr(wiring, "items", slow)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(keyed, user, "key-1")
        assert entered.wait(10)
        second = keyed(user, "key-1")
        go_on.set()

        assert_problem(second, 409)
        assert second.headers["retry-after"] == "1"
        assert first.result().status_code == 201


def test_an_answer_is_kept_for_a_day(user: User) -> None:
    keyed(user, "key-1")
    kept_until = {int(record["ttl"]["N"]) for record in records() if record["id"]["S"].startswith("idempotency#")}

    change_every_record(user, ttl=int(time.time()) - 1)
    later = keyed(user, "key-1")

    assert min(kept_until) > time.time() + KEEP_S - 600
    assert "idempotency-replayed" not in later.headers
    assert len(ids(user.get("/items"))) == 2


def test_what_a_dead_container_left_unfinished_is_done_when_its_lease_is_over(user: User) -> None:
    store = wiring.request_store()
    key, now = f"test#{uuid4()}", int(time.time())
    first = store.begin(key, fingerprint="f", lease_s=LEASE_S, keep_s=60)
    assert isinstance(first, Claim)
    boto3.client("dynamodb").update_item(
        TableName=REQUESTS,
        Key={"id": {"S": key}},
        UpdateExpression="SET lease_until = :now",
        ExpressionAttributeValues={":now": {"N": str(now)}},
    )

    second = store.begin(key, fingerprint="f", lease_s=LEASE_S, keep_s=60)

    assert isinstance(second, Claim)
    # The first one wakes up: it has lost the right to say what came of it.
    answer = Answer(200, [], b"late")
    assert not store.complete(first, answer, keep_s=60)
    store.abandon(first)
    assert store.complete(second, Answer(200, [], b"in time"), keep_s=60)
    assert store.begin(key, fingerprint="f", lease_s=1, keep_s=60) == Answer(200, [], b"in time")


def test_multipart_is_the_same_request_whatever_its_boundary(user: User) -> None:
    def upload(boundary: str, body: bytes = b"bytes") -> Any:
        part = (
            b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n' + body
        )
        content = f"--{boundary}\r\n".encode() + part + f"\r\n--{boundary}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Idempotency-Key": "key-1"}
        return user.http.post("/items", content=content, headers=user.headers | headers)

    first, again, other = upload("one"), upload("two-longer"), upload("one", b"other")

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert_problem(other, 409)


@pytest.mark.parametrize("size", [10, 400_000, 1_200_000])
def test_an_answer_of_any_size_is_kept(environment: object, size: int) -> None:
    store, key = wiring.request_store(), f"test#{uuid4()}"
    body = random.Random(size).randbytes(size)  # noise: it does not get smaller
    claim = store.begin(key, fingerprint="f", lease_s=60, keep_s=60)
    assert isinstance(claim, Claim)

    store.complete(claim, Answer(201, [("etag", '"a"')], body), keep_s=60)

    assert store.begin(key, fingerprint="f", lease_s=60, keep_s=60) == Answer(201, [("etag", '"a"')], body)


def test_a_refusal_is_repeated_and_an_outage_is_not(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = f"/items/{uuid4()}"
    items = wiring.items

    def broken() -> Any:
        raise RuntimeError("a bug")

    refused = [keyed(user, "refused", missing, {"title": "x"}, "PATCH") for _ in range(2)]
    monkeypatch.setattr(wiring, "items", broken)
    failed = keyed(user, "failed")
    monkeypatch.setattr(wiring, "items", items)
    retried = keyed(user, "failed")

    assert [answer.status_code for answer in refused] == [404, 404]
    assert refused[1].headers["idempotency-replayed"] == "true"
    assert_problem(failed, 500)
    assert retried.status_code == 201


@pytest.mark.parametrize("key", ["", "a" * 256, "caf\xe9", "tab\there", "\x7f"])
def test_a_key_that_is_none_is_a_problem(user: User, key: str) -> None:
    headers = [(name.encode(), value.encode()) for name, value in user.headers.items()]

    answer = user.http.post("/uploads", json=FILES, headers=[*headers, (b"idempotency-key", key.encode("latin-1"))])

    assert_problem(answer, 422)
    assert ids(user.get("/items")) == []


def test_two_keys_are_none(user: User) -> None:
    headers = [*user.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")]

    assert_problem(user.http.post("/uploads", json=FILES, headers=headers), 422)


@pytest.mark.parametrize("key", ["a", "a" * 255, "~ !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}", str(UUID(int=4))])
def test_any_printable_key_will_do(user: User, key: str) -> None:
    assert keyed(user, key).content == keyed(user, key).content


def test_without_a_good_token_a_key_opens_nothing(user: User) -> None:
    keyed(user, "key-1")

    answer = user.http.post("/uploads", json=FILES, headers={"Idempotency-Key": "key-1", "Authorization": "Bearer x"})

    assert_problem(answer, 401)


def test_reading_does_not_care_for_keys(user: User) -> None:
    headers = user.headers | {"Idempotency-Key": "key-1"}

    first = user.http.get("/items", headers=headers)
    user.post("/uploads", FILES)
    second = user.http.get("/items", headers=headers)

    assert [len(answer.json()["items"]) for answer in (first, second)] == [0, 1]


def test_while_the_table_is_down_who_sends_a_key_is_asked_to_come_back(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "request_store", lambda: RequestStore(_Down(), REQUESTS))

    answer = keyed(user, "key-1")

    assert_problem(answer, 503)
    assert int(answer.headers["retry-after"]) > 0
    assert user.post("/uploads", FILES).status_code == 201


class _Down:
    """A DynamoDB client that reaches nobody."""

    def put_item(self, **_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.example.com")


def test_the_table_holds_neither_keys_nor_who_sent_them(user: User) -> None:
    keyed(user, "a-key-that-says-something")

    stored = json.dumps([{name: str(value) for name, value in record.items()} for record in records()])

    assert "a-key-that-says-something" not in stored
