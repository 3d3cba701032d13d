"""Look for keys and passwords that nobody meant to commit: part of `make lint`.

Every file that git would take is read, by those detectors of detect-secrets that know a token by its form, and by one
of ours for the vendors whose keys this project uses. Guesses by names and by entropy are left out: in a tree full of
hashes and invented secrets they find nothing but those.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import typer
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class as known_detectors
from detect_secrets.plugins.base import RegexBasedDetector

from scripts.bundle import ROOT
from scripts.console import fail, say

# What is found and is none, by file and kind, with the reason.
ALLOWED = {
    ("app/platform/migrations.py", "Basic Auth Credentials"): "a URL that is put together from what AWS keeps",
    ("tests/infrastructure/test_clouds.py", "Basic Auth Credentials"): "an invented database URL",
    ("tests/integration/test_migrations.py", "Basic Auth Credentials"): "an invented password of a test's database",
    ("tests/integration/test_database_commands.py", "Basic Auth Credentials"): "invented passwords in database URLs",
    ("tests/unit/platform/test_migrate_handler.py", "Basic Auth Credentials"): "an invented password in a URL",
    ("tests/integration/http_api/test_what_is_told.py", "JSON Web Token"): "a token that is looked for in logs",
}


_GUESSES = {"Public IP (ipv4)", "Secret Keyword", "Hex High Entropy String", "Base64 High Entropy String"}


class VendorKey(RegexBasedDetector):
    """Keys of Anthropic, Voyage, LangSmith and Tavily, which detect-secrets does not know, and AWS session tokens."""

    secret_type = "Vendor Key"  # noqa: S105  # the name of what is found
    denylist = (
        re.compile(r"sk-ant-[a-z]+\d\d-[\w-]{80,}"),
        re.compile(r"\bpa-[A-Za-z0-9_-]{40,}\b"),
        re.compile(r"\blsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}\b"),
        re.compile(r"\btvly-(?:dev-|prod-)?[A-Za-z0-9]{32}\b"),
        re.compile(r"\b(?:FwoGZXIvYXdz|IQoJb3JpZ2lu)[A-Za-z0-9+/=]{100,}"),
    )


@dataclass(frozen=True, slots=True)
class Found:
    path: str
    line: int
    kind: str


def main() -> None:
    paths = _tracked()
    if not paths:
        say("No git checkout: what would be committed cannot be told.")
        return
    found = list(scan(paths))
    open_ones = [each for each in found if (each.path, each.kind) not in ALLOWED]
    for each in open_ones:
        say(f"[red]✗[/] {each.path}:{each.line}: {each.kind}")
    if open_ones:
        fail("Take it out, and the key out of use. If it is none: ALLOWED in scripts/secret_scan.py.")
    if unneeded := ALLOWED.keys() - {(each.path, each.kind) for each in found}:
        fail(f"Nothing is found there any more, take it out of ALLOWED: {sorted(unneeded)}")


def scan(paths: Iterable[str]) -> Iterator[Found]:
    """Args:
    paths: relative to the project; what is no text is passed over.
    """
    detectors = _detectors()
    for path in paths:
        try:
            text = Path(ROOT, path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for detector in detectors:
            for secret in detector.analyze_string(text):
                yield Found(path, text.count("\n", 0, text.find(secret)) + 1, detector.secret_type)


def _detectors() -> list[RegexBasedDetector]:
    kinds: Mapping[str, type[object]] = known_detectors()
    made = (kind() for name, kind in kinds.items() if name not in _GUESSES)
    return [VendorKey(), *(each for each in made if isinstance(each, RegexBasedDetector))]


def _tracked() -> list[str]:
    """The files that git has or would take, as they are in the folder. None where it is no checkout."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [path for path in listed.split("\0") if path and Path(ROOT, path).is_file()]


if __name__ == "__main__":
    typer.run(main)
