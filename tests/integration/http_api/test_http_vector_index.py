"""The vector index over HTTP: how it stands, and having it rebuilt."""

import psycopg
import pytest
from starlette.testclient import TestClient

from app.jobs.models import Kind
from app.platform import wiring
from app.platform.events import JobRequested
from app.platform.settings import UsageSettings
from tests.fakes import RecordingEvents
from tests.integration.http_api.application import Embedder, User, assert_problem, given_searchable


@pytest.fixture(autouse=True)
def events(monkeypatch: pytest.MonkeyPatch) -> RecordingEvents:
    recording = RecordingEvents()
    monkeypatch.setattr(wiring, "events", lambda: recording)
    return recording


def given_another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Embedder()
    embedder.model = "another-model"
    monkeypatch.setattr(wiring, "embedder", lambda: embedder)


def test_the_status_says_how_much_is_embedded_by_which_model(user: User, stranger: User) -> None:
    given_searchable(user, "a lighthouse")
    given_searchable(stranger, "a ship")

    status = user.get("/vector-index/status")

    assert status.status_code == 200
    assert status.json() == {
        "items": 1,
        "embedded": 1,
        "pending": 0,
        "failed": 0,
        "model": Embedder.model,
        "dimensions": 1024,
        "last_rebuild": None,
        "rebuilding": False,
        "former_models": [],
    }


def test_another_model_leaves_everything_to_be_embedded_anew(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    given_searchable(user, "a lighthouse")
    given_another_model(monkeypatch)

    status = user.get("/vector-index/status").json()

    assert (status["embedded"], status["pending"], status["model"]) == (0, 1, "another-model")
    assert status["former_models"] == [{"model": Embedder.model, "items": 1, "found_by": "words"}]


@pytest.mark.parametrize("kind", ["vector", "hybrid"])
def test_until_the_rebuild_a_former_model_finds_its_items_if_it_is_had(
    user: User, stranger: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wanted = given_searchable(user, "a lighthouse")
    given_searchable(stranger, "a lighthouse")
    given_another_model(monkeypatch)
    ask = {"query": "lighthouse", "search_type": kind}

    gone = user.post("/search", ask).json()
    monkeypatch.setattr(wiring, "former_embedder", lambda _: Embedder())
    monkeypatch.setattr(wiring, "former_query_embedder", lambda *_: Embedder())
    had = user.post("/search", ask).json()

    assert [[hit["item_id"] for hit in answer["results"]] for answer in (gone, had)] == [[str(wanted)]] * 2
    assert (gone["degraded"], gone["results"][0]["similarity"]) == (["former_model"], None)
    assert had["degraded"] == []
    assert had["results"][0]["similarity"] > 0.3
    assert user.get("/vector-index/status").json()["former_models"][0]["found_by"] == "vector"


def test_a_rebuild_is_a_job_and_asked_for_twice_the_same_one(
    user: User, stranger: User, events: RecordingEvents
) -> None:
    first = user.post("/vector-index/rebuild", None)
    again = user.post("/vector-index/rebuild", None)

    assert (first.status_code, first.json()) == (202, again.json())
    job_id = first.json()["job_id"]
    assert user.get("/vector-index/status").json()["rebuilding"] is True
    assert stranger.get("/vector-index/status").json()["rebuilding"] is False
    assert first.headers["location"] == f"/jobs/{job_id}"
    assert events.of(JobRequested)
    assert user.get(f"/jobs/{job_id}").json()["kind"] == Kind.REBUILD
    assert_problem(stranger.get(f"/jobs/{job_id}"), 404)


def test_rebuilds_have_a_limit_of_their_own(
    user: User, owner: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "usage_settings", lambda: UsageSettings(rebuilds_per_day=1))
    user.post("/vector-index/rebuild", None)
    owner.execute("UPDATE jobs SET status = 'done' WHERE user_id = %s", [user.user_id])

    answer = user.post("/vector-index/rebuild", None)

    assert "At most 1 of these a day" in assert_problem(answer, 429)["detail"]
    assert user.get("/vector-index/status").json()["last_rebuild"]


def test_a_job_of_the_function_embeds_anew_what_is_due(
    user: User, http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_searchable(user, "a lighthouse")
    given_another_model(monkeypatch)
    user.post("/vector-index/rebuild", None)
    job = wiring.jobs().latest(user.user_id, Kind.REBUILD)
    assert job

    outcome = wiring.rebuild()(job)
    with wiring.database().tenant(user.user_id) as connection:
        outcome.write(connection)

    assert user.get("/vector-index/status").json()["embedded"] == 1
