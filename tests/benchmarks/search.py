"""What a search costs: tenants of different sizes among a million rows, beside other engines in the same run.

ROWS is how many the table has, CHROMA_ROWS how many ChromaDB's collection has: with a million vectors its graph needs
hours to build and more than 4 GB of memory.
"""

import base64
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import bm25s
import numpy as np

from app.platform.database import Database
from app.platform.settings import DatabaseSettings, SearchSettings
from app.search.models import SearchFilter, SearchType
from app.search.store import SearchStore
from app.search.suggestions import SuggestionStore
from tests.benchmarks.report import Figure, save
from tests.benchmarks.search_corpus import CATEGORY, TAG, Array, Chunk, Corpus, queries
from tests.benchmarks.search_rows import MODEL, STATE, server

QUERIES = 60
CONCURRENCY, REQUESTS = (1, 8, 32), 240
_ROOT = Path(__file__).resolve().parents[2]
_LOCKED = Path(__file__).with_name("requirements.txt")
_NARROWED = {
    "one category": SearchFilter(category=CATEGORY),
    "one tag, favorites": SearchFilter(tags=[TAG], favorite=True),
}


@dataclass(frozen=True)
class Tenant:
    """One tenant's items, what is asked of them, and what the exact answers are."""

    user_id: UUID
    items: Chunk
    words: list[str]
    vectors: Array

    @property
    def size(self) -> int:
        return len(self.items.texts)

    @property
    def ids(self) -> list[UUID]:
        return [UUID(bytes=each.tobytes()) for each in self.items.ids]

    def nearest(self, among: Array) -> list[set[UUID]]:
        """The ten nearest of these rows by exact cosine, per query."""
        ids, vectors = self.ids, self.items.vectors[among].astype(np.float32)
        best = np.argsort(-(self.vectors @ vectors.T), axis=1)[:, :10]
        return [{ids[among[row]] for row in rows} for rows in best]


def measure() -> None:
    rows = int(os.environ.get("ROWS", "1000000"))
    corpus = Corpus(rows)
    chroma_rows = min(rows, int(os.environ.get("CHROMA_ROWS", "200000")))
    print("  the corpus …", flush=True)
    tenants = [Tenant(corpus.tenant(size), items, *queries(items, QUERIES)) for size, items in corpus.tenants().items()]
    with server(corpus) as owner, _chroma(corpus, chroma_rows) as chroma:
        app_url = owner.replace("postgres@", "collections_app@")
        database = Database(DatabaseSettings(database_url=app_url))
        figures = [figure for tenant in tenants for figure in _figures(tenant, database, chroma)]
        database.close()
        for tenant in tenants:
            figures += _through_the_api(tenant, app_url)
    title = (
        f"Search: one tenant of n items among {rows:,} rows, warm; ChromaDB with {chroma_rows:,} of them"
        " (in brackets here: the 5th and 95th percentile)"
    )
    save("search", title, figures)


def _figures(tenant: Tenant, database: Database, chroma: "Chroma") -> list[Figure]:
    print(f"  {tenant.size:,} items …", flush=True)
    index, name = SearchStore(database, SearchSettings()), f"{tenant.size:,} items"
    figures = []
    for mode in SearchType:
        goal = {10_000: "≤ 60 ms", 100_000: "≤ 120 ms"}.get(tenant.size, "") if mode is SearchType.HYBRID else ""
        figures += _percentiles(f"{name}: {mode.value}", _ours(tenant, index, mode).milliseconds, goal)
    for what, narrow in _NARROWED.items():
        times = _ours(tenant, index, SearchType.HYBRID, narrow).milliseconds
        figures += _percentiles(f"{name}: hybrid, {what}", times)
    figures += _same_answers(tenant, database)
    figures += _beside_bm25s(tenant, index)
    figures += _beside_chroma(tenant, index, chroma)
    figures.append(_suggestions(tenant, SuggestionStore(database)))
    return figures


@dataclass(frozen=True)
class Answers:
    milliseconds: list[float]
    ids: list[set[UUID]]


def _ours(
    tenant: Tenant, index: SearchStore, mode: SearchType, narrow: SearchFilter | None = None, count: int = QUERIES
) -> Answers:
    """Every query once, after one that is not counted."""
    _ask(tenant, index, 0, mode, narrow)
    answers = [_ask(tenant, index, number, mode, narrow) for number in range(count)]
    return Answers([answer[0] for answer in answers], [answer[1] for answer in answers])


def _ask(
    tenant: Tenant, index: SearchStore, number: int, mode: SearchType, narrow: SearchFilter | None = None
) -> tuple[float, set[UUID]]:
    vector = tenant.vectors[number].tolist()
    started = time.perf_counter()
    ranking = index.search(
        tenant.user_id,
        query=tenant.words[number],
        vector=vector,
        embedding_model=MODEL,
        search_type=mode,
        narrow=narrow or SearchFilter(),
        top_k=10,
    )
    return (time.perf_counter() - started) * 1000, {hit.item_id for hit in ranking.hits}


def _same_answers(tenant: Tenant, database: Database) -> list[Figure]:
    """The paths of large tenants against the exact ones, where these tenants are large."""
    settings = SearchSettings()
    if tenant.size <= settings.large_tenant_items:
        return []
    exact = SearchStore(database, settings.model_copy(update={"large_tenant_items": tenant.size}))
    large = SearchStore(database, settings)
    figures = []
    for mode in (SearchType.VECTOR, SearchType.HYBRID):
        expected = _ours(tenant, exact, mode)
        overlap = _overlap(_ours(tenant, large, mode).ids, expected.ids)
        figures += _percentiles(f"{tenant.size:,} items: {mode.value}, exact path", expected.milliseconds)
        figures.append(Figure.of(f"{tenant.size:,} items: {mode.value}, top-10 overlap", "", [overlap], goal="≥ 0.99"))
    return figures


def _overlap(found: Sequence[set[Any]], expected: Sequence[set[Any]]) -> float:
    """The mean share of the expected that was found."""
    return statistics.mean(len(a & b) / max(len(b), 1) for a, b in zip(found, expected, strict=True))


def _beside_bm25s(tenant: Tenant, index: SearchStore) -> list[Figure]:
    """The same texts in memory, this tenant's alone. Ties with the tenth are no difference: scores are compared."""
    engine = bm25s.BM25(method="lucene", k1=1.2, b=0.75, dtype="float64")
    engine.index([text.split() for text in tenant.items.texts], show_progress=False)
    position = {item_id: number for number, item_id in enumerate(tenant.ids)}
    times, recalls = [], []
    for number, words in enumerate(tenant.words):
        started = time.perf_counter()
        engine.retrieve([words.split()], k=10, show_progress=False)
        times.append((time.perf_counter() - started) * 1000)
        scores = engine.get_scores(words.split())
        tenth = np.sort(scores)[-10] * (1 - 1e-9)
        _, found = _ask(tenant, index, number, SearchType.BM25)
        expected = min(10, int((scores > 0).sum()))
        recalls.append(sum(scores[position[item_id]] >= tenth for item_id in found) / expected)
    name = f"{tenant.size:,} items"
    return [
        *_percentiles(f"{name}: bm25s, in memory, this tenant alone", times),
        Figure.of(f"{name}: bm25, top-10 overlap with bm25s", "", [statistics.mean(recalls)], goal="1"),
    ]


class Chroma:
    """The other engine, in its own process and environment."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("ChromaDB's process ended.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def ask(self, tenant: Tenant, number: int, category: str | None = None) -> tuple[float, set[UUID]]:
        assert self._process.stdin
        vector = base64.b64encode(tenant.vectors[number].astype(np.float32).tobytes()).decode()
        line = json.dumps({"size": tenant.size, "category": category, "vectors": vector})
        print(line, file=self._process.stdin, flush=True)
        answer = self.read()
        return answer["milliseconds"][0], {UUID(item_id) for item_id in answer["ids"][0]}


@contextmanager
def _chroma(corpus: Corpus, rows: int) -> Iterator[Chroma]:
    """Installed from its own lock and filled on first use; both stay."""
    environment, python = STATE / "chroma", STATE / "chroma" / "bin" / "python"
    complete = environment / ".complete"
    if not complete.exists() or complete.read_text() != _LOCKED.read_text():
        print("  installing ChromaDB …", flush=True)
        venv.create(environment, clear=True, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(_LOCKED)]
        subprocess.run(install, check=True)
        complete.write_text(_LOCKED.read_text())
    folder = STATE / f"chroma-{corpus.rows}-{rows}"
    command = [str(python), "-m", "tests.benchmarks.chroma", str(folder), str(corpus.rows), str(rows)]
    print("  ChromaDB's collection (filled once, which takes long) …", flush=True)
    with subprocess.Popen(
        command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        chroma = Chroma(process)
        chroma.read()
        yield chroma


def _beside_chroma(tenant: Tenant, index: SearchStore, chroma: Chroma) -> list[Figure]:
    """Query by query in turn, so that a busy machine is busy for both."""
    name = f"{tenant.size:,} items"
    everything = np.arange(tenant.size)
    category = np.array([each == CATEGORY for each in tenant.items.categories])
    cases: list[tuple[str, str | None, SearchFilter, Array]] = [
        ("", None, SearchFilter(), everything),
        (", one category", CATEGORY, SearchFilter(category=CATEGORY), np.flatnonzero(category)),
    ]
    figures = []
    for suffix, wanted, narrow, among in cases:
        ours, theirs = [], []
        for number in [0, *range(QUERIES)]:
            ours.append(_ask(tenant, index, number, SearchType.VECTOR, narrow))
            theirs.append(chroma.ask(tenant, number, wanted))
        expected = tenant.nearest(among)
        our_times, their_times = [answer[0] for answer in ours[1:]], [answer[0] for answer in theirs[1:]]
        ratio = statistics.median(their_times) / statistics.median(our_times)
        goal = "≥ 2.4 ×" if tenant.size <= 1_000 else "≥ 1 ×"
        figures += [
            *_percentiles(f"{name}: vector{suffix}, beside ChromaDB", our_times),
            *_percentiles(f"{name}: ChromaDB{suffix}", their_times),
            Figure.of(f"{name}: vector{suffix}, times faster than ChromaDB", "×", [ratio], goal=goal),
            Figure.of(f"{name}: vector{suffix}, recall", "", [_overlap([ids for _, ids in ours[1:]], expected)]),
            Figure.of(f"{name}: ChromaDB{suffix}, recall", "", [_overlap([ids for _, ids in theirs[1:]], expected)]),
        ]
    return figures


def _suggestions(tenant: Tenant, store: SuggestionStore) -> Figure:
    texts = tenant.items.texts[: QUERIES // 2]
    times = []
    for prefix in [text[:2] for text in texts] + [text[:4] for text in texts]:
        started = time.perf_counter()
        store.complete(tenant.user_id, prefix, limit=8)
        times.append((time.perf_counter() - started) * 1000)
    goal = "≤ 20 ms" if tenant.size <= 10_000 else ""
    return Figure.of(f"{tenant.size:,} items: type-ahead", "ms", times, goal=goal)


# --- through the API --------------------------------------------------------------------------------------------------


def _through_the_api(tenant: Tenant, app_url: str) -> list[Figure]:
    """Hybrid searches by so many clients at once: token, row, rows of everything, presigned addresses, JSON."""
    print(f"  {tenant.size:,} items through the API …", flush=True)
    figures = []
    with _api(tenant, app_url) as client:
        for at_once in (8, *CONCURRENCY):  # the first is not counted
            started = time.perf_counter()
            times = client.searches(at_once)
            elapsed = time.perf_counter() - started
            name = f"{tenant.size:,} items: hybrid through the API, {at_once} at once"
            made = [*_percentiles(name, times), Figure.of(name, "requests/s", [len(times) / elapsed])]
            figures.append(made)
    return [figure for made in figures[1:] for figure in made]


@dataclass(frozen=True)
class Client:
    """Somebody with a token; a connection per thread."""

    port: int
    token: str
    words: list[str]

    def searches(self, at_once: int) -> list[float]:
        """Milliseconds of each request."""
        numbers, times = iter(range(REQUESTS)), list[float]()
        lock = threading.Lock()

        def work() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    break
                times.append(self._search(connection, number))
            connection.close()

        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(times) == REQUESTS, "A request failed."
        return times

    def _search(self, connection: http.client.HTTPConnection, number: int) -> float:
        body = json.dumps({"query": self.words[number % len(self.words)]})
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        started = time.perf_counter()
        connection.request("POST", "/search", body, headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        elapsed = (time.perf_counter() - started) * 1000
        assert answer.status == 200, found
        assert found["results"]
        return elapsed


@contextmanager
def _api(tenant: Tenant, app_url: str) -> Iterator[Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "words.json").write_text(json.dumps(tenant.words))
        np.save(folder / "vectors.npy", tenant.vectors)
        command = [sys.executable, "-m", "tests.benchmarks.search_api", app_url, str(port), temporary]
        with subprocess.Popen(
            [*command, str(tenant.user_id)], cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        ):
            _wait_for(port)
            yield Client(port, (folder / "token").read_text(), tenant.words)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def _percentiles(what: str, times: Sequence[float], goal: str = "") -> list[Figure]:
    """The median with the 5th and the 95th percentile; the latter once more where there is a goal for it."""
    least, most = np.percentile(times, [5, 95])
    figures = [Figure(what, "ms", statistics.median(times), float(least), float(most), len(times))]
    if goal:
        figures.append(Figure(f"{what}, p95", "ms", float(most), float(most), float(most), 1, goal))
    return figures
