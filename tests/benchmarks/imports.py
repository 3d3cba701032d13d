"""What a cold start costs before the handler runs: the import of each Lambda's module, from its own bundle alone."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import bundle
from tests.benchmarks.report import Figure, save

RUNS = 9
_GOAL_MS = {"api": 500, "image_processor": 350, "embedder": 350, "cleanup": 350}
# What a bundle carries and puts off until it is first used: what the cold start would be if it did not.
_PUT_OFF = {
    "analyzer": ("anthropic", "openai", "PIL.Image"),
    # The first turn, or the first reading of a conversation, loads these.
    "chat": ("app.chat.agent", "app.chat.checkpoints", "app.chat.claude"),
}
# Processor time: what the import itself needs, whatever else the machine is doing.
_SCRIPT = """
import sys, time
sys.path = [p for p in sys.path if 'site-packages' not in p]
sys.path.insert(0, {folder!r})
start = time.process_time()
import handler
{also}
print((time.process_time() - start) * 1000)
"""


def measure() -> None:
    figures = []
    for function in bundle.FUNCTIONS:
        here = bundle.build(function, bundle.TARGETS["host"])
        goal = f"≤ {_GOAL_MS[function]} ms" if function in _GOAL_MS else ""
        figures.append(Figure.of(f"{function}: import", "ms", _imports_ms(here), goal=goal))
        if also := _PUT_OFF.get(function):
            times = _imports_ms(here, also)
            figures.append(Figure.of(f"{function}: import, if {', '.join(also)} came with it", "ms", times))
        for_aws = bundle.build(function, bundle.TARGETS["aws"])
        limit = "≤ 70 MB" if function == "api" else ""
        figures.append(Figure.of(f"{function}: bundle", "MB", [bundle.size_bytes(for_aws) / 1e6], goal=limit))
    save("imports", "Cold start: import time (with bytecode) and bundle size (arm64, unzipped)", figures)


def _imports_ms(folder: Path, also: Sequence[str] = ()) -> list[float]:
    return [_import_ms(folder, also) for _ in range(RUNS + 1)][1:]  # the first one warms the disk cache


def _import_ms(folder: Path, also: Sequence[str]) -> float:
    script = _SCRIPT.format(folder=str(folder), also="\n".join(f"import {name}" for name in also))
    command = [sys.executable, "-I", "-c", script]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout)
