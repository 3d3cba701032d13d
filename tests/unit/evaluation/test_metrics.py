"""The measures against values worked out by hand, and against trec_eval."""

import math
from collections.abc import Iterator

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evaluation import metrics

CUTOFFS = (1, 3, 5, 10)
THEIRS = {"precision": ir_measures.P, "recall": ir_measures.R, "mrr": ir_measures.RR, "ndcg": ir_measures.nDCG}
RANKING = ["a", "b", "c", "d"]


def test_precision_divides_by_the_cutoff_also_where_less_came() -> None:
    gains = {"a": 1.0, "c": 1.0}

    assert metrics.precision(RANKING, gains, 1) == 1
    assert metrics.precision(RANKING, gains, 3) == pytest.approx(2 / 3)
    assert metrics.precision(RANKING, gains, 10) == pytest.approx(0.2)


def test_recall_is_the_share_of_what_is_wanted() -> None:
    gains = {"b": 1.0, "x": 1.0}

    assert metrics.recall(RANKING, gains, 1) == 0
    assert metrics.recall(RANKING, gains, 3) == 0.5


def test_the_first_relevant_place_makes_the_reciprocal_rank() -> None:
    assert metrics.reciprocal_rank(RANKING, {"c": 1.0}, 10) == pytest.approx(1 / 3)
    assert metrics.reciprocal_rank(RANKING, {"c": 1.0}, 1) == 0
    assert metrics.reciprocal_rank(RANKING, {"x": 1.0}, 10) == 0


def test_ndcg_discounts_by_the_logarithm_of_base_two() -> None:
    # Gains 1, 0, 2 at places 1, 2, 3; at best 2 and 1 at places 1 and 2.
    gained = 1 / math.log2(2) + 2 / math.log2(4)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)

    assert metrics.ndcg(["a", "b", "c"], {"a": 1.0, "c": 2.0}, 10) == pytest.approx(gained / ideal)
    assert metrics.ndcg(["a", "b", "c"], {"a": 1.0, "c": 2.0}, 1) == pytest.approx(1 / 2)


def test_the_worked_example_of_the_literature() -> None:
    # Wikipedia, "Discounted cumulative gain": documents graded 3, 2, 3, 0, 1, 2; DCG 6.861, and over its own six graded
    # documents an ideal of 7.141.
    ranking = ["1", "2", "3", "4", "5", "6"]
    gains = {"1": 3.0, "2": 2.0, "3": 3.0, "5": 1.0, "6": 2.0, "7": 3.0, "8": 2.0}

    assert metrics.ndcg(ranking, gains, 6) == pytest.approx(6.861 / 8.740, abs=1e-3)


def test_an_item_named_twice_counts_once() -> None:
    scores = metrics.all_measures(["a", "a", "b"], {"a": 1.0, "b": 1.0})

    assert scores["precision@3"] == pytest.approx(2 / 3)
    assert scores["recall@10"] == 1
    assert scores["ndcg@10"] == 1


@given(st.permutations(list("abcdef")), st.sets(st.sampled_from(list("abcdefxyz")), min_size=1))
def test_every_measure_lies_between_nothing_and_all(ranking: list[str], relevant: set[str]) -> None:
    scores = metrics.all_measures(ranking, dict.fromkeys(relevant, 1.0))

    assert len(scores) == 16
    assert all(0 <= score <= 1 + 1e-12 for score in scores.values())


@settings(deadline=None)
@given(
    st.permutations(list("abcdefghijklmn")).flatmap(lambda items: st.integers(0, 14).map(lambda n: items[:n])),
    st.dictionaries(st.sampled_from(list("abcdefxyz")), st.integers(1, 3), min_size=1),
)
def test_every_measure_equals_trec_eval_s(ranking: list[str], gains: dict[str, int]) -> None:
    judged = [ir_measures.Qrel("q", item, gain) for item, gain in gains.items()]
    run = [ir_measures.ScoredDoc("q", item, -float(place)) for place, item in enumerate(ranking)]

    found = {(each.measure.NAME, each.measure["cutoff"]): each.value for each in _trec_eval(judged, run)}

    ours = metrics.all_measures(ranking, {item: float(gain) for item, gain in gains.items()})
    assert ours == pytest.approx(
        {f"{name}@{k}": found[theirs.NAME, k] for name, theirs in THEIRS.items() for k in CUTOFFS}
    )


def _trec_eval(judged: list[ir_measures.Qrel], run: list[ir_measures.ScoredDoc]) -> Iterator[ir_measures.Metric]:
    return ir_measures.iter_calc([measure @ k for measure in THEIRS.values() for k in CUTOFFS], judged, run)


def test_nothing_found_scores_nothing() -> None:
    assert set(metrics.all_measures([], {"a": 1.0}).values()) == {0.0}


def test_an_interval_holds_its_mean_and_is_the_same_every_time() -> None:
    values = [0.0, 0.2, 0.4, 1.0, 1.0]

    estimate = metrics.estimate(values)

    assert estimate.mean == pytest.approx(0.52)
    assert 0 <= estimate.low < estimate.mean < estimate.high <= 1
    assert metrics.estimate(values) == estimate


def test_of_no_values_nothing_is_known() -> None:
    assert metrics.estimate([]) == metrics.Estimate(0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2.5), (95, 3.85), (100, 4)])
def test_percentiles_are_interpolated(percent: float, value: float) -> None:
    assert metrics.percentile([4, 2, 1, 3], percent) == pytest.approx(value)


def test_silence_is_counted_where_it_was_right_and_where_it_was_wrong() -> None:
    silent = [True, False, True, False, False]
    answerable = [False, False, True, True, True]

    assert metrics.abstention(silent, answerable) == metrics.Abstention(1 / 2, pytest.approx(1 / 3), 2, 3)
