"""What a run measured, as JSON for machines and Markdown with plots for people."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from app.evaluation import metrics
from app.evaluation.runner import Asked

_SHOWN = ("precision@1", "recall@5", "recall@10", "mrr@10", "ndcg@5", "ndcg@10")
_RESAMPLES, _SEED = 1000, 20260101


@dataclass(frozen=True, slots=True)
class Compared:
    """A difference of means over the same queries (second minus first), with its paired 95 % bootstrap interval."""

    difference: float
    low: float
    high: float
    queries: int


def summarise(asked: Sequence[Asked]) -> dict[str, Any]:
    """One mode on one data set. Every query counts: one that failed, or found nothing, scores zero.

    Ranking measures are over the answerable queries; the others show in `abstention`.
    """
    answerable = [each for each in asked if each.query.is_answerable]
    scores = [metrics.all_measures(each.ranking, each.query.gains) for each in answerable]
    kinds = dict.fromkeys(each.query.kind for each in answerable)
    return {
        "overall": _estimates(scores),
        "by_type": {
            kind: _estimates([score for each, score in zip(answerable, scores, strict=True) if each.query.kind == kind])
            for kind in kinds
        },
        "abstention": asdict(
            metrics.abstention(
                [not each.ranking and each.error is None for each in asked],
                [each.query.is_answerable for each in asked],
            )
        ),
        "latency_ms": {
            f"p{percent}": metrics.percentile([each.milliseconds for each in asked], percent) for percent in (50, 95)
        },
        "failures": sum(each.error is not None for each in asked),
        "queries": [_query(each) for each in asked],
    }


def _estimates(scores: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    names = scores[0] if scores else ()
    return {name: asdict(metrics.estimate([score[name] for score in scores])) for name in names}


def _query(asked: Asked) -> dict[str, Any]:
    gains = asked.query.gains
    return {
        "id": asked.query.query_id,
        "type": asked.query.kind,
        "answerable": asked.query.is_answerable,
        "ranking": asked.ranking,
        "ndcg@10": metrics.ndcg(asked.ranking, gains, 10) if gains else None,
        "milliseconds": asked.milliseconds,
        "error": asked.error,
    }


def write(run: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json, report.md and the plots into `folder`; returns the Markdown's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(run, indent=1) + "\n")
    plots = _plots(run, folder)
    page = folder / "report.md"
    page.write_text(markdown(run, plots))
    return page


def markdown(run: Mapping[str, Any], plots: Sequence[str] = ()) -> str:
    parts = [f"# Retrieval: {run['label']}\n\n{run['created_at']} · {run['git_sha']} · {run['embedding_model']}\n"]
    parts.append("Means over the answerable queries, with 95 % bootstrap intervals. Every query counts.\n")
    for name, dataset in run["datasets"].items():
        parts.append(f"## {name}\n\n{dataset['items']} items, {dataset['queries']} queries.\n")
        parts.append(_mode_table(dataset["modes"]))
        parts.append(_cutoff_table(dataset["modes"]))
        parts.append(_abstention_table(dataset["modes"]))
        parts.append(_type_table(dataset["modes"]))
    parts += [f"![{plot}]({plot})\n" for plot in plots]
    return "\n".join(parts)


def _mode_table(modes: Mapping[str, Any]) -> str:
    rows = [["mode", *_SHOWN]]
    rows += [[mode, *(_interval(found["overall"].get(name)) for name in _SHOWN)] for mode, found in modes.items()]
    return _table(rows)


def _cutoff_table(modes: Mapping[str, Any]) -> str:
    """Every measure at every cutoff; their intervals are in the JSON."""
    rows = [["mode", "measure", *(f"@{k}" for k in metrics.CUTOFFS)]]
    for mode, found in modes.items():
        means = {name: estimate["mean"] for name, estimate in found["overall"].items()}
        rows += [
            [mode, measure, *(f"{means[f'{measure}@{k}']:.3f}" for k in metrics.CUTOFFS)]
            for measure in metrics.MEASURES
            if means
        ]
    return _table(rows)


def _abstention_table(modes: Mapping[str, Any]) -> str:
    rows = [["mode", "abstained, nothing answers", "abstained, something does", "p50 ms", "p95 ms", "failed"]]
    for mode, found in modes.items():
        rates, latency = found["abstention"], found["latency_ms"]
        rows.append(
            [
                mode,
                f"{rates['true_rate']:.2f} of {rates['unanswerable']}",
                f"{rates['false_rate']:.2f} of {rates['answerable']}",
                f"{latency['p50']:.1f}",
                f"{latency['p95']:.1f}",
                str(found["failures"]),
            ]
        )
    return _table(rows)


def _type_table(modes: Mapping[str, Any]) -> str:
    kinds = dict.fromkeys(kind for found in modes.values() for kind in found["by_type"])
    rows = [["NDCG@10 by type", *modes]]
    rows += [
        [kind, *(_interval(found["by_type"].get(kind, {}).get("ndcg@10")) for found in modes.values())]
        for kind in kinds
    ]
    return _table(rows)


def _interval(estimate: Mapping[str, float] | None) -> str:
    return f"{estimate['mean']:.3f} ({estimate['low']:.2f}-{estimate['high']:.2f})" if estimate else ""


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body]) + "\n"


def compare(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Markdown: what changed in NDCG@10 from one run to the other, query by query, on what both measured."""
    rows = [["data set", "mode", first["label"], second["label"], "difference", "queries"]]
    for name in first["datasets"].keys() & second["datasets"].keys():
        old, new = first["datasets"][name]["modes"], second["datasets"][name]["modes"]
        for mode in [mode for mode in old if mode in new]:
            change = difference(_by_query(old[mode]), _by_query(new[mode]))
            means = [found["overall"]["ndcg@10"]["mean"] for found in (old[mode], new[mode])]
            shown = f"{change.difference:+.3f} ({change.low:+.3f} to {change.high:+.3f})"
            rows.append([name, mode, f"{means[0]:.3f}", f"{means[1]:.3f}", shown, str(change.queries)])
    heading = f"# {first['label']} against {second['label']}\n\nNDCG@10, paired by query.\n\n"
    return heading + _table([rows[0], *sorted(rows[1:])])


def _by_query(found: Mapping[str, Any]) -> dict[str, float]:
    return {query["id"]: query["ndcg@10"] for query in found["queries"] if query["answerable"]}


def difference(first: Mapping[str, float], second: Mapping[str, float]) -> Compared:
    """Of the queries that both have. The interval holds zero where the runs do not differ by more than chance."""
    changes = [second[query] - first[query] for query in first if query in second]
    if not changes:
        return Compared(0.0, 0.0, 0.0, 0)
    draw = random.Random(_SEED)  # noqa: S311  # statistics, not secrets
    means = [sum(draw.choices(changes, k=len(changes))) / len(changes) for _ in range(_RESAMPLES)]
    low, high = metrics.percentile(means, 2.5), metrics.percentile(means, 97.5)
    return Compared(sum(changes) / len(changes), low, high, len(changes))


def _plots(run: Mapping[str, Any], folder: Path) -> list[str]:
    """One picture per measure: the modes side by side on every data set, with their intervals."""
    # Imported here: only reports draw.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    names = []
    for measure in ("ndcg@10", "recall@10"):
        figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
        _bars(axes, run["datasets"], measure)
        axes.set(ylim=(0, 1), ylabel=measure, title=run["label"])
        axes.legend(loc="lower right")
        names.append(f"{measure.replace('@', '-at-')}.png")
        figure.savefig(folder / names[-1], dpi=120)
        pyplot.close(figure)
    return names


def _bars(axes: Any, datasets: Mapping[str, Any], measure: str) -> None:
    modes = list(dict.fromkeys(mode for dataset in datasets.values() for mode in dataset["modes"]))
    width = 0.8 / len(modes)
    for position, mode in enumerate(modes):
        found = [dataset["modes"][mode]["overall"][measure] for dataset in datasets.values()]
        at = [place + (position - (len(modes) - 1) / 2) * width for place in range(len(found))]
        means = [each["mean"] for each in found]
        errors = [
            [each["mean"] - each["low"] for each in found],
            [each["high"] - each["mean"] for each in found],
        ]
        axes.bar(at, means, width * 0.9, yerr=errors, capsize=3, label=mode)
    axes.set_xticks(range(len(datasets)), list(datasets))
