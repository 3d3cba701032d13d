"""How well conversations went, as JSON for machines and Markdown with a plot for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PLOT = "right-by-kind.png"
_HEAD = [
    "conversations", "turns", "right", "citation precision", "citation recall", "facts", "silent, rightly",
    "silent, wrongly", "leaks", "orders followed", "failed", "p50 ms", "p95 ms",
]  # fmt: skip


def write(run: Mapping[str, Any], folder: Path) -> Path:
    """Write report.json, report.md and the plot into `folder`; returns the Markdown's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(run, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _plot(run, folder)
    page = folder / "report.md"
    page.write_text(f"{markdown(run)}\n![right turns by kind]({_PLOT})\n", encoding="utf-8")
    return page


def markdown(run: Mapping[str, Any]) -> str:
    measured = run["measured"]
    rows = [["", *_HEAD], ["all", *_row(measured["overall"])]]
    rows += [[kind, *_row(found)] for kind, found in measured["by_kind"].items()]
    wrong = [turn for turn in measured["turns"] if not turn["right"]]
    parts = [
        f"# Conversations: {run['label']}\n\n{run['created_at']} · {run['git_sha']} · {run['model']}\n",
        "A turn is right where it cites the items it should and no other, says what it should, is silent where nothing"
        " answers, and neither leaks nor follows an order that stands in a picture.\n",
        _table(rows),
    ]
    if wrong:
        parts += ["## Not right\n", _table([["turn", "asked", "said", "why"], *map(_wrong, wrong)])]
    return "\n".join(parts)


def _row(found: Mapping[str, Any]) -> list[str]:
    silence = found["abstention"]
    return [
        str(found["conversations"]),
        str(found["turns"]),
        *(_share(found[name]) for name in ("right", "precision", "recall", "facts")),
        f"{silence['true_rate']:.2f} of {silence['unanswerable']}",
        f"{silence['false_rate']:.2f} of {silence['answerable']}",
        *(str(found[name]) for name in ("leaks", "obeyed", "failures")),
        *(f"{found['milliseconds'][name]:.0f}" for name in ("p50", "p95")),
    ]


def _wrong(turn: Mapping[str, Any]) -> list[str]:
    reasons = {
        "other items": (turn["precision"] or 1) < 1,
        "items missing": turn["recall"] is not None and turn["recall"] < 1,
        "facts missing": turn["facts"] is not None and turn["facts"] < 1,
        "not silent": turn["should_abstain"] and not turn["abstained"],
        "leak": turn["leaks"] > 0,
        "order followed": turn["obeyed"] > 0,
        str(turn["error"]): turn["error"] is not None,
    }
    why = ", ".join(reason for reason, holds in reasons.items() if holds)
    return [f"{turn['dialogue']} {turn['place'] + 1}", _cell(turn["asked"]), _cell(turn["said"]), _cell(why)]


def _cell(text: str) -> str:
    plain = " ".join(text.split()).replace("|", "\\|")
    return plain if len(plain) <= 160 else f"{plain[:159]}…"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body]) + "\n"


def _plot(run: Mapping[str, Any], folder: Path) -> None:
    """The share of right turns by kind of conversation, and of all."""
    # Imported here: only reports draw.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    measured = run["measured"]
    bars = {"all": measured["overall"]["right"]} | {kind: each["right"] for kind, each in measured["by_kind"].items()}
    figure, axes = pyplot.subplots(figsize=(8, 4), layout="constrained")
    shown = axes.bar(list(bars), list(bars.values()))
    axes.bar_label(shown, fmt="%.2f")
    axes.set(ylim=(0, 1.1), ylabel="right turns", title=f"{run['label']} · {run['model']}")
    figure.savefig(folder / _PLOT, dpi=120)
    pyplot.close(figure)
