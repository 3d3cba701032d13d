"""One item: reading, deleting, its images."""

from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest

from app.items import s3
from tests.integration.http_api.application import BUCKET, User, assert_problem, given_item, ids, objects_of


@pytest.mark.parametrize(
    ("method", "suffix"), [("GET", ""), ("DELETE", ""), ("GET", "/image"), ("GET", "/image?variant=original")]
)
def test_somebody_elses_item_looks_like_one_that_never_was(
    user: User, stranger: User, owner: psycopg.Connection, method: str, suffix: str
) -> None:
    theirs, never = given_item(owner, stranger, width=10, height=10), uuid4()

    answers = [user.http.request(method, f"/items/{i}{suffix}", headers=user.headers) for i in (theirs, never)]

    bodies = []
    for answer, item_id in zip(answers, (theirs, never), strict=True):
        problem = assert_problem(answer, 404)
        bodies.append(answer.text.replace(str(item_id), "ID").replace(problem["request_id"], "REQUEST"))
    assert bodies[0] == bodies[1]
    assert set(answers[0].headers) == set(answers[1].headers)
    assert stranger.get(f"/items/{theirs}").status_code == 200


def test_the_id_of_an_upload_that_was_there_already_shows_the_item_it_is(
    user: User, stranger: User, owner: psycopg.Connection
) -> None:
    item_id, copy = given_item(owner, user, width=10, height=10), uuid4()
    owner.execute(
        "INSERT INTO duplicates (user_id, item_id, duplicate_of) VALUES (%s, %s, %s)", [user.user_id, copy, item_id]
    )

    answer = user.get(f"/items/{copy}")

    assert (answer.status_code, answer.json()["id"]) == (200, str(item_id))
    assert f"/display/{item_id}" in user.get(f"/items/{copy}/image").headers["location"]
    assert user.get("/items").json()["total"] == 1
    assert_problem(stranger.get(f"/items/{copy}"), 404)
    # Looking is one thing: whoever changes or deletes something names it.
    assert_problem(user.patch(f"/items/{copy}", {"title": "Mine"}), 404)
    assert_problem(user.delete(f"/items/{copy}"), 404)
    assert user.get(f"/items/{item_id}").status_code == 200


@pytest.mark.parametrize("item_id", ["1", "me", "' OR 1=1 --", "%00", "0" * 400])
def test_an_id_that_is_no_uuid_is_a_problem(user: User, item_id: str) -> None:
    assert_problem(user.get(f"/items/{item_id}"), 422)


def test_a_deleted_item_is_gone_with_its_objects(user: User) -> None:
    kept = user.upload(b"kept").json()["id"]
    item_id = UUID(user.upload(b"thrown away").json()["id"])
    for key in s3.rendition_keys(user.user_id, item_id, {1}):
        boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"rendition")

    answer = user.delete(f"/items/{item_id}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert_problem(user.get(f"/items/{item_id}"), 404)
    assert_problem(user.delete(f"/items/{item_id}"), 404)
    assert ids(user.get("/items")) == [kept]
    assert len(objects_of(user)) == 1


def test_an_image_is_a_presigned_link_to_its_variant(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user, width=10, height=10, generation=3, rendition_generation=2)

    links = {
        variant: user.get(f"/items/{item_id}/image", **({"variant": variant} if variant else {}))
        for variant in ("", "original", "display", "thumbnail")
    }

    assert {answer.status_code for answer in links.values()} == {302}
    paths = {variant: urlsplit(answer.headers["location"]).path for variant, answer in links.items()}
    assert paths["original"].endswith(f"{user.user_id}/images/{item_id}/original.png")
    assert paths["thumbnail"].endswith(f"{user.user_id}/thumbnails/{item_id}/2.webp")
    assert paths["display"] == paths[""]
    assert paths["display"].endswith(f"{user.user_id}/display/{item_id}/2.webp")
    assert parse_qs(urlsplit(links["display"].headers["location"]).query)["X-Amz-Expires"] == ["900"]


def test_a_rendition_that_is_not_made_yet_is_not_there(user: User) -> None:
    item_id = user.upload().json()["id"]

    assert_problem(user.get(f"/items/{item_id}/image"), 404)
    assert user.get(f"/items/{item_id}/image", variant="original").status_code == 302


def test_a_variant_that_does_not_exist_is_a_problem(user: User) -> None:
    assert_problem(user.get(f"/items/{uuid4()}/image", variant="../original"), 422)


def test_a_failed_item_says_why(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(
        owner,
        user,
        status="failed",
        error_stage="image_processor",
        error_code="not_an_image",
        error_message="No image.",
    )

    item = user.get(f"/items/{item_id}").json()

    assert item["status"] == "failed"
    assert item["error"] == {"stage": "image_processor", "code": "not_an_image", "message": "No image."}
