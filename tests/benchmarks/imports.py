"""What a cold start costs before the handler runs: the import of each Lambda's module, from its own bundle alone."""

import subprocess
import sys
from pathlib import Path

from scripts import bundle
from tests.benchmarks.report import Figure, save

RUNS = 9
_GOAL_MS = {"api": 500, "image_processor": 350, "embedder": 350, "cleanup": 350}
# Processor time: what the import itself needs, whatever else the machine is doing.
_SCRIPT = """
import sys, time
sys.path = [p for p in sys.path if 'site-packages' not in p]
sys.path.insert(0, {folder!r})
start = time.process_time()
import handler
print((time.process_time() - start) * 1000)
"""


def measure() -> None:
    figures = []
    for function in bundle.FUNCTIONS:
        here = bundle.build(function, bundle.TARGETS["host"])
        times = [_import_ms(here) for _ in range(RUNS + 1)][1:]  # the first one warms the disk cache
        goal = f"≤ {_GOAL_MS[function]} ms" if function in _GOAL_MS else ""
        figures.append(Figure.of(f"{function}: import", "ms", times, goal=goal))
        for_aws = bundle.build(function, bundle.TARGETS["aws"])
        limit = "≤ 70 MB" if function == "api" else ""
        figures.append(Figure.of(f"{function}: bundle", "MB", [bundle.size_bytes(for_aws) / 1e6], goal=limit))
    save("imports", "Cold start: import time (with bytecode) and bundle size (arm64, unzipped)", figures)


def _import_ms(folder: Path) -> float:
    command = [sys.executable, "-I", "-c", _SCRIPT.format(folder=str(folder))]
    return float(subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout)
