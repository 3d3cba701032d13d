"""Everything that has to be there before the first import: Python packages, the CDK CLI, and what they stand on.

Standard library only, run by whatever `python3` the machine has: `python3 -m scripts.bootstrap`. Does nothing, in well
under a second, when everything is there; mends a virtual environment that was left half-made.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

from scripts import locks
from scripts.interpreters import find_python

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
REQUIREMENTS = ROOT / "requirements.txt"
# Folders with a package-lock.json, what is in them, and one of its commands.
NODE_PROJECTS = (("infrastructure", "the CDK CLI", "cdk"), ("web", "the front end's packages", "vite"))
# Lambda's own version first, so that the laptop runs what the cloud runs.
PREFERRED = ("3.13", "3.12", "3.11")
NODE_MINIMUM = 20


def main() -> None:
    npm = _check_prerequisites()
    with locks.held(VENV):
        _ensure_packages()
        for folder, what, command in NODE_PROJECTS:
            _ensure_node_modules(npm, ROOT / folder, what, command)


def _check_prerequisites() -> str:
    """Name what is missing and what mends it, before anything is half done. Returns npm's path."""
    if sys.version_info < (3, 11):  # noqa: UP036  # whoever runs this has not met our requirements yet
        _fail(
            f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}. Install one and put it first on PATH."
        )
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        _fail(
            f"Node.js {NODE_MINIMUM} or newer with npm is needed (CDK and front end are built with it): https://nodejs.org"
        )
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    major = re.match(r"v(\d+)", version)
    if not major or int(major[1]) < NODE_MINIMUM:
        _fail(f"Node.js {NODE_MINIMUM} or newer is needed; this is {version or 'broken'}. Get it at https://nodejs.org")
    return npm


def _ensure_packages() -> None:
    wanted = _digest(REQUIREMENTS)
    if _stamp(VENV) == wanted and _starts(PYTHON):
        return
    if not _starts(PYTHON) or _stamp(VENV) is None:
        interpreter = next((path for path in map(find_python, PREFERRED) if path), sys.executable)
        print(f"› Making the virtual environment with {interpreter}", flush=True)
        done = subprocess.run([interpreter, "-m", "venv", "--clear", str(VENV)], check=False)
        if done.returncode:
            _fail("The virtual environment cannot be made. On Debian and Ubuntu: apt install python3-venv.")
    print("› Installing the locked Python packages", flush=True)
    _stamp_path(VENV).unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(_requirement("uv"))
        file.flush()
        _run(PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes", "-r", file.name)
    _run(PYTHON, "-m", "uv", "pip", "sync", "-q", "--python", PYTHON, "--require-hashes", REQUIREMENTS)
    _stamp_path(VENV).write_text(wanted)


def _ensure_node_modules(npm: str, project: Path, what: str, command: str) -> None:
    modules = project / "node_modules"
    wanted = _digest(project / "package-lock.json")
    if _stamp(modules) == wanted and (modules / ".bin" / command).exists():
        return
    print(f"› Installing {what}", flush=True)
    _run(npm, "ci", "--silent", "--no-audit", "--no-fund", "--prefix", project)
    _stamp_path(modules).write_text(wanted)


def _requirement(name: str) -> str:
    """The locked entry of one package, hashes included."""
    entry = re.search(rf"^{name}==.*?(?=^\S)", REQUIREMENTS.read_text() + "\n#", re.MULTILINE | re.DOTALL)
    if entry is None:
        _fail(f"requirements.txt does not lock {name}. Run `make lock`.")
    return entry[0]


def _stamp_path(folder: Path) -> Path:
    """Written last: a folder without it was left half-made."""
    return folder / ".complete"


def _stamp(folder: Path) -> str | None:
    path = _stamp_path(folder)
    return path.read_text() if path.exists() else None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _starts(python: Path) -> bool:
    try:
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
    if done.returncode:
        _fail(
            f"This failed (see above): {' '.join(str(part) for part in command[:6])} …  Run it again when it is mended."
        )


def _fail(message: str) -> NoReturn:
    print(f"✗ {message}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    main()
