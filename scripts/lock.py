"""Locking: requirements.txt for this machine, and one per Lambda that agrees with it, all with hashes."""

import subprocess
import sys
from pathlib import Path

from scripts.console import say

ROOT = Path(__file__).resolve().parent.parent
_OPTIONS = ("--quiet", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate")


def main() -> None:
    _compile("pyproject.toml", "--group", "dev", "-o", "requirements.txt")
    for wanted in sorted(ROOT.glob("lambdas/*/requirements.in")):
        locked = wanted.with_suffix(".txt").relative_to(ROOT)
        _compile(str(wanted.relative_to(ROOT)), "-c", "requirements.txt", "-o", str(locked))
    # What a benchmark compares with has an environment of its own, and what it needs is nobody else's business.
    _compile("tests/benchmarks/requirements.in", "-o", "tests/benchmarks/requirements.txt")


def _compile(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "uv", "pip", "compile", *_OPTIONS, *arguments], cwd=ROOT, check=True)
    say(f"[green]✓[/] {arguments[-1]}")


if __name__ == "__main__":
    main()
