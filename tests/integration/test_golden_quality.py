"""The bars of the golden set's development queries, on its reviewed analyses. It stays where GOLDEN_DIR names it."""

import os
import random
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.chat.local_planner import RulePlanner
from app.evaluation import datasets, report, runner
from app.evaluation.datasets import Judged
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.settings import SearchSettings
from app.search import service
from app.search.agentic import Known, Plan, Planner, SubQuery, Tried
from app.search.local import LocalEmbedder
from app.search.models import SearchType
from app.search.query_vectors import QueryVectors
from app.search.store import SearchStore

GOLDEN_DIR = os.environ.get("GOLDEN_DIR")
pytestmark = pytest.mark.skipif(GOLDEN_DIR is None, reason="GOLDEN_DIR is not set: there is no golden set here")


class WrongPlans:
    """Searches for what other queries of the set ask for: a plan could not be worse."""

    def __init__(self, queries: Sequence[Judged]) -> None:
        self._queries = [query.text for query in queries]

    def plan(self, query: str, known: Known, tried: Sequence[Tried]) -> Plan:
        draw = random.Random(f"{query} {len(tried)}")  # the same on every run
        return Plan("wrong", tuple(map(SubQuery, draw.sample(self._queries, 3))))


Measure = Callable[[SearchType, Callable[[], Planner]], dict[str, Any]]


@pytest.fixture(scope="module")
def measure(database_pool: Database) -> Measure:
    assert GOLDEN_DIR is not None
    golden, embedder, settings = datasets.golden_reviewed(Path(GOLDEN_DIR)), LocalEmbedder(), SearchSettings()
    runner.load(golden, database=database_pool, embedder=embedder)
    index, remembering = SearchStore(database_pool, settings), QueryVectors(100).over(embedder)
    names = {entry.item_id: entry.name for entry in golden.entries}
    user_id, items = runner.tenant_of(golden), ItemStore(database_pool)
    find = partial(service.search, user_id, index=index, embedder=lambda: remembering, settings=settings)

    def measure(mode: SearchType, planner: Callable[[], Planner]) -> dict[str, Any]:
        def ask(query: Judged, mode: SearchType) -> list[str]:
            question = service.Question(query.text, mode)
            found = runner.planned(user_id, question, find=find, items=items, settings=settings, planner=planner)
            return [names[hit.item_id] for hit in found.hits]

        return report.summarise(runner.run(golden.queries, mode, ask))

    return measure


@pytest.fixture(scope="module")
def measured(measure: Measure) -> dict[SearchType, dict[str, Any]]:
    return {mode: measure(mode, RulePlanner) for mode in runner.ALL_MODES}


def ndcg(found: dict[str, Any]) -> float:
    return float(found["overall"]["ndcg@10"]["mean"])


def test_words_alone_find_what_people_judged_relevant(measured: dict[SearchType, dict[str, Any]]) -> None:
    assert ndcg(measured[SearchType.BM25]) >= 0.89


def test_both_arms_together_are_no_worse_than_the_better_one(measured: dict[SearchType, dict[str, Any]]) -> None:
    arms = [ndcg(measured[mode]) for mode in (SearchType.BM25, SearchType.VECTOR)]

    assert ndcg(measured[SearchType.HYBRID]) >= max(arms) - 0.005
    assert ndcg(measured[SearchType.HYBRID]) >= 0.92


def test_planned_searches_rank_no_lower_than_one(measured: dict[SearchType, dict[str, Any]]) -> None:
    assert ndcg(measured[SearchType.AGENTIC]) >= ndcg(measured[SearchType.HYBRID])
    assert measured[SearchType.AGENTIC]["abstention"] == measured[SearchType.HYBRID]["abstention"]


def test_wrong_plans_cost_next_to_nothing(measure: Measure, measured: dict[SearchType, dict[str, Any]]) -> None:
    assert GOLDEN_DIR is not None
    wrong = measure(SearchType.AGENTIC, lambda: WrongPlans(datasets.golden_queries(Path(GOLDEN_DIR))))

    assert ndcg(wrong) >= ndcg(measured[SearchType.HYBRID]) - 0.005


def test_three_of_four_unanswerable_queries_get_silence_and_no_answerable_one(
    measured: dict[SearchType, dict[str, Any]],
) -> None:
    rates = measured[SearchType.HYBRID]["abstention"]

    assert rates["true_rate"] >= 0.75
    assert rates["false_rate"] == 0


def test_no_query_fails(measured: dict[SearchType, dict[str, Any]]) -> None:
    assert {mode: found["failures"] for mode, found in measured.items()} == dict.fromkeys(runner.ALL_MODES, 0)
