"""One server of the load benchmark: uvicorn, one process, until its input ends.

    python -m tests.benchmarks.api_server ours|bare|empty PORT [STATEMENTS]

`ours` is the application. `bare` is a FastAPI application whose routes take the same requests, do the same SQL and send
the rows as they are. `empty` answers without looking: what the server and whoever asks it can do together. The first
two log a line for each request, as they do wherever they serve: the application its own, the bare one the server's.
STATEMENTS is a file with what a request of each route asks the database, as `api_load.py` recorded it.
"""

import gc
import json
import logging
import os
import pickle
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import uvicorn
from fastapi import FastAPI, Response
from psycopg.pq import ExecStatus
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from pydantic import BaseModel
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import create_app
from app.platform import wiring
from app.platform.rate_limits import RateLimiter
from tests.integration.http_api.application import Embedder

Statement = tuple[Any, Any]


class Question(BaseModel):
    """What a bare search is asked."""

    query: str
    top_k: int


class NoTable:
    """Sums that nobody else adds to: DynamoDB's work is done elsewhere, and not by this machine."""

    def add(self, key: str, count: int, *, expires_at: int) -> int:
        return 0


def ours() -> ASGIApp:
    wiring.embedder = lambda: embedder  # type: ignore[assignment]  # stands in for the cached builder
    embedder, limiter = Embedder(), RateLimiter(NoTable, per_minute=1_000_000_000)
    wiring.rate_limiter = lambda: limiter  # type: ignore[assignment]
    return create_app()


def bare(statements: Path) -> ASGIApp:
    recorded: dict[str, list[Statement]] = pickle.loads(statements.read_bytes())  # noqa: S301  # our own file
    pool = ConnectionPool(
        os.environ["DATABASE_URL"],
        min_size=8,
        max_size=8,
        kwargs={"row_factory": dict_row, "autocommit": True},
        open=True,
    )
    app = FastAPI()

    def answer(asked: Sequence[Statement]) -> Response:
        rows: list[Any] = []
        with pool.connection() as connection:
            for query, parameters in asked:
                if begins := parameters is None and query.startswith(b"BEGIN"):
                    connection.commit()
                cursor = connection.execute(query, parameters, prepare=False if begins else None)
                rows += cursor.fetchall() if _has_rows(cursor) else []
        return Response(json.dumps(rows, default=str), media_type="application/json")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "healthy"}

    @app.get("/items")
    def list_items(limit: int) -> Response:
        return answer(recorded["list"])

    @app.get("/items/{item_id}")
    def get_item(item_id: UUID) -> Response:
        return answer(recorded["get"])

    @app.post("/search")
    def search(question: Question) -> Response:
        return answer(recorded["search"])

    return app


def _has_rows(cursor: psycopg.Cursor[Any]) -> bool:
    return cursor.pgresult is not None and cursor.pgresult.status == ExecStatus.TUPLES_OK


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


def serve(app: ASGIApp, port: int, *, access_log: bool) -> None:
    server = uvicorn.Server(uvicorn.Config(app, port=port, loop="asyncio", lifespan="off", access_log=access_log))
    logging.getLogger("uvicorn.error").setLevel("WARNING")
    gc.freeze()  # as lambdas/api/handler.py does
    threading.Thread(target=lambda: (sys.stdin.read(), setattr(server, "should_exit", True)), daemon=True).start()
    server.run()


if __name__ == "__main__":
    kind, port, *files = sys.argv[1:]
    chosen = {"ours": ours, "bare": lambda: bare(Path(files[0])), "empty": lambda: empty}[kind]()
    serve(chosen, int(port), access_log=kind == "bare")
