"""What every capability stands on."""

from functools import cache, partial
from typing import TYPE_CHECKING

from app.platform import aws, wiring
from app.platform.database import Database
from app.platform.errors import Unavailable
from app.platform.eventbridge import EventBridgePublisher
from app.platform.logs import logger
from app.platform.parameters import Parameters
from app.platform.settings import (
    AuthSettings,
    DatabaseSettings,
    RequestSettings,
    StageSettings,
    TracingSettings,
    service_settings,
)
from app.platform.tracing import NO_TRACING, Tracer

if TYPE_CHECKING:
    from app.platform.auth import TokenVerifier
    from app.platform.langsmith import LangSmith
    from app.platform.rate_limits import RateLimiter
    from app.platform.request_store import RequestStore


@cache
def database() -> Database:
    settings = DatabaseSettings()
    return Database(settings, sign_token=aws.sign_database_token if settings.database_iam_auth else None)


@cache
def parameters() -> Parameters:
    return Parameters(aws.client("ssm"), environment=service_settings().environment)


@cache
def events() -> EventBridgePublisher:
    return EventBridgePublisher(aws.client("events"))


@cache
def stage_settings() -> StageSettings:
    return StageSettings()


@cache
def token_verifier() -> "TokenVerifier":
    from app.platform.auth import KeySet, TokenVerifier, fetch_keys

    settings = AuthSettings()
    return TokenVerifier(settings, KeySet(partial(fetch_keys, str(settings.cognito_jwks_url))))


@cache
def request_settings() -> RequestSettings:
    return RequestSettings()


@cache
def request_store() -> "RequestStore":
    from app.platform.request_store import RequestStore

    return RequestStore(aws.client("dynamodb", is_hurried=True), wiring.request_settings().requests_table)


@cache
def rate_limiter() -> "RateLimiter":
    from app.platform.rate_limits import RateLimiter

    return RateLimiter(wiring.request_store, per_minute=wiring.request_settings().requests_per_minute)


@cache
def langsmith() -> "LangSmith | None":
    """LangSmith, if there is a key for it. While the parameters cannot be read there is none, until the next start."""
    try:
        key = wiring.parameters().find("langsmith_api_key")
    except Unavailable as exc:
        logger.warning("traces are off", reason=exc.detail)
        key = None
    if key is None:
        return None
    from app.platform.langsmith import LangSmith

    settings = TracingSettings()
    return LangSmith(key, base_url=settings.langsmith_base_url, project=settings.langsmith_project)


def tracer() -> Tracer:
    return wiring.langsmith() or NO_TRACING
