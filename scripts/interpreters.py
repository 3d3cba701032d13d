"""Which Python interpreters this machine has. Standard library only: it runs before anything is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import chain
from pathlib import Path


def find_python(version: str) -> str | None:
    """The path of an interpreter of this version ("3.13") that really starts, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = chain(
        [sys.executable, shutil.which(f"python{version}")],
        map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)),
        map(str, Path.home().glob(f".local/share/uv/python/cpython-{version}*/bin/python{version}")),
        [f"/opt/homebrew/bin/python{version}"],
    )
    return next((path for path in candidates if path and _answers(path, version)), None)


def _answers(path: str, version: str) -> bool:
    """Whether it starts and is what its name says (a pyenv shim may be neither)."""
    question = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([path, "-c", question], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version
