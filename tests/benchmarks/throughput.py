"""The pipeline's throughput: N images, providers that answer in 50 ms, and beside it the bound that those set.

The stages are let loose one after the other, each on the whole backlog of the one before: each is measured alone.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.platform.settings import DatabaseSettings
from tests.benchmarks.report import Figure, save
from tests.faults import cloud as faults
from tests.faults.cloud import FaultCloud
from tests.faults.people import photos
from tests.stub_providers import slow

ANSWER_S = 0.05
_STAGE_WITHIN_S = 900
_AT_ONCE = 100


@dataclass
class Peak:
    """The most connections that the application had open at once."""

    connections: int = 0
    stop: threading.Event = field(default_factory=threading.Event)


def measure() -> None:
    count = int(os.environ.get("N", "200"))
    with faults.running() as cloud:
        # Real time limits again: nothing dies here, and a backlog must not look like a crash.
        for stage in faults.STAGES:
            cloud.tune(stage, timeout_s=60, LEASE_SECONDS="70", PROVIDER_DEADLINE_S="50")
        cloud.vision.default, cloud.embeddings.default = slow(ANSWER_S), slow(ANSWER_S)
        cloud.tune("Api", ITEMS_UNDER_WAY_MAX=str(10 * count))
        _warm(cloud)
        for stage in faults.STAGES:
            cloud.pause(stage)
        _upload(cloud, count)
        calls = cloud.embeddings.calls
        with _watching(cloud) as peak:
            seconds = {stage: _drain(cloud, stage, count) for stage in faults.STAGES}
        made = cloud.embeddings.calls - calls
        ready = cloud.statuses().get("ready", 0)
    assert ready == count + faults.WORKERS, f"{ready} of {count} are ready"
    save("throughput", f"Throughput: {count} images, providers answer in 50 ms", _figures(count, seconds, made, peak))


def _figures(count: int, seconds: dict[str, float], embedding_calls: int, peak: Peak) -> list[Figure]:
    total, workers = sum(seconds.values()), faults.WORKERS
    bound = count * ANSWER_S / workers
    budget = DatabaseSettings(database_url="any").database_pool_size * (workers * len(faults.STAGES) + 4)
    return [
        Figure.of("All three stages, one after the other", "images/s", [count / total]),
        Figure.of(f"Bound by the vision provider ({workers} at a time)", "images/s", [count / bound]),
        *(Figure.of(f"{stage}: seconds for all", "s", [spent]) for stage, spent in seconds.items()),
        Figure.of("Embedding calls", "calls", [embedding_calls], goal=f"≤ N/8 = {count // 8}"),
        Figure.of("Database connections at the peak", "connections", [peak.connections], goal=f"≤ {budget}"),
    ]


def _warm(cloud: FaultCloud) -> None:
    """Every stage's workers started, so that no cold start is measured."""
    cloud.person().upload(photos(faults.WORKERS, "warm"))
    assert cloud.settle(_STAGE_WITHIN_S)


def _upload(cloud: FaultCloud, count: int) -> None:
    person, images = cloud.person(), list(photos(count).items())
    for start in range(0, count, _AT_ONCE):
        person.upload(dict(images[start : start + _AT_ONCE]))
    assert cloud.until_waiting("ImageProcessor", count, _STAGE_WITHIN_S)


def _drain(cloud: FaultCloud, stage: str, count: int) -> float:
    """Seconds until a stage has worked off its whole backlog."""
    assert cloud.until_waiting(stage, count, _STAGE_WITHIN_S)
    started = time.monotonic()
    cloud.pause(stage, paused=False)
    assert faults.eventually(lambda: cloud.depth(f"{stage}QueueUrl") == 0, _STAGE_WITHIN_S)
    return time.monotonic() - started


@contextmanager
def _watching(cloud: FaultCloud) -> Iterator[Peak]:
    peak = Peak()

    def watch() -> None:
        while not peak.stop.wait(0.2):
            [(now,)] = cloud.rows(
                "SELECT count(*) FROM pg_stat_activity WHERE usename IN ('collections_app', 'collections_cleanup')"
            )
            peak.connections = max(peak.connections, now)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        peak.stop.set()
        watcher.join()
