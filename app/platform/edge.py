"""What every request passes before the application sees it, and every answer before the caller does."""

import asyncio
import re
import time
from collections.abc import Callable
from random import Random

from starlette.datastructures import Headers
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.platform.errors import AppError, InvalidInput, TooLarge, Unavailable
from app.platform.http import no_such_method, tell, unexpected
from app.platform.logs import facts, log_request

# A second less than the function itself has, which has a second less than the gateway.
DEADLINE_S = 28
# Lambda takes 6 MB with the body as base64.
MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_JSON_BYTES = 1024 * 1024
MAX_JSON_DEPTH = 64
# Bytes: what fits into one packet is not worth it. Level 1 takes a millisecond for a page of items and leaves a
# sixteenth of it; higher ones take twice as long for a tenth less.
_WORTH_COMPRESSING, _COMPRESSION = 1400, 1
_UNLESS_SAID = (
    (b"x-content-type-options", b"nosniff"),
    # Nothing here is a page; whoever makes a browser show it as one gets nothing out of it.
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    # Everything is somebody's own, unless its route says otherwise.
    (b"cache-control", b"no-store"),
    # What stands between must not give one's answer to the other.
    (b"vary", b"Accept-Encoding"),
)
# Our own: nobody else seeds it.
_random = Random()  # noqa: S311  # names, no secrets
_HSTS = (b"strict-transport-security", b"max-age=31536000")
# Possessive, and content with the end of the text: no input makes it go back and try again.
_JSON_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


class RequestLog:
    """One log line per request; its id, the caller's allowance and the security headers in every answer.

    Whatever goes wrong further in is answered: here, if nowhere else.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        identifier = state["request_id"] = _id_of_the_gateway(scope) or _id_of_ours()
        started = time.perf_counter()
        status = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_headers_of_ours(scope, message, identifier)]
            await send(message)

        with facts(request_id=identifier):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception as exc:
                if status is None:
                    await (await unexpected(Request(scope), exc))(scope, receive, send_with_headers)
                # Starlette raises again what was logged and answered, and Mangum would log it once more.
                elif not state.get("is_told"):
                    raise
            finally:
                elapsed = round((time.perf_counter() - started) * 1000, 2)
                log_request(method=scope["method"], path=scope["path"], status=status or 500, duration_ms=elapsed)


def _id_of_the_gateway(scope: Scope) -> str | None:
    """What its access log calls this request; None where there is no gateway."""
    event = scope.get("aws.event")
    return event.get("requestContext", {}).get("requestId") if event else None


def _id_of_ours() -> str:
    # A name, no secret: not worth asking the kernel for.
    return f"{_random.getrandbits(128):032x}"


def _headers_of_ours(scope: Scope, answer: Message, identifier: str) -> list[tuple[bytes, bytes]]:
    said = {name for name, _ in answer["headers"]}
    headers = [(b"x-request-id", identifier.encode()), *(header for header in _UNLESS_SAID if header[0] not in said)]
    if scope["scheme"] == "https":
        headers.append(_HSTS)
    if "allowance" in scope["state"]:
        headers += scope["state"]["allowance"].headers()
    return headers


class Compression:
    """Starlette's gzip, for those who take it. Others' answers go past it: it would look through them all the same."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gzip = GZipMiddleware(
            app, minimum_size=_WORTH_COMPRESSING, compresslevel=_COMPRESSION, exclude_content_types=()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        takes_it = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        await (self._gzip if takes_it else self._app)(scope, receive, send)


class Deadline:
    """Answers 503 in our own words while the gateway still listens. What runs in a thread goes on, unheard."""

    def __init__(self, app: ASGIApp, *, seconds: float = DEADLINE_S) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        limit = asyncio.timeout(self._seconds)

        async def send_in_time(message: Message) -> None:
            if not limit.expired():
                await send(message)

        try:
            async with limit:
                await self._app(scope, receive, send_in_time)
        except TimeoutError:
            if not limit.expired():
                raise
        if limit.expired():
            late = Unavailable("This took too long. It may have been done all the same: look before you try again.")
            await tell(Request(scope), late)(scope, receive, send)


class Methods:
    """HEAD as GET without the content, OPTIONS, and 405 with every method that the path does have."""

    def __init__(self, app: ASGIApp, *, allowed: Callable[[str], set[str]]) -> None:
        """Args:
        allowed: the methods that a path has; none for an unknown path.
        """
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, allowed = scope["method"], self._allowed(scope["path"])
        if not allowed or method in allowed:
            await self._app(scope, receive, send)
        elif method == "HEAD" and "GET" in allowed:
            await self._app({**scope, "method": "GET"}, receive, _without_content(send))
        else:
            known = sorted(allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set()))
            await no_such_method(Request(scope), known)(scope, receive, send)


class Body:
    """Reads the body, within limits, before anything is made of it; the application gets it whole, in one message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read(Headers(scope=scope), receive)
        except AppError as exc:
            await tell(Request(scope), exc)(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive_whole() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, receive_whole, send)


async def _read(headers: Headers, receive: Receive) -> bytes:
    is_json = "json" in headers.get("content-type", "").lower()
    limit = MAX_JSON_BYTES if is_json else MAX_BODY_BYTES
    declared = headers.get("content-length", "")
    if declared.isdecimal() and len(declared) < 20 and int(declared) > limit:
        raise _too_large(limit)
    body, is_more = bytearray(), True
    while is_more:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(limit)
        is_more = message.get("more_body", False)
    if is_json and is_nested_deeper(bytes(body), MAX_JSON_DEPTH):
        raise InvalidInput(f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels.")
    return bytes(body)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"At most {limit >> 20} MiB a request. POST /uploads takes larger images straight to storage.")


def is_nested_deeper(document: bytes, levels: int) -> bool:
    """Whether JSON (or what claims to be) is nested deeper than so many levels, without parsing it."""
    if document.count(b"[") + document.count(b"{") <= levels:
        return False
    depth = 0
    for bracket in _BRACKETS.finditer(_JSON_STRING.sub(b"", document)):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > levels:
            return True
    return False


def _without_content(send: Send) -> Send:
    async def send_headers(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_headers
