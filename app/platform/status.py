"""The one table from our errors to what HTTP and the WebSocket say. No web framework: both sides import it."""

from http import HTTPStatus

from app.platform import errors

STATUS: dict[type[errors.AppError], HTTPStatus] = {
    errors.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    errors.NotAllowed: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.PreconditionFailed: HTTPStatus.PRECONDITION_FAILED,
    errors.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedMedia: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.InvalidInput: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.QuotaExceeded: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Paused: HTTPStatus.SERVICE_UNAVAILABLE,
    # To a caller a provider without a key is as good as one that is down: the detail says what an operator must do.
    errors.PermanentFailure: HTTPStatus.SERVICE_UNAVAILABLE,
}
OPERATOR_NEEDS_S = 300
# RFC 9110's names. Python's own became these with 3.13, and the OpenAPI document must not depend on who generates it.
_RENAMED = {413: "Content Too Large", 422: "Unprocessable Content"}


def title(status: int) -> str:
    return _RENAMED.get(status) or HTTPStatus(status).phrase


def status_of(exc: errors.AppError) -> HTTPStatus:
    return next(STATUS[kind] for kind in type(exc).__mro__ if kind in STATUS)


def retry_after(exc: errors.AppError) -> int | None:
    """Seconds after which it is worth trying again, where it ever is."""
    if isinstance(exc, errors.QuotaExceeded | errors.Unavailable):
        return exc.retry_after
    return OPERATOR_NEEDS_S if status_of(exc) is HTTPStatus.SERVICE_UNAVAILABLE else None
