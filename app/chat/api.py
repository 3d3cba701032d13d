"""The HTTP application of conversations: the same edge and the same document, in a function of its own."""

from fastapi import FastAPI

from app.chat.routes import router
from app.platform.application import assemble

ROUTERS = (router,)


def create_app() -> FastAPI:
    """Build the application. Does no I/O and reads no environment: that happens at the first request."""
    return assemble(ROUTERS)
