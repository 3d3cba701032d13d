"""Uploading, through the API and beside it."""

import base64
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.http_api.application import (
    BUCKET,
    FORM,
    IMAGE_PART,
    MIB,
    PNG,
    User,
    assert_problem,
    given_item,
    multipart,
    objects_of,
)


def test_an_uploaded_image_is_an_item(user: User) -> None:
    answer = user.upload(PNG, filename="IMG_0001.png")

    assert answer.status_code == 201
    item = answer.json()
    assert (item["status"], item["error"]) == ("uploading", None)
    assert (item["original_filename"], item["mime_type"], item["file_size"]) == ("IMG_0001.png", "image/png", len(PNG))
    assert item["sha256"] == hashlib.sha256(PNG).hexdigest()
    assert item["urls"]["display"] is item["urls"]["thumbnail"] is None
    assert objects_of(user) == [f"{user.user_id}/images/{item['id']}/original.png"]
    assert user.get(f"/items/{item['id']}").json()["id"] == item["id"]


def test_times_are_in_utc(user: User) -> None:
    item = user.upload().json()

    for name in ("created_at", "updated_at"):
        assert item[name].endswith("Z")
        assert abs(datetime.fromisoformat(item[name]) - datetime.now(UTC)) < timedelta(minutes=1)


def test_the_same_bytes_again_are_the_same_item(user: User) -> None:
    first = user.upload(PNG, filename="first.png")

    second = user.upload(PNG, filename="second.jpg", content_type="image/jpeg")

    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["id"] == first.json()["id"]
    assert second.json()["original_filename"] == "first.png"
    assert len(objects_of(user)) == 1


def test_two_users_with_the_same_bytes_have_an_item_each(user: User, stranger: User) -> None:
    mine, theirs = user.upload(), stranger.upload()

    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


def test_a_deleted_image_can_be_uploaded_anew(user: User) -> None:
    first = user.upload().json()["id"]
    user.delete(f"/items/{first}")

    again = user.upload()

    assert again.status_code == 201
    assert again.json()["id"] != first


def test_an_empty_file_is_taken_and_left_to_the_pipeline(user: User) -> None:
    answer = user.upload(b"")

    assert answer.status_code == 201
    assert answer.json()["file_size"] == 0


def test_four_mebibytes_are_taken_and_one_byte_more_is_not(user: User) -> None:
    largest = user.upload(bytes(4 * MIB))
    larger = user.upload(bytes(4 * MIB + 1))

    assert largest.status_code == 201
    assert "POST /uploads" in assert_problem(larger, 413)["detail"]
    assert len(objects_of(user)) == 1


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "application/pdf", "image/svg+xml", "image/", "image/png\tx", "application/octet-stream"],
)
def test_what_claims_to_be_no_image_is_not_taken(user: User, content_type: str) -> None:
    assert_problem(user.upload(content_type=content_type), 415)

    assert user.get("/items").json()["total"] == 0


def test_a_media_type_may_have_parameters_and_capitals(user: User) -> None:
    answer = user.upload(content_type="Image/PNG; q=1")

    assert answer.json()["mime_type"] == "image/png"


@pytest.mark.parametrize(
    "filename",
    [
        "../../../etc/passwd",
        "..\\..\\boot.ini",
        "\u202egnp.exe",
        "a b+c%2F&=?#.png",
        "фото 写真 🪙.png",
        "x" * 1000 + ".png",
        "'; DROP TABLE items; --",
        "<script>alert(1)</script>",
        ".",
        "CON",
    ],
)
def test_a_filename_is_text_and_never_a_path(user: User, filename: str) -> None:
    prepared = user.post(
        "/uploads", {"files": [{"filename": filename, "content_type": "image/png", "file_size": 1}]}
    ).json()["uploads"][0]
    uploaded = user.upload(filename=filename).json()

    assert prepared["item"]["original_filename"] == filename[:255]
    assert prepared["upload"]["fields"]["key"] == f"{user.user_id}/images/{prepared['item']['id']}/original.png"
    assert uploaded["original_filename"]
    assert objects_of(user) == [f"{user.user_id}/images/{uploaded['id']}/original.png"]


def test_a_filename_with_a_nul_is_shown_with_a_replacement(user: User) -> None:
    answer = user.post("/uploads", {"files": [{"filename": "a\x00b", "content_type": "image/png", "file_size": 1}]})

    assert answer.json()["uploads"][0]["item"]["original_filename"] == "a\N{REPLACEMENT CHARACTER}b"


INVALID_FORMS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", FORM),
    "no boundary": (multipart(IMAGE_PART), "multipart/form-data"),
    "another boundary": (multipart(IMAGE_PART, boundary=b"other"), FORM),
    "cut short": (multipart(IMAGE_PART)[:60], FORM),
    "not a form": (b'{"file": "a"}', "application/json"),
    "another field": (multipart(IMAGE_PART.replace(b'"file"', b'"photo"')), FORM),
    "a field that is text": (multipart(b'Content-Disposition: form-data; name="file"\r\n\r\ntext'), FORM),
    "a part without a name": (multipart(b"Content-Disposition: form-data\r\n\r\nbytes"), FORM),
    "a part without headers": (multipart(b"\r\nbytes"), FORM),
    "URL encoded": (b"file=a", "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize(("body", "content_type"), INVALID_FORMS.values(), ids=INVALID_FORMS.keys())
def test_a_form_without_a_file_is_a_problem(user: User, body: bytes, content_type: str) -> None:
    assert_problem(user.post_raw("/items", body, content_type), 422)


@pytest.mark.parametrize(
    "disposition",
    [
        b'form-data; name="file"; filename="\xff\xfe.png"',
        b'form-data; name="file"; filename="a\x00b.png"',
        b"form-data; name=\"file\"; filename*=UTF-8''%00%ff%f0%9f%aa%99.png",
        b'form-data; name="file"; filename=".."',
    ],
)
def test_odd_filenames_in_a_form_never_break_anything(user: User, disposition: bytes) -> None:
    body = multipart(b"Content-Disposition: " + disposition + b"\r\nContent-Type: image/png\r\n\r\nbytes")

    answer = user.post_raw("/items", body, FORM)

    assert answer.status_code in {201, 422}, answer.text
    assert answer.headers["content-type"] in {"application/json", "application/problem+json"}


def declared(number: int = 1, **changes: Any) -> dict[str, Any]:
    files = [
        {"filename": f"{index}.jpg", "content_type": "image/jpeg", "file_size": 5 * MIB} | changes
        for index in range(number)
    ]
    return {"files": files}


def test_a_presigned_form_allows_one_key_one_type_and_fifty_mebibytes(user: User) -> None:
    answer = user.post("/uploads", declared())

    assert answer.status_code == 201
    (prepared,) = answer.json()["uploads"]
    item, form = prepared["item"], prepared["upload"]
    key = f"{user.user_id}/images/{item['id']}/original.jpg"
    policy = json.loads(base64.b64decode(form["fields"]["policy"]))
    assert form["fields"]["key"] == key
    assert {"key": key} in policy["conditions"]
    assert {"bucket": BUCKET} in policy["conditions"]
    assert {"Content-Type": "image/jpeg"} in policy["conditions"]
    assert ["content-length-range", 0, 50 * MIB] in policy["conditions"]
    assert not [condition for condition in policy["conditions"] if "starts-with" in condition]
    expires = datetime.fromisoformat(form["expires_at"])
    assert timedelta(minutes=14) < expires - datetime.now(UTC) <= timedelta(minutes=15)
    assert BUCKET in form["url"]
    assert (item["status"], item["sha256"]) == ("uploading", None)


def test_a_hundred_files_are_prepared_in_order(user: User) -> None:
    answer = user.post("/uploads", declared(100))

    names = [entry["item"]["original_filename"] for entry in answer.json()["uploads"]]
    assert names == [f"{index}.jpg" for index in range(100)]
    assert user.get("/items").json()["total"] == 100


@pytest.mark.parametrize("number", [0, 101])
def test_no_files_and_too_many_are_problems(user: User, number: int) -> None:
    assert_problem(user.post("/uploads", declared(number)), 422)


def test_bytes_the_user_already_has_need_no_upload(user: User, stranger: User) -> None:
    digest = hashlib.sha256(PNG).hexdigest()
    existing = user.upload(PNG).json()["id"]

    mine = user.post("/uploads", declared(sha256=digest)).json()["uploads"][0]
    theirs = stranger.post("/uploads", declared(sha256=digest)).json()["uploads"][0]

    assert mine["item"]["id"] == existing
    assert (mine["duplicate"], mine["upload"]) == (True, None)
    assert theirs["upload"] is not None
    assert not theirs["duplicate"]


def test_a_claimed_digest_does_not_shadow_the_real_image(user: User) -> None:
    user.post("/uploads", declared(sha256=hashlib.sha256(PNG).hexdigest()))

    answer = user.upload(PNG)

    assert answer.status_code == 201


def test_one_file_too_large_and_none_is_prepared(user: User) -> None:
    files = declared(2)["files"]
    files[1]["file_size"] = 50 * MIB + 1

    assert_problem(user.post("/uploads", {"files": files}), 413)

    assert user.get("/items").json()["total"] == 0


def test_fifty_mebibytes_exactly_are_prepared(user: User) -> None:
    assert user.post("/uploads", declared(file_size=50 * MIB)).status_code == 201


def test_one_file_that_is_no_image_and_none_is_prepared(user: User) -> None:
    files = [*declared(1)["files"], *declared(1, content_type="text/html")["files"]]

    assert_problem(user.post("/uploads", {"files": files}), 415)

    assert user.get("/items").json()["total"] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"file_size": -1},
        {"file_size": 2**63},
        {"file_size": "big"},
        {"file_size": None},
        {"file_size": 1.5},
        {"sha256": "abc"},
        {"sha256": "g" * 64},
        {"sha256": "A" * 64},
        {"sha256": "a" * 64 + "\n"},
        {"filename": None},
        {"filename": "x" * 4097},
        {"content_type": 5},
        {"key": "other/images/x.jpg"},
        {"user_id": "8c9f2f0e-5b4d-4c6f-9d1a-0a1b2c3d4e5f"},
    ],
    ids=str,
)
def test_a_declaration_that_makes_no_sense_is_a_problem(user: User, change: dict[str, Any]) -> None:
    assert_problem(user.post("/uploads", declared(**change)), 422)


def test_a_filename_with_half_a_character_is_a_problem(user: User) -> None:
    body = b'{"files": [{"filename": "\\ud83d", "content_type": "image/png", "file_size": 1}]}'

    assert_problem(user.post_raw("/uploads", body), 422)


def test_a_backlog_grows_to_a_bound_and_nobody_elses_counts(
    user: User, stranger: User, owner: psycopg.Connection
) -> None:
    for _ in range(100):
        given_item(owner, user, status="analyzing")
    declared = {"filename": "one.png", "content_type": "image/png", "file_size": 1}

    refused = [user.post("/uploads", {"files": [declared]}), user.upload()]
    theirs = stranger.post("/uploads", {"files": [declared]})

    for answer in refused:
        assert "on their way" in assert_problem(answer, 429)["detail"]
        assert answer.headers["retry-after"] == "10"
    assert theirs.status_code == 201


def test_what_is_done_or_was_never_sent_is_no_backlog(user: User, owner: psycopg.Connection) -> None:
    for status in ("ready", "failed"):
        for _ in range(60):
            given_item(owner, user, status=status)
    for _ in range(100):
        given_item(owner, user, status="uploading", created_at="2024-05-01T12:00:00Z")

    assert user.upload().status_code == 201


def files(count: int, size: int = 1) -> dict[str, Any]:
    return {"files": [{"filename": f"{n}.png", "content_type": "image/png", "file_size": size} for n in range(count)]}


def test_a_collection_has_room_for_so_many_items(user: User, reconfigured: Callable[..., None]) -> None:
    reconfigured(USER_ITEMS_MAX="3")
    user.post("/uploads", files(2))

    assert user.upload(b"one").status_code == 201
    refused = [user.post("/uploads", files(1)), user.upload(b"another")]

    for answer in refused:
        assert_problem(answer, 429)
        assert "At most 3 items" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
    assert user.upload(b"one").status_code == 200  # what is there already needs no room
    assert user.get("/items").json()["total"] == 3


def test_a_collection_has_room_for_so_many_bytes(user: User, reconfigured: Callable[..., None]) -> None:
    reconfigured(USER_BYTES_MAX=str(10 * MIB))
    assert user.post("/uploads", files(2, 4 * MIB)).status_code == 201

    assert (
        "At most 10 MiB in all, and you have 8 MiB."
        in assert_problem(user.post("/uploads", files(1, 3 * MIB)), 429)["detail"]
    )
    assert user.post("/uploads", files(1, 2 * MIB)).status_code == 201


def test_what_is_deleted_makes_room(user: User, reconfigured: Callable[..., None]) -> None:
    reconfigured(USER_ITEMS_MAX="1")
    item = user.upload(b"one").json()

    assert_problem(user.upload(b"another"), 429)
    user.delete(f"/items/{item['id']}")

    assert user.upload(b"another").status_code == 201


def test_the_last_place_is_given_once(user: User, stranger: User, reconfigured: Callable[..., None]) -> None:
    reconfigured(USER_ITEMS_MAX="3", DATABASE_POOL_SIZE="8")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: user.post("/uploads", files(1)), range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 5
    assert stranger.post("/uploads", files(1)).status_code == 201


def test_uploads_are_prepared_in_the_order_they_were_declared(user: User) -> None:
    known = user.upload(b"known").json()
    declared = files(4)["files"]
    declared[2]["sha256"] = known["sha256"]

    prepared = user.post("/uploads", {"files": declared}).json()["uploads"]

    assert [entry["item"]["original_filename"] for entry in prepared] == ["0.png", "1.png", "photo.png", "3.png"]
    assert [entry.get("duplicate") for entry in prepared] == [None, None, True, None]
