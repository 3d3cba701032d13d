"""`make sbom`: what the project consists of, as CycloneDX documents in build/sbom, made by the field's own tools.

One for the development environment, one for each Lambda, one for each Node project.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import typer

from scripts import locks
from scripts.bootstrap import NODE_PROJECTS, VENV
from scripts.bundle import ROOT
from scripts.console import fail, say

_CYCLONEDX = "cyclonedx-bom==7.5.0"
_FOLDER = ROOT / "build" / "sbom"


def main() -> None:
    with locks.held(_FOLDER):
        _FOLDER.mkdir(exist_ok=True)
        _python("development", "environment", str(VENV))
        for locked in sorted(ROOT.glob("lambdas/*/requirements.txt")):
            _python(f"lambda-{locked.parent.name}", "requirements", str(locked))
        for folder, _, _ in NODE_PROJECTS:
            _node(folder)


def _python(name: str, kind: str, source: str) -> None:
    uvx = (sys.executable, "-m", "uv", "tool", "run", "--quiet", "--from", _CYCLONEDX, "cyclonedx-py")
    options = ("--pyproject", "pyproject.toml", "--output-reproducible")
    _keep(name, _output(*uvx, kind, *options, source))


def _node(folder: str) -> None:
    """From the lock alone: npm wants a version of whatever it describes, and ours is pyproject.toml's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    with tempfile.TemporaryDirectory() as temporary:
        for name in ("package.json", "package-lock.json"):
            content = json.loads((ROOT / folder / name).read_text(encoding="utf-8"))
            Path(temporary, name).write_text(json.dumps(content | {"version": version}), encoding="utf-8")
        # `optional`: builds of one compiler for platforms that nobody here is on, which npm finds contradictory.
        options = ("--sbom-format", "cyclonedx", "--package-lock-only", "--omit", "optional")
        _keep(folder, _output("npm", "sbom", *options, "--prefix", temporary))


def _keep(name: str, document: str) -> None:
    path = _FOLDER / f"{name}.cdx.json"
    path.write_text(document, encoding="utf-8")
    say(f"[green]✓[/] {path.relative_to(ROOT)}: {len(json.loads(document)['components'])} components")


def _output(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        fail(f"This failed: {' '.join(command[:7])} …\n{done.stderr.strip()[-500:]}")
    return done.stdout


if __name__ == "__main__":
    typer.run(main)
