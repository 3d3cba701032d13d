"""Ten steps through a deployed cloud, by a user of its own; a report, and nothing left behind."""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from scripts import outputs
from scripts.console import console, explained, fail, say
from scripts.local.paths import ROOT
from scripts.outputs import Cloud, cloud_name
from scripts.validation import report
from scripts.validation.report import Result, Validation
from scripts.validation.site import CheckFailed, NotSignedIn, Site
from scripts.validation.steps import STEPS

# All steps together; cleaning up comes after.
_WITHIN_S = 150
_MARKS = {"passed": "[green]✓[/]", "failed": "[bold red]✗[/]", "skipped": "[yellow]-[/]"}


def main(
    cloud: Cloud = "local",
    environment: Annotated[str, typer.Option("--env", help="As it was deployed.")] = "dev",
    reports: Annotated[Path, typer.Option(help="Where the report goes.")] = ROOT / "reports",
) -> None:
    """Validate, report, clean up. Fails where any step did."""
    name = cloud_name(cloud)
    found = outputs.read(name)
    with explained():
        outputs.client("sts", found).get_caller_identity()
    validation = validate(Site(name, found, environment, time.monotonic() + _WITHIN_S))
    page = report.write(validation, reports)
    say(f"  Report: {os.path.relpath(page)} and .json ({validation.seconds:.1f} s)")
    if not validation.has_passed:
        bad = [result.title for result in validation.results if result.outcome != "passed"]
        fail(f"Not as it should be: {', '.join(bad)}.")


def validate(site: Site) -> Validation:
    """Take all steps, also after one that failed: what else is wrong is good to know."""
    started, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    results = []
    try:
        for number, (title, step) in enumerate(STEPS, 1):
            results.append(_taken(f"{number:>2}/{len(STEPS)} {title}", title, lambda step=step: step(site)))  # type: ignore[misc]
    finally:
        results.append(_taken("      Clean up", "Clean up", site.leave))
    seconds = time.monotonic() - started
    return Validation(site.cloud, site.environment, site.found["ApiUrl"], started_at, seconds, results)


def _taken(label: str, title: str, step: Callable[[], str]) -> Result:
    started = time.monotonic()
    with console.status(label):
        result = _result(title, step, started)
    say(f"{_MARKS[result.outcome]} {label} [dim]{result.seconds:.1f} s[/]  {escape(result.seen)}")
    return result


def _result(title: str, step: Callable[[], str], started: float) -> Result:
    """Whatever a cloud answers is a finding. A mistake of our own escapes."""
    try:
        return Result(title, "passed", step(), time.monotonic() - started)
    except (CheckFailed, httpx.HTTPError, psycopg.Error, ClientError, BotoCoreError, OSError) as exc:
        outcome: report.Outcome = "skipped" if isinstance(exc, NotSignedIn) else "failed"
        return Result(title, outcome, str(exc).strip() or type(exc).__name__, time.monotonic() - started)


if __name__ == "__main__":
    typer.run(main)
