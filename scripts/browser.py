"""A Chromium for the tests of the front end: the one that is there, or Debian's."""

import os
import shutil
import subprocess

from scripts.console import fail, say

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def find_or_install() -> str:
    """The path of a Chromium. Installs Debian's where that is possible without asking; else ends with what to do."""
    found = os.environ.get("CHROMIUM") or _find()
    if found:
        return found
    if shutil.which("apt-get") and os.geteuid() == 0:
        say("› Installing Chromium")
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=True)
    return _find() or fail("The front end's tests need Chromium: install it, or set CHROMIUM to its path.")


def _find() -> str | None:
    return next((path for path in map(shutil.which, _NAMES) if path), None)
