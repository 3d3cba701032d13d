"""The function that answers, asked from another invocation: it goes on when whoever asked stops waiting.

AWS Lambda, Developer Guide, "Invoking Lambda functions synchronously": a caller that gives up stops no function. So a
turn that outlasts its request is neither begun again nor paid twice.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, ReadTimeoutError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform import errors
from app.platform.errors import AppError, Unavailable

# What the answering function may raise that its caller can be told.
_KINDS: dict[str, type[AppError]] = {
    kind.__name__: kind
    for kind in (errors.NotFound, errors.Conflict, errors.InvalidInput, errors.NotAllowed, errors.PermanentFailure)
}
_WAITING: dict[str, type[errors.QuotaExceeded | errors.Unavailable]] = {
    kind.__name__: kind for kind in (errors.QuotaExceeded, errors.Unavailable, errors.Paused)
}
_BUSY = {"TooManyRequestsException", "ServiceException", "ThrottlingException", "EC2ThrottledException"}


class AnsweringFailed(RuntimeError):
    """The function broke down. It has logged what it was."""


class ChatFunction:
    """Asks by name, through a boto3 Lambda client that tries once and waits as long as `ask` may take."""

    def __init__(self, client: Callable[[], Any], name: str) -> None:
        self._client = client
        self._name = name

    def ask(self, kind: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        """What the function answers; None: it is still at it, and goes on.

        Raises:
            AppError: what it raised.
            Unavailable: it cannot be asked.
            AnsweringFailed: a bug, or it was killed.
        """
        try:
            answer = self._invoke(kind, payload, "RequestResponse")
            body = json.load(answer["Payload"])
        except ReadTimeoutError:
            return None
        if answer.get("FunctionError"):
            raise AnsweringFailed("the answering function failed")
        if "failed" in body:
            raise failure(body["failed"])
        return dict(body)

    def start(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Begin, and do not wait. Raises Unavailable."""
        self._invoke(kind, payload, "Event")

    def _invoke(self, kind: str, payload: Mapping[str, Any], how: str) -> Any:
        try:
            return self._client().invoke(
                FunctionName=self._name, InvocationType=how, Payload=json.dumps({kind: payload}).encode()
            )
        except ReadTimeoutError:
            raise
        except ClientError as exc:
            if exc.response["Error"]["Code"] in _BUSY:
                raise Unavailable("The assistant is busy.") from exc
            raise
        except (EndpointError, HTTPClientError) as exc:
            raise Unavailable("The assistant does not answer.") from exc


def told(exc: AppError) -> dict[str, Any]:
    """One of our errors, to be sent to whoever asked."""
    kind = next(each.__name__ for each in type(exc).__mro__ if each.__name__ in {*_KINDS, *_WAITING})
    return {
        "failed": {
            "kind": kind,
            "detail": exc.detail,
            "code": getattr(exc, "code", None),
            "retry_after": getattr(exc, "retry_after", None),
        }
    }


def failure(sent: Mapping[str, Any]) -> AppError:
    """The error that was sent."""
    if sent["kind"] in _WAITING:
        return _WAITING[sent["kind"]](sent["detail"], retry_after=int(sent["retry_after"]))
    if sent["kind"] == errors.PermanentFailure.__name__:
        return errors.PermanentFailure(sent["code"], sent["detail"])
    return _KINDS[sent["kind"]](sent["detail"])
