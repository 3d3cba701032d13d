"""The HTTP edge: errors as problem+json (RFC 9457), the request's id, and who is calling."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import HTTPBearer
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase
from pydantic import AfterValidator, BaseModel
from starlette.exceptions import HTTPException

from app.platform import errors, wiring
from app.platform.auth import Caller
from app.platform.idempotency import InProgress, KeyReused
from app.platform.logs import logger, note, user_hash
from app.platform.status import STATUS, retry_after, status_of, title

STATUS |= {InProgress: HTTPStatus.CONFLICT, KeyReused: HTTPStatus.CONFLICT}


class FieldError(BaseModel):
    """One thing wrong with the request: where, and what."""

    loc: list[str | int]
    msg: str
    type: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldError] | None = None


MEDIA_TYPE = "application/problem+json"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: errors of its own. Models are left out, FastAPI would build one for each of them."""
    return {status: {"description": title(status)} for status in statuses}


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    field_errors: list[FieldError] | None = None,
) -> Response:
    body = Problem(
        title=title(status),
        status=status,
        detail=detail,
        instance=request.scope["path"],
        request_id=request.state.request_id,
        errors=field_errors,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE)


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(errors.AppError, _app_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, unexpected)


async def _app_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, errors.AppError)
    return tell(request, exc)


def tell(request: Request, exc: errors.AppError) -> Response:
    """The answer that one of our errors becomes."""
    status, headers = status_of(exc), {}
    seconds = exc.retry_after if isinstance(exc, InProgress) else retry_after(exc)
    if seconds is not None:
        headers["Retry-After"] = str(seconds)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, status, exc.detail, headers=headers)


def no_such_method(request: Request, known: Sequence[str]) -> Response:
    """The answer to a method that a path does not have; OPTIONS asks for nothing but which ones it has."""
    headers = {"Allow": ", ".join(known)}
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=headers)
    return problem(request, HTTPStatus.METHOD_NOT_ALLOWED, "Method Not Allowed", headers=headers)


async def _http_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    # FastAPI says 400 to a body that cannot be parsed, 422 to one that can be and makes no sense; we say 422 to both.
    status = HTTPStatus.UNPROCESSABLE_ENTITY if exc.status_code == HTTPStatus.BAD_REQUEST else exc.status_code
    return problem(request, status, str(exc.detail), headers=dict(exc.headers or {}))


async def _invalid(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    # `input` and `ctx` stay out: they would send back what was sent, NaN and half characters included.
    found = [FieldError(loc=list(e["loc"]), msg=printable(e["msg"]), type=e["type"]) for e in exc.errors()]
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid.", field_errors=found)


async def unexpected(request: Request, exc: Exception) -> Response:
    logger.error("unexpected error", path=request.scope["path"], exc_info=exc)
    # Starlette raises it again, for whoever is further out.
    request.state.is_told = True
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side.")


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A time from a caller. Without a zone it is UTC, wherever the database server stands.
Moment = Annotated[datetime, AfterValidator(_in_utc)]


def printable(text: str) -> str:
    """Text that can be encoded: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def admit(request: Request) -> Caller:
    """Who is calling, once per request: the token is verified, and the request counted.

    Raises:
        NotAuthenticated
        QuotaExceeded: too many requests in this minute.
        Unavailable: the keys that tokens are signed with cannot be had.
    """
    return _admitted(request) or _count(request, wiring.token_verifier().verify(_token(request)))


def _admitted(request: Request) -> Caller | None:
    caller: Caller | None = request.scope["state"].get("caller")
    return caller


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise errors.NotAuthenticated("Send a Cognito access token: Authorization: Bearer …")
    return token


def _count(request: Request, caller: Caller) -> Caller:
    note(user=user_hash(caller.user_id))
    allowance = wiring.rate_limiter().spend(caller.user_id)
    request.scope["state"] |= {"caller": caller, "allowance": allowance}
    if allowance.is_exceeded:
        raise errors.QuotaExceeded(f"At most {allowance.limit} requests a minute.", retry_after=allowance.reset_s)
    return caller


class AccessToken(SecurityBase):
    """What the OpenAPI document calls the way in, and who came by it."""

    def __init__(self) -> None:
        self.scheme_name = "AccessToken"
        self.model = HTTPBearer(bearerFormat="JWT", description="Cognito access token")

    async def __call__(self, request: Request) -> Caller:
        if caller := _admitted(request):
            return caller
        caller = wiring.token_verifier().remembered(_token(request))
        # Nobody needs to be asked: the token was verified before, and this request is not the one that is reported.
        if caller and not wiring.rate_limiter().is_due(caller.user_id):
            return _count(request, caller)
        return await asyncio.to_thread(admit, request)


CurrentCaller = Annotated[Caller, Depends(AccessToken())]


class ThreadedRoute(APIRoute):
    """A route whose function runs in a thread, as FastAPI has it, but goes to one once: FastAPI goes again to look at
    what it returned, which is a model that needs no looking at. Whoever waits for a thread can be told to stop waiting.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else _threaded(endpoint), **options)


class ThreadedRouter(APIRouter):
    def __init__(self, **options: Any) -> None:
        super().__init__(route_class=ThreadedRoute, **options)


def _threaded(function: Callable[..., Any]) -> Callable[..., Coroutine[Any, Any, Any]]:
    @wraps(function)
    async def run(**values: Any) -> Any:
        return await asyncio.to_thread(function, **values)

    return run
