"""The fault experiments, from one command: python -m tests.faults.run [numbers]

Prints a table, writes reports/faults.md, and ends with 1 when a promise is broken. The whole run is bounded: each
experiment ends by its own deadlines, after at most twelve minutes together on two cores.
"""

import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.faults import bad_inputs, crashes, deletes, delivery, jobs, outages, redrive, tenants
from tests.faults.cloud import FaultCloud, running
from tests.faults.findings import REPORT, Finding, consistency

HEADER = ["#", "Promise", "Figure", "Expected", ""]
console = Console(width=150)


@dataclass(frozen=True)
class Experiment:
    title: str
    run: Callable[[FaultCloud], list[Finding]]
    # What stands for something longer.
    scaled: str = ""


EXPERIMENTS = {
    1: Experiment("Every event five times, shuffled", delivery.repeated_events),
    2: Experiment("The analyzer is killed at four points", crashes.killed_workers),
    3: Experiment("Publishes refused and lost", delivery.lost_publishes),
    4: Experiment("Out of order", delivery.out_of_order),
    5: Experiment("Poison among good items", bad_inputs.poison_among_good),
    6: Experiment("Every way vision can fail", bad_inputs.failing_vision, "provider timeout 4 s instead of 60 s"),
    7: Experiment("Embeddings down", outages.embeddings_down, "down for 20 s instead of 10 min"),
    8: Experiment("PostgreSQL down under load", outages.database_down),
    9: Experiment(
        "All connections held",
        outages.connections_held,
        "all 64 connections of the application's role instead of 75 of a server's 80",
    ),
    10: Experiment("Deleted on the way", deletes.deleted_on_the_way),
    11: Experiment("Export and deletion are killed at three points each", jobs.killed_jobs),
    13: Experiment("Dead letters, redriven twice", redrive.redriven_twice, "given up after 2 receives instead of 20"),
    14: Experiment(
        "One among many", tenants.one_among_many, "vision answers after 1 s with 2 workers (AWS: about 5 s with 5)"
    ),
}


def perform(number: int, cloud: FaultCloud, run: Callable[[FaultCloud], list[Finding]]) -> list[Finding]:
    """One experiment from a clean start, and the consistency check."""
    cloud.wipe()
    try:
        findings = run(cloud)
    except Exception as exc:  # noqa: BLE001  # a broken experiment is a finding too; the others still run
        traceback.print_exc()
        return [Finding(number, "the experiment came to an end", f"{type(exc).__name__}: {exc}", "it does", False)]
    cloud.proxy.clear()
    return [*findings, consistency(cloud, number)]


def main(numbers: list[int]) -> int:
    started = time.monotonic()
    findings: list[Finding] = []
    lines = []
    with running() as cloud:
        console.print(f"Cloud up after {time.monotonic() - started:.0f} s")
        for number in numbers:
            begun = time.monotonic()
            found = perform(number, cloud, EXPERIMENTS[number].run)
            findings += found
            lines.append(f"{number}. {EXPERIMENTS[number].title}: {time.monotonic() - begun:.0f} s")
            console.print(lines[-1], "pass" if all(each.holds for each in found) else "[red]FAIL[/]")
    _show(findings)
    _write(findings, lines, time.monotonic() - started)
    return 0 if all(finding.holds for finding in findings) else 1


def _show(findings: list[Finding]) -> None:
    table = Table(*HEADER, box=None)
    for finding in findings:
        table.add_row(*finding.cells, style=None if finding.holds else "red")
    console.print(table)


def _write(findings: list[Finding], lines: list[str], seconds: float) -> None:
    scaled = [f"- {number}: {each.scaled}" for number, each in EXPERIMENTS.items() if each.scaled]
    rows = [HEADER, ["---"] * len(HEADER), *(finding.cells for finding in findings)]
    table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
    REPORT.parent.mkdir(exist_ok=True)
    words = ["# Fault experiments", f"{seconds:.0f} s in all.", table, "## Time", "\n".join(lines)]
    REPORT.write_text("\n\n".join([*words, "## Shortened", "\n".join(scaled)]) + "\n")


def _chosen(words: list[str]) -> list[int]:
    """Experiments by their numbers; all, where none is named."""
    if unknown := [word for word in words if word not in map(str, EXPERIMENTS)]:
        sys.exit(f"There is no experiment {', '.join(unknown)}: {', '.join(map(str, EXPERIMENTS))} are.")
    return [int(word) for word in words] or sorted(EXPERIMENTS)


if __name__ == "__main__":
    sys.exit(main(_chosen(sys.argv[1:])))
