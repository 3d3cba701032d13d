"""AWS Lambda's side of an invocation, for functions of ours: their handlers run here, in threads."""

import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDone
from typing import Any

from botocore.exceptions import ReadTimeoutError


class InvokedHere:
    """A boto3 Lambda client with one function behind it. Whoever stops waiting stops nothing."""

    def __init__(self, handler: Callable[[Any, Any], Any], *, waits_s: float = 120) -> None:
        self._handler = handler
        self._threads = ThreadPoolExecutor(4)
        self._under_way: list[Future[Any]] = []
        self.waits_s = waits_s
        self.invoked: list[tuple[str, str, Any]] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.invoked.append((FunctionName, InvocationType, json.loads(Payload)))
        work = self._threads.submit(self._handler, json.loads(Payload), None)
        self._under_way.append(work)
        if InvocationType == "Event":
            return {"StatusCode": 202}
        try:
            answer = work.result(timeout=self.waits_s)
        except NotDone:
            raise ReadTimeoutError(endpoint_url="https://lambda.example.com") from None
        except Exception as exc:  # noqa: BLE001  # whatever a handler raises, its caller is told like this
            body = {"errorMessage": str(exc), "errorType": type(exc).__name__}
            return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(body).encode())}
        return {"StatusCode": 200, "Payload": io.BytesIO(json.dumps(answer).encode())}

    def finish(self) -> None:
        """Wait until everything that was begun is over."""
        self._threads.shutdown(wait=True)

    def wait(self) -> None:
        for work in self._under_way:
            work.exception(timeout=120)


class Gate:
    """What a slow model waits for."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def pass_through(self) -> None:
        assert self._open.wait(120)
