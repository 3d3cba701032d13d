"""Which code this is. The bundler writes `build_info.json` beside this module; a checkout has none."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("build_info.json")
# What a deployment asks of any function. No gateway, queue or rule sends an event with this key.
PROBE: Mapping[str, str] = {"probe": "version"}


@dataclass(frozen=True, slots=True)
class BuildInfo:
    """`built_at` (RFC 3339) is the commit's time, so that the same commit is the same bundle, byte for byte.

    A checkout with changes says `-dirty` behind its commit, and no checkout `unknown`; `built_at` is then when what is
    in the bundle was last changed.
    """

    version: str
    git_sha: str
    built_at: str | None


@cache
def read() -> BuildInfo:
    if not FILE.exists():
        return BuildInfo(version="0.0.0", git_sha="unknown", built_at=None)
    return BuildInfo(**json.loads(FILE.read_text()))


def probed(handler: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The handler, which says which code it is when a deployment asks: the code itself knows best."""

    def handle(event: Any, context: Any) -> Any:
        return asdict(read()) if event == PROBE else handler(event, context)

    return handle
