"""The bars of the golden set's development queries, on its reviewed analyses. It stays where GOLDEN_DIR names it."""

import os
from pathlib import Path
from typing import Any

import pytest

from app.evaluation import datasets, report, runner
from app.evaluation.datasets import Judged
from app.platform.database import Database
from app.platform.settings import SearchSettings
from app.search import service
from app.search.local import LocalEmbedder
from app.search.models import SearchType
from app.search.query_vectors import QueryVectors
from app.search.store import SearchStore

GOLDEN_DIR = os.environ.get("GOLDEN_DIR")
pytestmark = pytest.mark.skipif(GOLDEN_DIR is None, reason="GOLDEN_DIR is not set: there is no golden set here")


@pytest.fixture(scope="module")
def measured(database_pool: Database) -> dict[SearchType, dict[str, Any]]:
    assert GOLDEN_DIR is not None
    golden, embedder, settings = datasets.golden_reviewed(Path(GOLDEN_DIR)), LocalEmbedder(), SearchSettings()
    runner.load(golden, database=database_pool, embedder=embedder)
    index, remembering = SearchStore(database_pool, settings), QueryVectors(100).over(embedder)
    names = {entry.item_id: entry.name for entry in golden.entries}

    def ask(query: Judged, mode: SearchType) -> list[str]:
        question = service.Question(query.text, mode)
        found = service.search(
            runner.tenant_of(golden), question, index=index, embedder=lambda: remembering, settings=settings
        )
        return [names[hit.item_id] for hit in found.hits]

    return {mode: report.summarise(runner.run(golden.queries, mode, ask)) for mode in runner.MODES}


def ndcg(found: dict[str, Any]) -> float:
    return float(found["overall"]["ndcg@10"]["mean"])


def test_words_alone_find_what_people_judged_relevant(measured: dict[SearchType, dict[str, Any]]) -> None:
    assert ndcg(measured[SearchType.BM25]) >= 0.89


def test_both_arms_together_are_no_worse_than_the_better_one(measured: dict[SearchType, dict[str, Any]]) -> None:
    arms = [ndcg(measured[mode]) for mode in (SearchType.BM25, SearchType.VECTOR)]

    assert ndcg(measured[SearchType.HYBRID]) >= max(arms) - 0.005
    assert ndcg(measured[SearchType.HYBRID]) >= 0.92


def test_three_of_four_unanswerable_queries_get_silence_and_no_answerable_one(
    measured: dict[SearchType, dict[str, Any]],
) -> None:
    rates = measured[SearchType.HYBRID]["abstention"]

    assert rates["true_rate"] >= 0.75
    assert rates["false_rate"] == 0


def test_no_query_fails(measured: dict[SearchType, dict[str, Any]]) -> None:
    assert [found["failures"] for found in measured.values()] == [0, 0, 0]
