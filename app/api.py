"""The HTTP application, assembled; `app.chat.api` is the other one."""

from fastapi import FastAPI

from app.account.routes import router as account
from app.analysis.routes import router as analyses
from app.items.routes import router as items
from app.jobs.routes import router as jobs
from app.platform.application import assemble
from app.search.routes import router as search
from app.service.routes import router as service

# A request is held against one route after the other: those that are asked most come first.
ROUTERS = (items, search, analyses, account, jobs, service)


def create_app() -> FastAPI:
    """Build the application. Does no I/O and reads no environment: that happens at the first request."""
    return assemble(ROUTERS)
