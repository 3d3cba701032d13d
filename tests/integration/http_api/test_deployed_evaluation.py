"""Measuring a cloud from outside: the project's own queries over HTTP, against the whole application."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import typer

from app.evaluation import report
from app.evaluation.datasets import Judged, Judgements
from app.platform.errors import Unavailable
from app.search.models import SearchType
from scripts import deployed_collection
from scripts.deployed_collection import DeployedCollection, saved_token
from scripts.evaluate_retrieval import measure_deployed
from tests.integration.http_api.application import User, given_searchable

QUERIES = (
    Judged("q1", "rye bread", "single", {"bread.jpg": 1.0}),
    Judged("q2", "zeppelin licence", "none", {}),
)
JUDGEMENTS = Judgements("samples", {"bread.jpg": "bread.jpg", "sea.jpg": "sea.jpg"}, QUERIES)


@pytest.fixture
def collection(user: User) -> Iterator[DeployedCollection]:
    """Through the client that scripts use, which has to be led to the application (its test client is another one)."""

    def forward(request: httpx.Request) -> httpx.Response:
        path = request.url.raw_path.decode()
        answer = user.http.request(request.method, path, content=request.content, headers=dict(request.headers))
        return httpx.Response(answer.status_code, content=answer.content, request=request)

    transport = httpx.MockTransport(forward)
    with httpx.Client(base_url="http://testserver", headers=user.headers, transport=transport) as api:
        yield DeployedCollection(api)


def test_a_deployed_collection_is_measured_by_its_file_names(user: User, collection: DeployedCollection) -> None:
    given_searchable(user, "rye bread from the bakery", original_filename="bread.jpg")
    given_searchable(user, "waves on the beach", original_filename="sea.jpg")
    given_searchable(user, "a bread knife", original_filename="something-else.jpg")

    run = measure_deployed(collection, [JUDGEMENTS], "aws")

    hybrid = run["datasets"]["samples"]["modes"]["hybrid"]
    assert run["label"] == "aws"
    assert run["embedding_model"] == "bag-of-words"
    assert run["datasets"]["samples"]["items"] == 3
    assert hybrid["overall"]["ndcg@10"]["mean"] == 1
    assert hybrid["abstention"]["true_rate"] == 1
    assert hybrid["failures"] == 0
    assert "bread.jpg" in hybrid["queries"][0]["ranking"]


def test_a_deployed_run_is_reported_and_compared_like_any_other(
    user: User, collection: DeployedCollection, tmp_path: Path
) -> None:
    given_searchable(user, "rye bread from the bakery", original_filename="bread.jpg")

    run = measure_deployed(collection, [JUDGEMENTS], "aws")

    assert "| hybrid |" in report.write(run, tmp_path).read_text()
    assert "+0.000" in report.compare(run, run | {"label": "local"})


def test_a_search_that_fails_counts_as_one_that_found_nothing(user: User, collection: DeployedCollection) -> None:
    given_searchable(user, "rye bread from the bakery", original_filename="bread.jpg")
    too_long = Judged("q3", "x" * 2000, "single", {"bread.jpg": 1.0})

    run = measure_deployed(collection, [Judgements("samples", JUDGEMENTS.filenames, (too_long,))], "aws")

    bm25 = run["datasets"]["samples"]["modes"]["bm25"]
    assert bm25["failures"] == 1
    assert bm25["overall"]["ndcg@10"]["mean"] == 0
    with pytest.raises(Unavailable):
        collection.search("x" * 2000, SearchType.BM25)


def test_a_collection_without_any_judged_item_ends_with_a_word_about_it(collection: DeployedCollection) -> None:
    with pytest.raises(typer.Exit):
        measure_deployed(collection, [JUDGEMENTS], "aws")


def test_the_token_is_the_environments_or_the_saved_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = tmp_path / ".test-user-token"
    saved.write_text("saved\n")
    monkeypatch.setattr(deployed_collection, "SAVED_TOKEN", saved)
    monkeypatch.delenv("TOKEN", raising=False)

    assert saved_token("aws", {}) == "saved"
    monkeypatch.setenv("TOKEN", "given")
    assert saved_token("aws", {}) == "given"
    monkeypatch.delenv("TOKEN")
    saved.unlink()
    with pytest.raises(typer.Exit):
        saved_token("aws", {})
