"""Analyses over HTTP, and sending items through the pipeline again."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from starlette.testclient import TestClient

from app.platform import wiring
from tests.integration.http_api.application import User, assert_problem, given_item, given_searchable


def test_an_item_shows_all_versions_of_its_analysis_and_each_alone(user: User) -> None:
    item_id = given_searchable(user, "a lighthouse")

    versions = user.get(f"/items/{item_id}/analyses").json()["items"]
    alone = user.get(f"/analyses/{versions[0]['id']}").json()

    assert [version["headline"] for version in versions] == ["a lighthouse"]
    assert alone == versions[0]


def test_an_analyzed_item_answers_200_and_stays_as_it_is(user: User) -> None:
    item_id = given_searchable(user, "a lighthouse")

    answer = user.post(f"/items/{item_id}/analyze", {})

    assert (answer.status_code, answer.json()["status"]) == (200, "ready")


def test_a_forced_analysis_is_under_way(user: User) -> None:
    item_id = given_searchable(user, "a lighthouse")

    answer = user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True})

    assert (answer.status_code, answer.json()["status"]) == (202, "analyzing")


def test_new_renditions_are_under_way(user: User) -> None:
    item_id = given_searchable(user, "a lighthouse")

    answer = user.post(f"/items/{item_id}/resize-only", None)

    assert (answer.status_code, answer.json()["status"]) == (202, "processing")


@pytest.mark.parametrize(
    "named",
    [
        {"provider": "somebody-elses"},
        {"provider": "bedrock"},
        {"provider": "openai", "model": "gpt-6-astra"},
        {"model": "gpt-6-luna"},
        {"provider": "openai", "model": "../../"},
        {"provider": ""},
    ],
)
def test_a_provider_or_model_that_is_not_offered_is_refused_and_the_offer_is_told(
    user: User, reconfigured: Callable[..., None], named: dict[str, str]
) -> None:
    reconfigured(ANALYSIS_ALLOWED='{"openai": ["gpt-6-luna"]}')
    item_id = given_searchable(user, "a lighthouse")

    problem = assert_problem(user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True, **named}), 422)

    assert problem["detail"] == "Analyses are offered by: local (default); openai (default, gpt-6-luna)."
    assert user.get(f"/items/{item_id}").json()["status"] == "ready"


@pytest.mark.parametrize(
    ("named", "kept"),
    [
        ({"provider": "openai", "model": "gpt-6-luna"}, ("openai", "gpt-6-luna")),
        ({"provider": "openai"}, ("openai", None)),
        ({"provider": "local"}, ("local", None)),
        ({}, (None, None)),
    ],
)
def test_a_provider_that_is_offered_is_remembered_with_the_item(
    user: User, reconfigured: Callable[..., None], named: dict[str, str], kept: tuple[str | None, str | None]
) -> None:
    reconfigured(ANALYSIS_ALLOWED='{"openai": ["gpt-6-luna"]}')
    item_id = given_searchable(user, "a lighthouse")

    answer = user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True, **named})

    item = wiring.items().get(user.user_id, item_id)
    assert answer.status_code == 202
    assert item
    assert (item.analysis_provider, item.analysis_model) == kept


def test_an_image_that_was_never_uploaded_is_a_conflict(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(owner, user, status="uploading")

    assert_problem(user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True}), 409)
    assert_problem(user.post(f"/items/{item_id}/resize-only", None), 409)


def test_another_tenants_item_and_analysis_are_as_unknown_as_any(user: User, stranger: User, http: TestClient) -> None:
    theirs = given_searchable(user, "a lighthouse")
    analysis = user.get(f"/items/{theirs}/analyses").json()["items"][0]["id"]

    for path in (f"/items/{theirs}/analyses", f"/items/{uuid4()}/analyses", f"/analyses/{analysis}"):
        assert_problem(stranger.get(path), 404)
    for path in (f"/items/{theirs}/analyze", f"/items/{theirs}/resize-only"):
        assert_problem(stranger.post(path, None), 404)
    assert user.get(f"/items/{theirs}").json()["status"] == "ready"
