"""ETag, If-Match and If-None-Match: nobody overwrites what they have not seen, nobody fetches what they have."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from app.items.models import IMAGE_PROCESSING
from app.platform import wiring
from tests.integration.http_api.application import User, assert_problem, given_item, given_searchable, ids


def version_of(user: User, item_id: object) -> str:
    answer = user.get(f"/items/{item_id}")
    assert answer.status_code == 200
    tag: str = answer.headers["etag"]
    return tag


def edit(user: User, item_id: object, body: dict[str, Any], if_match: str | None = None) -> Any:
    headers = user.headers | ({"If-Match": if_match} if if_match is not None else {})
    return user.http.patch(f"/items/{item_id}", json=body, headers=headers)


def test_every_answer_that_is_one_item_carries_its_version(user: User) -> None:
    item_id = given_searchable(user, "A ferry")

    answers = [
        user.upload(b"new"),
        user.upload(b"new"),
        user.get(f"/items/{item_id}"),
        user.patch(f"/items/{item_id}", {"title": "Ferry"}),
        user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True}),
        user.post(f"/items/{item_id}/resize-only", None),
    ]

    assert [answer.status_code for answer in answers] == [201, 200, 200, 200, 202, 202]
    assert all(answer.headers["etag"].startswith('"') for answer in answers)
    assert all(answer.headers["cache-control"] == "private, no-cache" for answer in answers)
    assert answers[-1].headers["etag"] == version_of(user, item_id)


def test_the_version_stays_while_only_links_are_new(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user)

    assert version_of(user, item_id) == version_of(user, item_id)


def test_the_version_changes_with_the_users_words_and_with_the_status(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user, status="uploading")
    versions = [version_of(user, item_id)]
    edit(user, item_id, {"title": "Ferry"})
    versions.append(version_of(user, item_id))
    item = wiring.items().get(user.user_id, item_id)
    assert item is not None

    claim = wiring.items().claim(item.ref, IMAGE_PROCESSING, lease_seconds=60)
    assert claim is not None
    versions.append(version_of(user, item_id))
    wiring.items().finish(claim, IMAGE_PROCESSING, write=lambda _: None)
    versions.append(version_of(user, item_id))

    assert len(set(versions)) == 4


def test_an_edit_of_the_version_that_was_seen_is_made(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)

    answer = edit(user, item_id, {"title": "Ferry"}, if_match=f'"other", {seen}')

    assert answer.status_code == 200
    assert answer.json()["title"] == "Ferry"
    assert answer.headers["etag"] != seen


def test_an_edit_of_an_older_version_is_refused_and_changes_nothing(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)
    edit(user, item_id, {"title": "First"})

    assert_problem(edit(user, item_id, {"title": "Second"}, if_match=seen), 412)

    assert user.get(f"/items/{item_id}").json()["title"] == "First"


def test_of_two_edits_of_the_same_version_one_is_made(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: edit(user, item_id, {"title": str(n)}, if_match=seen), range(8)))

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


def test_an_item_is_deleted_only_in_the_version_that_was_seen(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)
    edit(user, item_id, {"favorite": True})

    refused = user.http.delete(f"/items/{item_id}", headers=user.headers | {"If-Match": seen})
    deleted = user.http.delete(f"/items/{item_id}", headers=user.headers | {"If-Match": version_of(user, item_id)})

    assert_problem(refused, 412)
    assert deleted.status_code == 204
    assert ids(user.get("/items")) == []


@pytest.mark.parametrize("if_match", ["*", None])
def test_any_version_will_do_where_none_is_named(user: User, owner: psycopg.Connection, if_match: str | None) -> None:
    assert edit(user, given_item(owner, user), {"title": "Ferry"}, if_match=if_match).status_code == 200


def test_a_condition_on_what_is_not_mine_is_answered_as_if_it_were_not_there(
    user: User, stranger: User, owner: psycopg.Connection
) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)

    for tag in (seen, '"wrong"', "*"):
        assert_problem(edit(stranger, item_id, {"title": "Mine"}, if_match=tag), 404)
        assert_problem(stranger.http.delete(f"/items/{item_id}", headers=stranger.headers | {"If-Match": tag}), 404)
        assert_problem(stranger.http.get(f"/items/{item_id}", headers=stranger.headers | {"If-None-Match": tag}), 404)
    assert version_of(user, item_id) == seen


@pytest.mark.parametrize("form", ["{}", "W/{}", '"a", {}', "*"])
def test_who_has_the_version_gets_no_content(user: User, owner: psycopg.Connection, form: str) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)

    answer = user.http.get(f"/items/{item_id}", headers=user.headers | {"If-None-Match": form.format(seen)})

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == seen
    assert "content-type" not in answer.headers


def test_who_has_another_version_gets_this_one(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user)
    seen = version_of(user, item_id)
    edit(user, item_id, {"notes": "new"})

    answer = user.http.get(f"/items/{item_id}", headers=user.headers | {"If-None-Match": seen})

    assert answer.status_code == 200
    assert answer.json()["notes"] == "new"


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
def test_a_condition_that_is_no_list_of_tags_is_a_problem(user: User, owner: psycopg.Connection, header: str) -> None:
    path = f"/items/{given_item(owner, user)}"
    method = "PATCH" if header == "If-Match" else "GET"

    answer = user.http.request(
        method, path, json={} if method == "PATCH" else None, headers=user.headers | {header: "x"}
    )

    assert header in assert_problem(answer, 422)["detail"]
