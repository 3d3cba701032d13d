"""CloudFormation, as a custom resource sees it: a request with a URL, at which the answer is PUT."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class CloudFormation:
    """Where answers are PUT."""

    url: str = ""
    status: int = 200
    answers: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    def asks(self, request_type: str, *, before: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
        """A request; `before` are the properties that the resource has had so far."""
        return {
            "RequestType": request_type,
            "ResponseURL": self.url,
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/collections/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Migrated",
            "ResourceType": "Custom::Migrations",
            "ResourceProperties": {"fingerprint": "f" * 64, **properties},
            **({} if before is None else {"OldResourceProperties": before}),
        }


@contextmanager
def cloudformation_on_loopback() -> Iterator[CloudFormation]:
    stack = CloudFormation()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            stack.answers.append(json.loads(body))
            stack.headers.append(dict(self.headers))
            self.send_response(stack.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    stack.url = f"http://127.0.0.1:{server.server_port}/answer?X-Amz-Signature=abc"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stack
    server.shutdown()
    thread.join()
    server.server_close()
