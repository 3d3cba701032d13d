"""What a step of the migration did: counts, and every row that was left behind with the reason why."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

# So many stand in the page; all of them are in the file beside it.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row of the source that could not be taken over."""

    kind: str
    old_id: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """One step, as it goes. Rejected rows are written out as they come: nobody keeps a hundred thousand of them."""

    rejected_rows: TextIO
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    first: list[Rejected] = field(default_factory=list)

    def reject(self, row: Rejected) -> None:
        self.counts["rejected"] += 1
        self.reasons[f"{row.kind}: {row.reason}"] += 1
        self.rejected_rows.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        if len(self.first) < _SHOWN:
            self.first.append(row)


@contextmanager
def reporting(step: str, folder: Path, **facts: Any) -> Iterator[Outcome]:
    """An outcome that ends as `migrate-STEP.md` and `.json` in the folder, also when the step does not end well."""
    folder.mkdir(parents=True, exist_ok=True)
    started = datetime.now(UTC)
    with (folder / f"migrate-{step}-rejected.jsonl").open("w", encoding="utf-8", errors="backslashreplace") as rows:
        outcome = Outcome(rows)
        finished = False
        try:
            yield outcome
            finished = True
        finally:
            seconds = round((datetime.now(UTC) - started).total_seconds(), 1)
            said = {"started": started.isoformat(timespec="seconds"), "seconds": seconds, "finished": finished, **facts}
            write(step, folder, said, outcome)


def write(step: str, folder: Path, facts: Mapping[str, Any], outcome: Outcome) -> None:
    counts, reasons = dict(outcome.counts), dict(outcome.reasons.most_common())
    page = [
        f"# migrate-{step}",
        "",
        *_table(("", ""), facts.items()),
        "",
        *_table(("What", "How many"), counts.items()),
    ]
    if reasons:
        page += ["", "## Left behind", "", *_table(("Why", "How many"), reasons.items()), ""]
        page += _table(("What", "Old id", "Why"), [(row.kind, row.old_id, row.reason) for row in outcome.first])
        page += ["", f"All of them: `migrate-{step}-rejected.jsonl`."]
    text = "\n".join(page) + "\n"
    (folder / f"migrate-{step}.md").write_text(text, encoding="utf-8", errors="backslashreplace")
    machine = {**facts, "counts": counts, "reasons": reasons}
    (folder / f"migrate-{step}.json").write_text(json.dumps(machine, indent=2) + "\n", encoding="utf-8")


def _table(head: tuple[str, ...], rows: Any) -> list[str]:
    lines = [tuple(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
    return [f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *lines]]
