"""A FastAPI application behind our own edge: the same for every function that answers requests."""

from collections.abc import Sequence
from functools import cached_property, lru_cache
from re import Pattern
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.platform import wiring
from app.platform.edge import Body, Compression, Deadline, Methods, RequestLog
from app.platform.http import admit, install_error_handlers, tell
from app.platform.idempotency import Idempotency


def assemble(routers: Sequence[APIRouter]) -> FastAPI:
    """Build an application. Does no I/O and reads no environment: that happens at the first request."""
    app = Application(
        # As if they had been added one by one: routers that are included are looked through twice for every request.
        routes=[route for router in routers for route in router.routes],
        title="Collections",
        version="1",
        summary="A private, searchable memory for the things people photograph and screenshot.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # Ours tells no contents. This one would tell the messages of exceptions, to whoever the environment names.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    install_error_handlers(app)
    return app


class Application(FastAPI):
    """FastAPI with a document that says what really is answered."""

    def build_middleware_stack(self) -> ASGIApp:
        application = super().build_middleware_stack()
        once = Idempotency(application, admit=admit, answers=lambda: wiring.request_store(), tell=tell)
        bounded = Deadline(Methods(Body(once), allowed=lru_cache(maxsize=1024)(self._methods)))
        guarded = RequestLog(Compression(bounded))

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await (guarded if scope["type"] == "http" else application)(scope, receive, send)

        return serve

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            # Only here: a cold start answers requests, and does not describe itself.
            from app.platform.openapi import complete

            self.openapi_schema = complete(super().openapi())
        return self.openapi_schema

    def _methods(self, path: str) -> set[str]:
        """What can be done with a path, by any of our routes."""
        return {method for pattern, methods in self._patterns if pattern.match(path) for method in methods}

    @cached_property
    def _patterns(self) -> list[tuple[Pattern[str], set[str]]]:
        """Every path that we have, once, with what can be done with it."""
        patterns: dict[Pattern[str], set[str]] = {}
        for route in self.routes:
            if isinstance(route, Route):
                patterns.setdefault(route.path_regex, set()).update(route.methods or ())
        return list(patterns.items())
