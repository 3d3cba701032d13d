"""Limits at the door: what they are, when they begin anew, and that nothing was done where one was met."""

from collections.abc import Callable

import boto3
import psycopg
import pytest

from app.platform import wiring
from app.usage.models import Kind
from tests.integration.http_api.application import PNG, Embedder, User, assert_problem, given_item, given_searchable

Reconfigure = Callable[..., None]


@pytest.fixture(autouse=True)
def a_new_month(owner: psycopg.Connection) -> None:
    owner.execute("DELETE FROM usage_days")
    owner.execute("DELETE FROM budget_months")


def given_used(owner: psycopg.Connection, user: User, kind: Kind, count: int) -> None:
    owner.execute(
        "INSERT INTO usage_days (user_id, day, kind, used) VALUES (%s, (now() AT TIME ZONE 'utc')::date, %s, %s)",
        [user.user_id, kind, count],
    )


def given_parameter(name: str, value: str) -> None:
    boto3.client("ssm").put_parameter(Name=f"/collections/test/{name}", Value=value, Type="String", Overwrite=True)


def forget_parameter(name: str) -> None:
    boto3.client("ssm").delete_parameter(Name=f"/collections/test/{name}")


def test_an_upload_beyond_the_day_s_analyses_is_refused_with_the_limit(
    user: User, owner: psycopg.Connection, reconfigured: Reconfigure
) -> None:
    reconfigured(ANALYSES_PER_DAY="3")
    given_used(owner, user, Kind.ANALYSES, 3)

    answer = user.upload()

    problem = assert_problem(answer, 429)
    assert "At most 3 analyses a day (UTC); 0 are left today." in problem["detail"]
    assert 0 < int(answer.headers["retry-after"]) <= 24 * 3600 + 1
    assert user.get("/items").json()["total"] == 0


def test_forms_are_given_for_as_many_images_as_the_day_has_room_for(
    user: User, owner: psycopg.Connection, reconfigured: Reconfigure
) -> None:
    reconfigured(ANALYSES_PER_DAY="3")
    given_used(owner, user, Kind.ANALYSES, 1)
    file = {"filename": "a.png", "content_type": "image/png", "file_size": 3}

    refused, accepted = user.post("/uploads", {"files": [file] * 3}), user.post("/uploads", {"files": [file] * 2})

    assert "2 are left today" in assert_problem(refused, 429)["detail"]
    assert accepted.status_code == 201


def test_a_new_analysis_beyond_the_day_is_refused_and_the_item_stays_as_it_is(
    user: User, owner: psycopg.Connection, reconfigured: Reconfigure
) -> None:
    item_id = given_searchable(user, "a lighthouse")
    reconfigured(ANALYSES_PER_DAY="0")

    forced = user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True})
    batch = user.post("/items/batch", {"ids": [str(item_id)], "action": "reanalyze"})
    unforced = user.post(f"/items/{item_id}/analyze", {})

    assert_problem(forced, 429)
    assert_problem(batch, 429)
    assert unforced.status_code == 200
    assert user.get(f"/items/{item_id}").json()["status"] == "ready"


def test_a_new_analysis_that_the_month_s_budget_does_not_allow_is_refused(
    user: User, reconfigured: Reconfigure
) -> None:
    item_id = given_searchable(user, "a lighthouse")
    reconfigured(ANALYSIS_PROVIDER="claude", PROVIDER_BUDGET_USD="0.01")

    answer = user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True})

    assert "budget of 0.01 USD" in assert_problem(answer, 429)["detail"]
    assert int(answer.headers["retry-after"]) > 0


def test_with_paid_calls_off_images_are_taken_in_and_no_analysis_is_begun(
    user: User, reconfigured: Reconfigure
) -> None:
    item_id = given_searchable(user, "a lighthouse")
    reconfigured(ANALYSIS_PROVIDER="claude")
    given_parameter("paid_calls", "off")

    analysis = user.post(f"/items/{item_id}/analyze", {"force_reanalyze": True})
    upload = user.upload(PNG + b"another")
    forget_parameter("paid_calls")

    assert_problem(analysis, 503)
    assert int(analysis.headers["retry-after"]) == 900
    assert upload.status_code == 201


def test_with_paid_calls_off_a_search_answers_from_the_words(user: User, reconfigured: Reconfigure) -> None:
    given_searchable(user, "a lighthouse in the fog")
    reconfigured(EMBEDDING_PROVIDER="voyage")
    given_parameter("paid_calls", "off")

    hybrid = user.post("/search", {"query": "lighthouse"}).json()
    vector = user.post("/search", {"query": "lighthouse", "search_type": "vector"})
    forget_parameter("paid_calls")

    assert hybrid["degraded"] == ["vector"]
    assert [result["headline"] for result in hybrid["results"]] == ["a lighthouse in the fog"]
    assert_problem(vector, 503)


def test_a_query_beyond_the_day_s_embeddings_is_answered_from_the_words(
    user: User, owner: psycopg.Connection, reconfigured: Reconfigure
) -> None:
    given_searchable(user, "a lighthouse in the fog")
    reconfigured(EMBEDDING_PROVIDER="voyage", EMBEDDINGS_PER_DAY="1")

    first = user.post("/search", {"query": "lighthouse"}).json()
    again = user.post("/search", {"query": "lighthouse"}).json()
    another = user.post("/search", {"query": "fog"}).json()
    vector = user.post("/search", {"query": "ships", "search_type": "vector"})

    assert (first["degraded"], again["degraded"], another["degraded"]) == ([], [], ["vector"])
    assert "At most 1 embeddings a day" in assert_problem(vector, 429)["detail"]
    assert wiring.usage().usage(user.user_id).today[Kind.EMBEDDINGS].count == 1


def test_a_query_by_a_former_model_that_charges_is_counted_even_if_the_configured_one_is_free(
    user: User, owner: psycopg.Connection, reconfigured: Reconfigure, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_searchable(user, "a lighthouse in the fog")
    owner.execute("UPDATE item_vectors SET embedding_model = 'voyage-3.5' WHERE user_id = %s", [user.user_id])
    reconfigured(EMBEDDING_PROVIDER="local", EMBEDDINGS_PER_DAY="1")
    monkeypatch.setattr(wiring, "former_embedder", lambda _: FormerModel())

    first, again, another = (
        user.post("/search", {"query": query}).json() for query in ("lighthouse", "lighthouse", "fog")
    )

    assert (first["degraded"], again["degraded"], another["degraded"]) == ([], [], ["former_model"])
    assert all(answer["total_results"] == 1 for answer in (first, again, another))
    assert wiring.usage().usage(user.user_id).today[Kind.EMBEDDINGS].count == 1


class FormerModel(Embedder):
    model = "voyage-3.5"


def test_an_item_that_waits_says_for_what_and_until_when(user: User, owner: psycopg.Connection) -> None:
    item_id = given_item(
        owner, user, status="analyzing", waits_until="2099-01-01T00:00:00Z", waits_for="At most 3 analyses a day (UTC)."
    )

    waiting = user.get(f"/items/{item_id}").json()["waiting"]

    assert waiting == {"until": "2099-01-01T00:00:00Z", "reason": "At most 3 analyses a day (UTC)."}


def test_an_item_without_a_provider_says_which_parameter_is_missing_and_is_taken_up_again(
    user: User, owner: psycopg.Connection
) -> None:
    missing = "The parameter /collections/test/anthropic_api_key is missing."
    failed = {"error_stage": "analyzer", "error_code": "provider_not_configured", "error_message": missing}
    items = [given_item(owner, user, status="failed", width=10, height=10, **failed) for _ in range(2)]

    [shown, _] = user.get("/items", status="failed").json()["items"]
    batch = user.post("/items/batch", {"ids": [str(item_id) for item_id in items], "action": "reanalyze"}).json()

    assert shown["error"] == {"stage": "analyzer", "code": "provider_not_configured", "message": missing}
    assert set(batch["done"]) == {str(item_id) for item_id in items}
    assert user.get(f"/items/{items[0]}").json()["status"] == "analyzing"
    assert user.get(f"/items/{items[0]}").json()["error"] is None
