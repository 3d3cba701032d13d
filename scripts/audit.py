"""Ask the registries' advisory databases about everything that is locked: part of `make check`.

What is found ends with a failure, unless audit_exceptions.toml says why we live with it, and until when. A registry
that cannot be asked (no network, a mirror without advisories) is said to be so and fails nothing.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer

from scripts.bootstrap import NODE_PROJECTS
from scripts.bundle import ROOT
from scripts.console import fail, say

_PIP_AUDIT = "pip-audit==2.10.1"
_EXCEPTIONS = Path(__file__).with_name("audit_exceptions.toml")
_TIMEOUT_S = 300


class NotAsked(Exception):
    """The registry did not answer; why."""


@dataclass(frozen=True, slots=True)
class Advisory:
    """A known vulnerability of a package that is locked. It goes by several names."""

    package: str
    names: frozenset[str]
    title: str


def main() -> None:
    excused = exceptions(_EXCEPTIONS.read_text(encoding="utf-8"), today=datetime.now(UTC).date())
    found: list[Advisory] = []
    is_complete = True
    for what, ask in SOURCES.items():
        try:
            advisories = list(ask())
        except NotAsked as exc:
            is_complete = False
            say(f"[yellow]could not ask[/] about {what}: {exc}")
        else:
            say(f"[green]✓[/] {what}: {len(advisories)} known vulnerabilities")
            found += advisories
    open_ones = [each for each in found if not each.names & excused]
    for each in open_ones:
        say(f"[red]✗[/] {each.package}: {each.title} ({', '.join(sorted(each.names))})")
    if open_ones:
        fail(f"Update them, or say in {_EXCEPTIONS.relative_to(ROOT)} why not.")
    unneeded = excused - {name for each in found for name in each.names}
    if is_complete and unneeded:
        fail(f"Nothing has these any more: take {', '.join(sorted(unneeded))} out of {_EXCEPTIONS.relative_to(ROOT)}.")


def exceptions(text: str, *, today: date) -> set[str]:
    """The ids that are excused today. One whose day has come is not; one without a reason is a mistake (ValueError)."""
    excused = set()
    for name, entry in tomllib.loads(text).items():
        if not entry.get("reason") or not isinstance(entry.get("until"), date):
            raise ValueError(f"{name} needs a reason, and a day (until) on which it is looked at again")
        if today <= entry["until"]:
            excused.add(name)
    return excused


def of_pip(report: str) -> Iterator[Advisory]:
    """What pip-audit's JSON says. Raises NotAsked."""
    dependencies = _parsed(report).get("dependencies", [])
    answered = [each for each in dependencies if "vulns" in each]
    if not answered:
        raise NotAsked("PyPI's advisories cannot be reached")
    for each in answered:
        for vuln in each["vulns"]:
            names = frozenset({vuln["id"], *vuln.get("aliases", [])})
            fixed = ", ".join(vuln.get("fix_versions", [])) or "nowhere yet"
            yield Advisory(f"{each['name']} {each['version']}", names, f"fixed in {fixed}")


def of_npm(report: str) -> Iterator[Advisory]:
    """What `npm audit --json` says. Raises NotAsked."""
    answer = _parsed(report)
    if "vulnerabilities" not in answer:
        raise NotAsked("npm's advisories cannot be reached")
    for package, entry in answer["vulnerabilities"].items():
        # Text names another package of the list, through which this one is affected.
        for advisory in (each for each in entry["via"] if isinstance(each, Mapping)):
            yield Advisory(package, frozenset({advisory["url"].rpartition("/")[2]}), advisory["title"])


def _parsed(report: str) -> Mapping[str, Any]:
    try:
        parsed: Mapping[str, Any] = json.loads(report)
    except ValueError as exc:
        raise NotAsked("there is no network, or the tool did not start") from exc
    return parsed


def _ask_pypi(requirements: str) -> Iterator[Advisory]:
    uvx = (sys.executable, "-m", "uv", "tool", "run", "--quiet", "--from", _PIP_AUDIT, "pip-audit")
    options = ("--requirement", requirements, "--require-hashes", "--disable-pip", "--format", "json")
    return of_pip(_output([*uvx, *options, "--progress-spinner", "off"]))


def _ask_npm(folder: str) -> Iterator[Advisory]:
    return of_npm(_output(["npm", "audit", "--json", "--prefix", folder]))


def _output(command: Sequence[str]) -> str:
    # Both end with a failure when they find something, and say on standard output what.
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as exc:
        raise NotAsked(f"no answer within {_TIMEOUT_S} s") from exc
    return done.stdout


SOURCES: dict[str, Callable[[], Iterator[Advisory]]] = {
    "requirements.txt": partial(_ask_pypi, "requirements.txt"),
    **{f"{folder}/package-lock.json": partial(_ask_npm, folder) for folder, _, _ in NODE_PROJECTS},
}


if __name__ == "__main__":
    typer.run(main)
