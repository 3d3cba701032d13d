"""What a validation found, for people (Markdown) and for programs (JSON)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """One step: how it went, what was seen, and the seconds it took."""

    title: str
    outcome: Outcome
    seen: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Validation:
    """All steps of one run, cleaning up last."""

    cloud: str
    environment: str
    api_url: str
    started_at: str
    seconds: float
    results: Sequence[Result]

    @property
    def has_passed(self) -> bool:
        return all(result.outcome == "passed" for result in self.results)


def write(validation: Validation, folder: Path) -> Path:
    """Write both forms. Returns the Markdown's path."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / f"infra-{validation.cloud}.md"
    page.write_text(_markdown(validation), encoding="utf-8")
    facts = {"passed": validation.has_passed, **asdict(validation)}
    page.with_suffix(".json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return page


def _markdown(validation: Validation) -> str:
    passed = sum(result.outcome == "passed" for result in validation.results)
    lines = [
        f"# Validation of {validation.cloud} ({validation.environment})",
        "",
        f"{validation.api_url}, {validation.started_at}, {validation.seconds:.1f} s: "
        f"**{passed} of {len(validation.results)} passed**.",
        "",
        "| | Step | | Seconds | What was seen |",
        "|--:|---|---|--:|---|",
    ]
    for number, result in enumerate(validation.results, 1):
        seen = result.seen.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {number} | {result.title} | {result.outcome} | {result.seconds:.1f} | {seen} |")
    return "\n".join(lines) + "\n"
