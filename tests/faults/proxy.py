"""A loopback proxy between the Lambdas' SDKs and what they call: the local cloud, and the providers' stubs.

It fails, drops, delays, repeats and swallows calls by service and operation, and kills the calling worker before or
after its call went through: nothing in the application knows of faults.

    with FaultProxy(cloud=4586, providers=40001) as proxy:
        proxy.rule(calls("events", "PutEvents"), refused_events, share=0.3)
        proxy.rule(calls("anthropic", "messages"), killed_after, times=1)
"""

import http.client
import json
import random
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

import psutil

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "expect"}
_PROVIDERS = {"/v1/messages": ("anthropic", "messages"), "/v1/embeddings": ("voyage", "embeddings")}
_SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
# Targets name their API's version, not the service: `AmazonSSM.GetParametersByPath`.
_TARGETS = {
    "AWSEvents": "events",
    "AmazonSQS": "sqs",
    "AmazonSSM": "ssm",
    "DynamoDB_20120810": "dynamodb",
    "AWSCognitoIdentityProviderService": "cognito-idp",
}
_ANSWER_WITHIN_S = 90
_COPY = "repeated-call"
# What a Lambda's worker process of the emulator is started from.
_WORKER = "ministack-lambda-"


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Call:
    """One request, understood: `service` as boto3 names it, `operation` as its API does."""

    service: str
    operation: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: tuple[str, int]

    @property
    def worker(self) -> psutil.Process | None:
        """The Lambda worker at the other end of the socket. None: somebody else called."""
        for connection in psutil.net_connections("tcp"):
            if connection.laddr == self.peer and connection.pid:
                process = psutil.Process(connection.pid)
                return process if any(_WORKER in word for word in process.cmdline()) else None
        return None


Forward = Callable[[], Answer]
# What becomes of a call: its answer, or None to hang up on the caller.
Effect = Callable[[Call, Forward], Answer | None]
Matches = Callable[[Call], bool]


def calls(service: str, *operations: str, holding: tuple[str, ...] = ()) -> Matches:
    """Calls of these operations (of all, if none is named) with all of `holding` in their path or body."""

    def matches(call: Call) -> bool:
        named = call.service == service and (not operations or call.operation in operations)
        return named and all(word in call.path or word.encode() in call.body for word in holding)

    return matches


def first_of_each(matches: Matches) -> Matches:
    """Only the first of equal calls: a repetition is no new one."""
    seen: set[bytes] = set()
    lock = threading.Lock()

    def is_first(call: Call) -> bool:
        with lock:
            if not matches(call) or call.body in seen:
                return False
            seen.add(call.body)
            return True

    return is_first


# --- effects


def noted(at: list[tuple[str, float]]) -> Effect:
    """The call passes; of which path it was, and when, is added to `at`."""

    def effect(call: Call, forward: Forward) -> Answer | None:
        at.append((call.path, time.time()))
        return forward()

    return effect


def killed_before(call: Call, forward: Forward) -> None:
    """SIGKILL the worker that calls; the call never happens."""
    _kill(call)


def killed_after(call: Call, forward: Forward) -> None:
    """Let the call happen and SIGKILL the worker before it hears of it."""
    forward()
    _kill(call)


def _kill(call: Call) -> None:
    if worker := call.worker:
        worker.kill()
        worker.wait(5)


def hung_up_before(call: Call, forward: Forward) -> None:
    """The connection breaks, and nothing happened."""


def hung_up_after(call: Call, forward: Forward) -> None:
    """It happened, and the connection breaks before the answer."""
    forward()


def refused_events(call: Call, forward: Forward) -> Answer:
    """`PutEvents` answers 200, and `FailedEntryCount` tells that it refused every entry."""
    count = len(json.loads(call.body)["Entries"])
    refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "An internal failure occurred."}
    return _json({"FailedEntryCount": count, "Entries": [refused] * count})


def swallowed_events(call: Call, forward: Forward) -> Answer:
    """`PutEvents` takes every entry, and no target ever gets one: a rule or queue that is not there for a while."""
    entries = json.loads(call.body)["Entries"]
    return _json({"FailedEntryCount": 0, "Entries": [{"EventId": f"event-{n}"} for n in range(len(entries))]})


def failing(status: int, code: str) -> Effect:
    """An AWS error, in the forms that the SDKs read: JSON with `__type`, or S3's XML."""

    def effect(call: Call, forward: Forward) -> Answer:
        if call.service == "s3":
            body = f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
            return Answer(status, [("content-type", "application/xml")], body)
        return _json({"__type": code, "message": "injected"}, status=status)

    return effect


def delayed(seconds: float) -> Effect:
    def effect(call: Call, forward: Forward) -> Answer:
        time.sleep(seconds)
        return forward()

    return effect


def repeated(times: int, *, within_s: float) -> Effect:
    """The call happens `times` times, the others at random moments of the next seconds: late ones overtake."""

    def effect(call: Call, forward: Forward) -> Answer:
        for _ in range(times - 1):
            timer = threading.Timer(random.uniform(0, within_s), forward)
            timer.name, timer.daemon = _COPY, True
            timer.start()
        return forward()

    return effect


def last_copies() -> None:
    """Wait until all that `repeated` began has happened."""
    for thread in threading.enumerate():
        if thread.name == _COPY:
            thread.join(_ANSWER_WITHIN_S)


def _json(document: object, *, status: int = 200) -> Answer:
    return Answer(status, [("content-type", "application/x-amz-json-1.1")], json.dumps(document).encode())


# --- the proxy


@dataclass
class Rule:
    """An effect on matching calls: on each with probability `share`, and at most `times` times (None: no end)."""

    matches: Matches
    effect: Effect
    times: int | None = None
    share: float = 1.0
    applied: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def takes(self, call: Call) -> bool:
        if not self.matches(call):
            return False
        with self._lock:
            if self.times is not None and self.applied >= self.times:
                return False
            if random.random() >= self.share:
                return False
            self.applied += 1
            return True


class FaultProxy:
    """Listens on a port of its own; forwards to the local cloud, and providers' paths to their stubs."""

    def __init__(self, *, cloud: int, providers: int, port: int = 0) -> None:
        """Ports of the local cloud, of the stubs, and its own."""
        self._cloud, self._providers = cloud, providers
        self._rules: list[Rule] = []
        self._server = _Server(self, port)
        # Calls by service and operation, as they came in.
        self.seen: Counter[str] = Counter()
        self._seen_lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def rule(self, matches: Matches, effect: Effect, *, times: int | None = None, share: float = 1.0) -> Rule:
        """Add a rule. Of several that match, the oldest that is not used up takes the call."""
        added = Rule(matches, effect, times, share)
        self._rules = [*self._rules, added]
        return added

    def end(self, rule: Rule) -> None:
        """From now on calls pass again."""
        self._rules = [each for each in self._rules if each is not rule]

    def clear(self) -> None:
        self._rules = []

    def answer(self, call: Call) -> Answer | None:
        with self._seen_lock:
            self.seen[f"{call.service}.{call.operation}"] += 1
        rule = next((rule for rule in self._rules if rule.takes(call)), None)
        return rule.effect(call, lambda: self._forward(call)) if rule else self._forward(call)

    def _forward(self, call: Call) -> Answer:
        port = self._providers if call.path.partition("?")[0] in _PROVIDERS else self._cloud
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_WITHIN_S)
        with suppress(OSError, http.client.HTTPException):
            try:
                # Without the standard headers: what arrived is what is sent.
                connection.putrequest(call.method, call.path, skip_host=True, skip_accept_encoding=True)
                for name, value in call.headers.items():
                    if name not in _HOP_BY_HOP:
                        connection.putheader(name, value)
                connection.putheader("host", f"127.0.0.1:{port}")
                connection.putheader("content-length", str(len(call.body)))
                connection.endheaders(call.body)
                answer = connection.getresponse()
                return Answer(answer.status, answer.getheaders(), answer.read())
            finally:
                connection.close()
        return Answer(502, [], b"the fault proxy got no answer")

    def __enter__(self) -> "FaultProxy":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="fault-proxy").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Callers that are killed hang up: that is the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def _handle(self) -> None:
        call = self._understood(self._body())
        answer = self.server.proxy.answer(call)
        if answer is None:
            self.close_connection = True
            return
        with suppress(ConnectionError):
            self._send(answer)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _handle  # noqa: N815

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        body = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return body

    def _understood(self, body: bytes) -> Call:
        headers = {name.lower(): value for name, value in self.headers.items()}
        service, operation = _named(self.command, self.path, headers, body)
        return Call(service, operation, self.command, self.path, headers, body, self.client_address)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if self.command == "HEAD":
            length = next((value for name, value in answer.headers if name.lower() == "content-length"), "0")
            self.send_header("content-length", length)
            self.end_headers()
            return
        self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)


def _named(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[str, str]:
    """Service and operation: by X-Amz-Target, by Action, or by method and path."""
    parts = urlsplit(path)
    if parts.path in _PROVIDERS:
        return _PROVIDERS[parts.path]
    if target := headers.get("x-amz-target"):
        prefix, _, operation = target.rpartition(".")
        return _TARGETS.get(prefix, prefix), operation
    service = _signed_for(parts.query, headers)
    if action := parse_qs(body.decode("latin-1")).get("Action") if b"Action=" in body[:2000] else None:
        return service, action[0]
    return (service, _s3_operation(method, parts.path, parts.query)) if service == "s3" else (service, method)


def _signed_for(query: str, headers: dict[str, str]) -> str:
    if found := _SIGNED_FOR.search(headers.get("authorization", "")):
        return found[1]
    credential = parse_qs(query).get("X-Amz-Credential", [""])[0].split("/")
    return credential[3] if len(credential) > 3 else "http"


def _s3_operation(method: str, path: str, query: str) -> str:
    is_object = "/" in path.strip("/")
    if method == "POST":
        return "DeleteObjects" if "delete" in parse_qs(query, keep_blank_values=True) else "PostObject"
    if method == "GET" and not is_object:
        return "ListObjectsV2"
    return f"{method.title()}{'Object' if is_object else 'Bucket'}"
