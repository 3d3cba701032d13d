"""Experiments on what is down for a while: the embedding provider, PostgreSQL, free connections."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import psycopg

from tests.faults.cloud import WORKERS, FaultCloud, eventually
from tests.faults.findings import Finding
from tests.faults.people import Person, photos
from tests.stub_providers import slow, unavailable

_ANSWERS_WITHIN_S = 5.0


def embeddings_down(cloud: FaultCloud, *, items: int = 20, seconds: float = 20) -> list[Finding]:
    """7. The embedding provider answers 503 for a while, then well again. Nothing is looked at anew."""
    cloud.embeddings.default = unavailable()
    cloud.person().upload(photos(items))
    time.sleep(seconds)
    ready_while_down, refusals = cloud.statuses().get("ready", 0), cloud.embeddings.calls
    cloud.embeddings.default = type(cloud.embeddings)().default
    cloud.settle()

    return [
        Finding.count(7, f"embeddings down for {seconds:.0f} s, {refusals} calls refused: items ready then",
                      ready_while_down, 0),
        Finding.count(7, "items ready afterwards", cloud.statuses().get("ready", 0), items),
        Finding.count(7, "paid vision calls", cloud.vision.paid, items),
        Finding.count(7, "texts paid for at the embedder", cloud.embeddings.texts.total(), items),
    ]  # fmt: skip


@dataclass
class Asked:
    """What somebody heard who asked all the time: status, seconds, and Retry-After."""

    answers: list[tuple[int, float, str | None]] = field(default_factory=list)

    def of(self, status: int) -> list[tuple[int, float, str | None]]:
        return [answer for answer in self.answers if answer[0] == status]

    @property
    def slowest(self) -> float:
        return max((seconds for _, seconds, _ in self.answers), default=0.0)

    @property
    def unexpected(self) -> list[int]:
        return [status for status, _, _ in self.answers if status not in (200, 503)]


@contextmanager
def _asking(person: Person) -> Iterator[Asked]:
    """Somebody looks at their items five times a second."""
    heard, stop = Asked(), threading.Event()

    def ask() -> None:
        while not stop.wait(0.2):
            begun = time.monotonic()
            with suppress(httpx.HTTPError):
                answer = person.api.get("/items")
                heard.answers.append((answer.status_code, time.monotonic() - begun, answer.headers.get("retry-after")))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        stop.set()
        thread.join(90)


def database_down(cloud: FaultCloud, *, items: int = 20, seconds: float = 20) -> list[Finding]:
    """8. PostgreSQL is stopped at once for a while, under load."""
    cloud.vision.default = slow(0.5)
    person = cloud.person()
    person.upload(photos(items))
    eventually(lambda: cloud.vision.calls > items // 5)
    on_their_way = cloud.moving()
    cloud.stop_postgres()
    with _asking(person) as heard:
        time.sleep(seconds)
    cloud.start_postgres()
    cloud.settle()

    refused, paid = len(heard.of(503)), cloud.vision.paid
    return [
        Finding(8, "items on their way when it stopped", str(on_their_way), f"≥ {items // 2}",
                on_their_way >= items // 2),
        Finding(8, f"API while PostgreSQL was down for {seconds:.0f} s",
                f"{refused} times 503, others: {heard.unexpected or 'none'}", "503 only",
                refused > 0 and refused == len(heard.answers)),
        Finding(8, "slowest answer", f"{heard.slowest:.1f} s", f"≤ {_ANSWERS_WITHIN_S:.0f} s",
                heard.slowest <= _ANSWERS_WITHIN_S),
        Finding.count(8, "items ready afterwards", cloud.statuses().get("ready", 0), items),
        Finding(8, "paid vision calls", str(paid), f"≤ {items} + {WORKERS} replies that could not be stored",
                items <= paid <= items + WORKERS),
    ]  # fmt: skip


def connections_held(cloud: FaultCloud, *, items: int = 10, seconds: float = 10) -> list[Finding]:
    """9. Somebody holds every connection that the application's role may have."""
    person = cloud.person()
    prepared = person.prepare(photos(items))
    with ExitStack() as stack:
        held = _hold_all(cloud, stack)
        for upload in prepared:
            upload.send()
        with _asking(person) as heard:
            time.sleep(seconds)
        ready_while_held = cloud.statuses().get("ready", 0)
    cloud.settle()

    refused = heard.of(503)
    without_hint = sum(not retry_after for _, _, retry_after in refused)
    return [
        Finding(9, f"API with all {held} connections of its role held",
                f"{len(refused)} times 503, others: {heard.unexpected or 'none'}", "503",
                len(refused) > 0 and len(refused) == len(heard.answers)),
        Finding.count(9, "of these without Retry-After", without_hint, 0),
        Finding.count(9, "items ready while held", ready_while_held, 0),
        Finding.count(9, "items ready afterwards", cloud.statuses().get("ready", 0), items),
        Finding.count(9, "paid vision calls", cloud.vision.paid, items),
    ]  # fmt: skip


def _hold_all(cloud: FaultCloud, stack: ExitStack) -> int:
    """Open connections until the role has no more, those that its workers had included."""
    url = cloud.owner_url("collections_app")
    mine: list[psycopg.Connection] = []
    for _ in range(3):
        cloud.rows(TERMINATE_OTHERS, [connection.info.backend_pid for connection in mine])
        with suppress(psycopg.OperationalError):
            while True:
                mine.append(stack.enter_context(psycopg.connect(url, autocommit=True, connect_timeout=5)))
    return len(mine)


TERMINATE_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'collections_app' AND pid <> ALL(%s)
"""
