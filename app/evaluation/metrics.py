"""How good a ranking is, how often silence was right, and how sure that is. Pure functions, standard library only.

Definitions as in trec_eval: precision divides by k, also where fewer results came; NDCG has linear gains and log2
discounts (Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002). The tests hold them
against values worked out by hand and against trec_eval itself, on any ranking (ir_measures).
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CUTOFFS = (1, 3, 5, 10)
_RESAMPLES = 1000
_SEED = 20260101


def precision(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """The share of the first k places that hold a relevant item, 0..1."""
    return sum(item in gains for item in ranking[:k]) / k


def recall(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """The share of the relevant items within the first k places, 0..1; `gains` is not empty."""
    return sum(item in gains for item in ranking[:k]) / len(gains)


def reciprocal_rank(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """1 / the place of the first relevant item; 0 when none is within k."""
    return next((1 / place for place, item in enumerate(ranking[:k], start=1) if item in gains), 0.0)


def ndcg(ranking: Sequence[str], gains: Mapping[str, float], k: int) -> float:
    """Discounted cumulated gain over that of the best possible ranking, 0..1."""
    ideal = _discounted(sorted(gains.values(), reverse=True)[:k])
    return _discounted([gains.get(item, 0.0) for item in ranking[:k]]) / ideal if ideal else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(place + 1) for place, gain in enumerate(gains, start=1))


MEASURES = {"precision": precision, "recall": recall, "mrr": reciprocal_rank, "ndcg": ndcg}


def all_measures(ranking: Sequence[str], gains: Mapping[str, float]) -> dict[str, float]:
    """Every measure at every cutoff, by names like `ndcg@10`. A ranking that names an item twice counts it once."""
    once = list(dict.fromkeys(ranking))
    return {f"{name}@{k}": measure(once, gains, k) for name, measure in MEASURES.items() for k in CUTOFFS}


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries and its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float
    count: int


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and percentile bootstrap (1000 resamples of the queries, seeded: the same values, the same interval)."""
    if not values:
        return Estimate(0.0, 0.0, 0.0, 0)
    draw = random.Random(_SEED)  # noqa: S311  # statistics, not secrets
    means = sorted(math.fsum(draw.choices(values, k=len(values))) / len(values) for _ in range(_RESAMPLES))
    return Estimate(math.fsum(values) / len(values), percentile(means, 2.5), percentile(means, 97.5), len(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` (0..100) of the values lie, interpolated linearly; 0 for none."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    position = (len(ordered) - 1) * percent / 100
    below, above = math.floor(position), math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@dataclass(frozen=True, slots=True)
class Abstention:
    """How often nothing was returned: where nothing answers (`true_rate`, 1 is best), and where something does
    (`false_rate`, 0 is best)."""

    true_rate: float
    false_rate: float
    unanswerable: int
    answerable: int


def abstention(silent: Sequence[bool], answerable: Sequence[bool]) -> Abstention:
    """Rates over all queries; both arguments in the same order."""
    pairs = list(zip(silent, answerable, strict=True))
    empty = [was_silent for was_silent, can in pairs if not can]
    full = [was_silent for was_silent, can in pairs if can]
    return Abstention(_share(empty), _share(full), len(empty), len(full))


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0
