"""Idempotency-Key: the same request again gets the answer that the first one got, and nothing happens twice.

draft-ietf-httpapi-idempotency-key-header, on DynamoDB. A key belongs to the verified user, the method and the path;
what was asked (query, content type, body) is hashed beside it. Powertools' idempotency was weighed and left: it wraps a
function of one event, keeps no status and no headers, and has no way around DynamoDB's 400 KB.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.platform.auth import Caller
from app.platform.errors import AppError, InvalidInput, Unavailable
from app.platform.logs import logger
from app.platform.request_store import AnotherRequest, Answer, Claim, UnderWay

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEEP_S = 24 * 3600
# Longer than the function lives, so that a request whose lease is over is nobody's any more.
LEASE_S = 60
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_BOUNDARY = re.compile(rb'boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))', re.IGNORECASE)
_KEPT_HEADERS = ("content-type", "etag", "location", "cache-control")
# Nothing came of these, and the next attempt may end otherwise.
_PASSING = frozenset({401, 408, 429})


class InProgress(AppError):
    """The same request is being carried out. `retry_after` in seconds."""

    retry_after = 1


class KeyReused(AppError):
    """The key came with another request before."""


class Answers(Protocol):
    """Where answers are kept: `app.platform.request_store.RequestStore`."""

    def begin(self, key: str, *, fingerprint: str, lease_s: int, keep_s: int) -> Claim | Answer: ...

    def complete(self, claim: Claim, answer: Answer, *, keep_s: int) -> bool: ...

    def abandon(self, claim: Claim) -> None: ...


class Idempotency:
    """Middleware: carries out a request with an Idempotency-Key once, and repeats its answer for 24 hours.

    The whole body must come in one message. While the table does not answer, requests with a key get 503: whoever sends
    one would rather wait than have it done twice.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        admit: Callable[[Request], Caller],
        answers: Callable[[], Answers],
        tell: Callable[[Request, AppError], ASGIApp],
    ) -> None:
        """Args:
        admit: who is calling; raises AppError.
        tell: the answer that an error becomes.
        """
        self._app = app
        self._admit = admit
        self._answers = answers
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keys = Headers(scope=scope).getlist(HEADER)
        if not keys or scope["method"] not in METHODS:
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        message = await receive()
        try:
            begun = await asyncio.to_thread(self._begin, request, keys, message.get("body", b""))
        except AppError as exc:
            await self._tell(request, exc)(scope, receive, send)
            return
        if isinstance(begun, Answer):
            await _send(begun, send)
            return
        await self._carry_out(begun, scope, _again(message, receive), send)

    def _begin(self, request: Request, keys: list[str], body: bytes) -> Claim | Answer:
        if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
            raise InvalidInput(f"{HEADER} is 1 to 255 printable ASCII characters.")
        user_id = self._admit(request).user_id
        name = "\0".join([str(user_id), request.method, request.scope["path"], keys[0]])
        try:
            return self._answers().begin(
                # Named for the user: an account that is deleted takes its answers along (app/account/dynamodb.py).
                f"idempotency#{user_id}#{hashlib.sha256(name.encode()).hexdigest()}",
                fingerprint=fingerprint(request, body),
                lease_s=LEASE_S,
                keep_s=KEEP_S,
            )
        except AnotherRequest as exc:
            raise KeyReused(f"This {HEADER} came with another request before. Use a new one for each.") from exc
        except UnderWay as exc:
            raise InProgress("The same request is being carried out. Ask again for its answer.") from exc

    async def _carry_out(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        failure = None
        try:
            await self._app(scope, receive, keep)
        except Exception as exc:  # noqa: BLE001  # raised again below
            # Its answer (500) is there by now, and the claim must not stay. One that is cancelled does, until its lease
            # is over: nobody waits any longer, but what was begun goes on.
            failure = exc
        await asyncio.to_thread(self._settle, claim, messages)
        for message in messages:
            await send(message)
        if failure:
            raise failure

    def _settle(self, claim: Claim, messages: list[Message]) -> None:
        answer = _answer(messages)
        try:
            if answer is None or answer.status >= 500 or answer.status in _PASSING:
                self._answers().abandon(claim)
            elif not self._answers().complete(claim, answer, keep_s=KEEP_S):
                logger.warning("a request outlived its lease", key=claim.key)
        except Unavailable:
            # What was done is done, and the caller is told; asked again, it is done again once the lease is over.
            logger.exception("an answer could not be kept", key=claim.key)


def fingerprint(request: Request, body: bytes) -> str:
    """What was asked, hashed. Clients draw a new multipart boundary for each attempt: it is left out."""
    content_type = request.headers.get("content-type", "").encode("latin-1")
    found = _BOUNDARY.search(content_type) if content_type.lower().startswith(b"multipart/") else None
    if found:
        boundary = found[1] or found[2]
        body, content_type = body.replace(b"--" + boundary, b"--"), content_type.replace(boundary, b"")
    digest = hashlib.sha256()
    for piece in (request.scope["query_string"], content_type, body):
        digest.update(len(piece).to_bytes(8) + piece)
    return digest.hexdigest()


def _answer(messages: list[Message]) -> Answer | None:
    if not messages:
        return None
    headers = Headers(raw=messages[0]["headers"])
    kept = [(name, headers[name]) for name in _KEPT_HEADERS if name in headers]
    return Answer(messages[0]["status"], kept, b"".join(message.get("body", b"") for message in messages[1:]))


async def _send(answer: Answer, send: Send) -> None:
    headers = [*answer.headers, (REPLAYED.lower(), "true")]
    if answer.body:
        headers.append(("content-length", str(len(answer.body))))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": answer.body})


def _again(first: Message, receive: Receive) -> Receive:
    """A `receive` that gives a message back that was taken out before."""
    taken = [first]

    async def once_more() -> Message:
        return taken.pop() if taken else await receive()

    return once_more
