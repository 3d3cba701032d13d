"""Which code this is. The bundler writes `build_info.json` beside this module; a checkout has none."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("build_info.json")


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """`built_at` is the commit's time (RFC 3339), so that the same commit is the same bundle, byte for byte."""

    version: str
    git_sha: str
    built_at: str | None


@cache
def read() -> BuildInfo:
    if not FILE.exists():
        return BuildInfo(version="0.0.0", git_sha="unknown", built_at=None)
    return BuildInfo(**json.loads(FILE.read_text()))
