"""The API under load: health, list, get and search at 1, 8 and 32 requests at a time, beside a bare route.

A request a connection at a time, connections kept, over sockets of our own: an HTTP client for people is slower than
what it would measure. The generator's ceiling is measured first, against a server that answers without looking.
"""

import asyncio
import importlib
import json
import os
import pickle
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from app.platform import wiring
from tests.benchmarks.api import application
from tests.benchmarks.report import Figure, save
from tests.integration.http_api.application import Embedder, User, given_searchable

CONCURRENCY = (1, 8, 32)
# Of each turn.
SECONDS, MOST_REQUESTS, WARM_UP = 0.5, 20_000, 20
TURNS = 21
FOUND, HANDLED = 200, 200
_GOAL = "≤ 25 %"


@dataclass(frozen=True)
class Route:
    name: str
    method: str
    path: str
    body: bytes = b""

    def request(self, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{self.method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(self.body)}"]
        lines += ["Content-Type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def measure() -> None:
    with application() as user, tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ |= {"DATABASE_POOL_SIZE": "8", "EMBEDDING_PROVIDER": "local", "ANALYSIS_PROVIDER": "local"}
        wiring.embedder = Embedder  # type: ignore[assignment]  # stands in for the cached builder
        routes = _routes(user)
        handled = [_handled(route, user) for route in routes]
        recorded = Path(folder, "statements")
        recorded.write_bytes(pickle.dumps({route.name: _statements(route, user) for route in routes[1:]}))
        ports = {kind: stack.enter_context(_server(kind, recorded)) for kind in ("ours", "bare", "empty")}
        figures = [_ceiling(ports["empty"])]
        for route in routes:
            for concurrency in CONCURRENCY:
                figures += _compared(route, user, ports, concurrency)
    save("api_load", "The API under load: one uvicorn process, beside a bare FastAPI route that does the same SQL",
         figures + handled)  # fmt: skip


def _routes(user: User) -> list[Route]:
    """In an account of 10,000 items, some of which can be searched."""
    found = [given_searchable(user, f"receipt {number} for rye bread", "bakery") for number in range(FOUND)]
    search = json.dumps({"query": "rye bread", "top_k": 10}).encode()
    return [
        Route("health", "GET", "/health"),
        Route("list", "GET", "/items?limit=50"),
        Route("get", "GET", f"/items/{found[0]}"),
        Route("search", "POST", "/search", search),
    ]


def _compared(route: Route, user: User, ports: Mapping[str, int], concurrency: int) -> list[Figure]:
    """Ours and the bare one in short turns, so that the machine's moods meet both; the same requests for both."""
    request = route.request(route.path, user.headers)
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    rates: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(TURNS):
        for kind in ("ours", "bare"):
            taken, rate = asyncio.run(_load(ports[kind], request, concurrency))
            times[kind] += taken
            rates[kind].append(rate)
    what = f"{route.name}, {concurrency} at a time"
    overheads = [(bare / ours - 1) * 100 for ours, bare in zip(rates["ours"], rates["bare"], strict=True)]
    return [
        Figure.of(f"{what}: ours", "requests/s", rates["ours"]),
        Figure.of(f"{what}: bare", "requests/s", rates["bare"]),
        *(_percentile(f"{what}: ours", times["ours"], percent) for percent in (50, 95, 99)),
        Figure.of(f"{what}: over the bare route", "%", overheads, goal=_GOAL),
    ]


def _percentile(what: str, times: list[float], percent: int) -> Figure:
    value = statistics.quantiles(times, n=100)[percent - 1]
    return Figure(f"{what}, p{percent}", "ms", value, min(times), max(times), len(times))


def _ceiling(port: int) -> Figure:
    request = Route("empty", "GET", "/").request("/", {})
    return Figure.of(
        "the generator and uvicorn, with nothing to do, 32 at a time",
        "requests/s",
        [asyncio.run(_load(port, request, 32))[1] for _ in range(2)],
    )


async def _load(port: int, request: bytes, concurrency: int) -> tuple[list[float], float]:
    """Send it over so many connections at once, for a while. Returns milliseconds each, and requests a second."""
    times: list[float] = []

    async def client(until: float, most: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until and len(times) < most:
            started = time.perf_counter()
            writer.write(request)
            await _answered(reader)
            times.append((time.perf_counter() - started) * 1000)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client(time.perf_counter() + 60, WARM_UP) for _ in range(concurrency)))
    times.clear()
    started = time.perf_counter()
    await asyncio.gather(*(client(started + SECONDS, MOST_REQUESTS) for _ in range(concurrency)))
    return times, len(times) / (time.perf_counter() - started)


async def _answered(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    body = await reader.readexactly(length)
    if not head.startswith(b"HTTP/1.1 200"):
        raise AssertionError(head + body)


@contextmanager
def _server(kind: str, recorded: Path) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "tests.benchmarks.api_server", kind, str(port), str(recorded)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as server:
        _wait_for(port, server)
        yield port
        assert server.stdin
        server.stdin.close()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("The server did not start.")


def _statements(route: Route, user: User) -> list[tuple[Any, Any]]:
    """What one request asks the database."""
    asked: list[tuple[Any, Any]] = []
    execute = psycopg.Cursor.execute

    def noted(self: Any, query: Any, parameters: Any = None, **options: Any) -> Any:
        if query:  # the pool asks for nothing, to see whether a connection is alive
            asked.append((query, parameters))
        return execute(self, query, parameters, **options)

    psycopg.Cursor.execute = noted  # type: ignore[method-assign]
    try:
        answer = user.http.request(route.method, route.path, content=route.body, headers=_typed(user))
    finally:
        psycopg.Cursor.execute = execute  # type: ignore[method-assign]
    assert answer.status_code == 200, answer.text
    return asked


def _typed(user: User) -> dict[str, str]:
    return user.headers | {"Content-Type": "application/json"}


def _handled(route: Route, user: User) -> Figure:
    """The Lambda's own handler, warm, from the gateway's event to its answer."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # Mangum looks for one while it is imported
    handler = importlib.import_module("lambdas.api.handler").handler
    path, _, query = route.path.partition("?")
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "localhost"} | {name.lower(): value for name, value in _typed(user).items()},
        "requestContext": {
            "http": {"method": route.method, "path": path, "sourceIp": "203.0.113.7"},
            "requestId": "benchmark",
            "stage": "$default",
        },
        "body": route.body.decode(),
        "isBase64Encoded": False,
    }
    times = []
    for _ in range(HANDLED):
        started = time.perf_counter()
        answer = handler(event, None)
        times.append((time.perf_counter() - started) * 1000)
        assert answer["statusCode"] == 200, answer
    asyncio.set_event_loop(None)
    loop.close()
    return Figure.of(f"{route.name}: the Lambda's handler under Mangum, p50", "ms", times)
