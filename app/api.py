"""The HTTP application, assembled."""

import time
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.analysis.routes import router as analyses
from app.items.routes import router as items
from app.platform.http import install_error_handlers, request_id, with_problem_media_type
from app.platform.logs import logger
from app.search.routes import router as search
from app.service.routes import router as service


def create_app() -> FastAPI:
    """Build the application. Does no I/O and reads no environment: that happens at the first request."""
    app = Application(
        title="Collections",
        version="1",
        summary="A private, searchable memory for the things people photograph and screenshot.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    install_error_handlers(app)
    for router in (service, items, analyses, search):
        app.include_router(router)
    return app


class Application(FastAPI):
    """FastAPI, documenting errors as they are sent, and logging also what none of its handlers caught."""

    def build_middleware_stack(self) -> ASGIApp:
        return RequestLog(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        return with_problem_media_type(super().openapi())


class RequestLog:
    """One log line per request, and its id in the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["request_id"] = str(uuid4())
        identifier = request_id(Request(scope))
        started = time.perf_counter()
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", identifier.encode()))
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            elapsed = round((time.perf_counter() - started) * 1000, 2)
            method, path = scope["method"], scope["path"]
            logger.info("request", request_id=identifier, method=method, path=path, status=status, duration_ms=elapsed)
