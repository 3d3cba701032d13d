"""The service about itself: health, readiness, version. Public."""

import platform
import time
from collections.abc import Callable
from typing import Literal

from fastapi import Response
from pydantic import BaseModel

from app.platform import aws, build_info, wiring
from app.platform.errors import Unavailable
from app.platform.http import ThreadedRouter
from app.platform.logs import logger
from app.platform.settings import ConversationSettings, service_settings

router = ThreadedRouter(tags=["service"])


class HealthOut(BaseModel):
    status: Literal["healthy"] = "healthy"
    version: str
    git_sha: str
    cloud: str


class CheckOut(BaseModel):
    ok: bool
    latency_ms: float


class ReadyOut(BaseModel):
    status: Literal["ready", "unavailable"]
    checks: dict[str, CheckOut]


class VersionOut(BaseModel):
    version: str
    git_sha: str
    built_at: str | None
    python: str
    cloud: str


@router.get("/health", operation_id="getHealth")
async def get_health() -> HealthOut:
    """That the function runs. Touches nothing else."""
    build = build_info.read()
    return HealthOut(version=build.version, git_sha=build.git_sha, cloud=service_settings().cloud)


@router.get("/health/ready", operation_id="getReadiness", responses={503: {"model": ReadyOut}})
def get_readiness(response: Response) -> ReadyOut:
    """That everything a request needs answers: 503 when something does not."""
    checks = {
        "database": _check("database", wiring.database().ping),
        "storage": _check("storage", wiring.images().ping),
        "checkpoints": _check("checkpoints", _ping_checkpoints),
    }
    ready = all(check.ok for check in checks.values())
    response.status_code = 200 if ready else 503
    return ReadyOut(status="ready" if ready else "unavailable", checks=checks)


@router.get("/version", operation_id="getVersion")
async def get_version() -> VersionOut:
    """Which code answers."""
    build = build_info.read()
    return VersionOut(
        version=build.version,
        git_sha=build.git_sha,
        built_at=build.built_at,
        python=platform.python_version(),
        cloud=service_settings().cloud,
    )


def _check(name: str, ping: Callable[[], None]) -> CheckOut:
    started = time.perf_counter()
    try:
        ping()
    except Unavailable as exc:
        logger.warning("not ready", check=name, reason=repr(exc.__cause__))
        ok = False
    else:
        ok = True
    return CheckOut(ok=ok, latency_ms=round((time.perf_counter() - started) * 1000, 2))


def _ping_checkpoints() -> None:
    settings = ConversationSettings()
    aws.ping_table(settings.checkpoints_table)
