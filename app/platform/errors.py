"""The one tree of errors. Adapters raise these for what they understand; everything else escapes and is seen.

The HTTP edge maps them to a status (`app.platform.http`), the queue edge to a retry (`app.platform.stages`).
"""


class AppError(Exception):
    """Something the caller can be told. `detail` is shown to people: no secrets, no SQL, no provider's raw words."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFound(AppError):
    """Not there, or not yours: indistinguishable on purpose."""


class Conflict(AppError):
    """The state of the thing forbids it now."""


class PreconditionFailed(AppError):
    """It is not the version any more that the caller wanted to change."""


class InvalidInput(AppError):
    """The request is understood and wrong."""


class TooLarge(AppError):
    """More bytes than the door takes."""


class UnsupportedMedia(AppError):
    """Not a kind of image we read."""


class NotAuthenticated(AppError):
    """No token, or one that opens nothing."""


class NotAllowed(AppError):
    """A good token, and still no."""


class QuotaExceeded(AppError):
    """More than the user's share. `retry_after` in seconds."""

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(AppError):
    """Busy, or something we depend on is down: the same request may succeed after `retry_after` seconds."""

    def __init__(self, detail: str, *, retry_after: int = 5) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Paused(Unavailable):
    """Switched off by an operator; nothing is wrong with the request."""


class PermanentFailure(AppError):
    """A stage can never finish this item. `code` is a stable snake_case word that front ends switch on."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def code_of(failure: AppError) -> str:
    """A stable word for logs and metrics."""
    return failure.code if isinstance(failure, PermanentFailure) else type(failure).__name__.lower()
