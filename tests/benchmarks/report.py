"""What was measured, where, and against which goal: kept as JSON, shown as docs/benchmarks.md."""

import json
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

DOCS = Path(__file__).resolve().parents[2] / "docs"
_DATA, _PAGE = DOCS / "benchmarks.json", DOCS / "benchmarks.md"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure: the median of `runs`, their spread, and what we aim for."""

    what: str
    unit: str
    median: float
    least: float
    most: float
    runs: int
    goal: str = ""

    @classmethod
    def of(cls, what: str, unit: str, values: Sequence[float], *, goal: str = "") -> "Figure":
        return cls(what, unit, statistics.median(values), min(values), max(values), len(values), goal)


def save(section: str, title: str, figures: Sequence[Figure]) -> None:
    """Replace one section and write the page anew."""
    data = json.loads(_DATA.read_text()) if _DATA.exists() else {}
    data[section] = {
        "title": title,
        "machine": machine(),
        "date": datetime.now(UTC).date().isoformat(),
        "figures": [asdict(figure) for figure in figures],
    }
    DOCS.mkdir(exist_ok=True)
    _DATA.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
    _PAGE.write_text(page(data))


def page(data: dict[str, dict[str, object]]) -> str:
    parts = [
        "# Benchmarks\n\n`make bench` measures and writes this page. Medians, with the least and the most in brackets;"
        " machines are noisy, ratios travel better than absolutes.\n"
    ]
    for section in data.values():
        parts.append(f"\n## {section['title']}\n\n{section['date']}, on {section['machine']}.\n")
        parts.append("| Figure | Measured | Runs | Goal |\n|---|---|---|---|")
        figures = section["figures"]
        assert isinstance(figures, list)
        parts += [_row(Figure(**figure)) for figure in figures]
    return "\n".join(parts) + "\n"


def _row(figure: Figure) -> str:
    spread = f" ({figure.least:.3g}-{figure.most:.3g})" if figure.runs > 1 else ""
    return f"| {figure.what} | {figure.median:.3g} {figure.unit}{spread} | {figure.runs} | {figure.goal} |"


def machine() -> str:
    """What the figures were measured on."""
    memory = round(psutil.virtual_memory().total / 2**30)
    return f"{_processor()}, {os.cpu_count()} cores, {memory} GiB, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
