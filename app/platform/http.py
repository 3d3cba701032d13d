"""The HTTP edge: errors as problem+json (RFC 9457), the request's id, and who is calling."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel
from starlette.exceptions import HTTPException

from app.platform import errors, wiring
from app.platform.auth import Caller
from app.platform.logs import logger

# The one table from our errors to HTTP.
STATUS: dict[type[errors.AppError], HTTPStatus] = {
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.PermanentFailure: HTTPStatus.UNPROCESSABLE_ENTITY,
}


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


_MEDIA_TYPE = "application/problem+json"
# RFC 9110's names. Python's own became these with 3.13, and the OpenAPI document must not depend on who generates it.
_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}


def title(status: int) -> str:
    return _RENAMED.get(status) or HTTPStatus(status).phrase


_DOCUMENTED = (401, 404, 409, 413, 415, 422, 429, 503)
# What any route may answer, for the OpenAPI document.
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": title(status)} for status in _DOCUMENTED
}


def with_problem_media_type(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with problems under their own media type (FastAPI files every model under JSON's)."""
    reference = {"$ref": "#/components/schemas/Problem"}
    for path in document["paths"].values():
        for operation in path.values():
            for response in operation["responses"].values():
                content = response.get("content", {})
                if content.get("application/json", {}).get("schema") == reference:
                    content[_MEDIA_TYPE] = content.pop("application/json")
    return document


def problem(
    request: Request,
    status: int,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    field_errors: list[FieldError] | None = None,
) -> JSONResponse:
    body = Problem(
        title=title(status),
        status=status,
        detail=detail,
        instance=request.scope["path"],
        request_id=request_id(request),
        errors=field_errors,
    )
    return JSONResponse(body.model_dump(exclude_none=True), status, headers=headers, media_type=_MEDIA_TYPE)


def request_id(request: Request) -> str:
    """The gateway's id for this request (it stands in the access log too), or ours where there is no gateway."""
    event: dict[str, Any] = request.scope.get("aws.event") or {}
    return str(event.get("requestContext", {}).get("requestId") or request.state.request_id)


def install_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(errors.AppError, _app_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


async def _app_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, errors.AppError)
    status = STATUS[type(exc)]
    headers = {}
    if isinstance(exc, errors.QuotaExceeded | errors.Unavailable):
        headers["Retry-After"] = str(exc.retry_after)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(request, status, exc.detail, headers=headers)


async def _http_error(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, HTTPException)
    # FastAPI says 400 to a body that cannot be parsed, 422 to one that can be and makes no sense; we say 422 to both.
    status = HTTPStatus.UNPROCESSABLE_ENTITY if exc.status_code == HTTPStatus.BAD_REQUEST else exc.status_code
    return problem(request, status, str(exc.detail), headers=dict(exc.headers or {}))


async def _invalid(request: Request, exc: Exception) -> JSONResponse:
    assert isinstance(exc, RequestValidationError)
    # `input` and `ctx` stay out: they would send back what was sent, NaN and half characters included.
    found = [FieldError(loc=list(e["loc"]), msg=printable(e["msg"]), type=e["type"]) for e in exc.errors()]
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "The request is not valid.", field_errors=found)


async def _unexpected(request: Request, exc: Exception) -> JSONResponse:
    logger.exception("unexpected error", request_id=request_id(request), path=request.url.path)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side.")


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# A time from a caller. Without a zone it is UTC, wherever the database server stands.
Moment = Annotated[datetime, AfterValidator(_in_utc)]


def printable(text: str) -> str:
    """Text that can be encoded: lone surrogates become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


_bearer = HTTPBearer(
    bearerFormat="JWT", description="Cognito access token", scheme_name="AccessToken", auto_error=False
)


def current_caller(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> Caller:
    if credentials is None:
        raise errors.NotAuthenticated("Send a Cognito access token: Authorization: Bearer …")
    return wiring.token_verifier().verify(credentials.credentials)


CurrentCaller = Annotated[Caller, Depends(current_caller)]
