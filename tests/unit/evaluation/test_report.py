"""What a run's report says."""

from pathlib import Path
from typing import Any

import pytest

from app.evaluation import report
from app.evaluation.datasets import Judged
from app.evaluation.runner import Asked, run
from app.platform.errors import Unavailable
from app.search.models import SearchType

WANTED = Judged("q1", "lemon tart", "single", {"a": 1.0})
HARD = Judged("q2", "something sweet", "semantic", {"b": 1.0})
NOTHING = Judged("q3", "tennis racket", "unanswerable", {})


def a_run(label: str, *asked: Asked) -> dict[str, Any]:
    found = report.summarise(asked)
    dataset = {"items": 2, "queries": len(asked), "modes": {"hybrid": found}}
    return {
        "label": label,
        "created_at": "2026-01-01",
        "git_sha": "abc",
        "embedding_model": "m",
        "datasets": {"samples": dataset},
    }


def test_a_query_that_failed_counts_as_zero_and_not_as_silence() -> None:
    asked = [Asked(WANTED, ["a"], 10.0), Asked(HARD, [], 30.0, error="Unavailable"), Asked(NOTHING, [], 20.0)]

    found = report.summarise(asked)

    assert found["overall"]["ndcg@10"]["mean"] == 0.5
    assert found["failures"] == 1
    assert found["abstention"] == {"true_rate": 1.0, "false_rate": 0.0, "unanswerable": 1, "answerable": 2}
    assert found["latency_ms"] == {"p50": 20.0, "p95": pytest.approx(29.0)}
    assert {kind: scores["mrr@10"]["mean"] for kind, scores in found["by_type"].items()} == {"single": 1, "semantic": 0}


def test_no_query_is_left_out_when_one_cannot_be_answered() -> None:
    def ask(query: Judged, mode: SearchType) -> list[str]:
        if query is HARD:
            raise Unavailable("busy")
        return ["a"]

    asked = run([WANTED, HARD, NOTHING], SearchType.BM25, ask)

    assert [each.query for each in asked] == [WANTED, HARD, NOTHING]
    assert [each.error is None for each in asked] == [True, False, True]


def test_a_report_is_written_for_machines_and_for_people(tmp_path: Path) -> None:
    page = report.write(a_run("first", Asked(WANTED, ["a"], 1.0), Asked(NOTHING, ["a"], 1.0)), tmp_path / "first")

    words = page.read_text()
    assert "| hybrid | 1.000 (1.00-1.00)" in words
    assert "0.00 of 1" in words
    assert "| hybrid | precision | 1.000 | 0.333 | 0.200 | 0.100 |" in words
    assert {path.name for path in page.parent.iterdir()} == {
        "report.md", "report.json", "ndcg-at-10.png", "recall-at-10.png",
    }  # fmt: skip


def test_two_runs_are_compared_query_by_query() -> None:
    before = a_run("before", Asked(WANTED, ["x", "a"], 1.0), Asked(HARD, [], 1.0))
    after = a_run("after", Asked(WANTED, ["a"], 1.0), Asked(HARD, ["b"], 1.0))

    page = report.compare(before, after)

    assert "| samples | hybrid | 0.315 | 1.000 | +0.685 (" in page


def test_only_queries_of_both_runs_are_compared() -> None:
    assert report.difference({"q1": 0.5, "q2": 0.0}, {"q1": 1.0}) == report.Compared(0.5, 0.5, 0.5, 1)
    assert report.difference({"q1": 0.5}, {}).queries == 0
