"""Vendors that chats talk to: Claude's streamed Messages API (SSE, and Bedrock's event stream), and Tavily's search.

Sources: Anthropic "Streaming messages", Amazon Bedrock "InvokeModelWithResponseStream", Amazon "Event stream encoding",
Tavily "API reference: search".
"""

import base64
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from tests.stub_providers import KEY, Kind, Refused, Reply, Stub

# What the model does in one call: says this, or calls these tools.
Move = str | list[tuple[str, dict[str, Any]]]


class ClaudeStub(Stub):
    """Streams one move a call; the last one again when there are no more."""

    paths = re.compile(r"/v1/messages|/model/[^/]+/invoke-with-response-stream")

    def __init__(self, *moves: Move) -> None:
        super().__init__()
        self.moves = list(moves) or ["Fine."]

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        request: dict[str, Any] = json.loads(body)
        if path.startswith("/model/"):
            if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
                raise Refused(403, "the request is not signed")
            return request | {"model": unquote(path.split("/")[2]), "framed": True}
        if self.key not in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer ")):
            raise Refused(401, "invalid API key")
        if not request.get("stream"):
            raise Refused(400, "this stub only streams")
        return request

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        pass

    def error(self, reply: Reply, message: str) -> bytes:
        types = {401: "authentication_error", 429: "rate_limit_error", 529: "overloaded_error"}
        error = {"type": reply.error_type or types.get(reply.status, "api_error"), "message": message}
        return json.dumps({"type": "error", "error": error}).encode()

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Reply, bytes]:
        reply, content = super().answer(path, headers, body)
        if reply.kind is Kind.ERROR:
            return reply, content
        events = json.loads(content)["events"]
        return reply, b"".join(map(_frame if path.startswith("/model/") else _sse, events))

    def body(self, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
        move = self.moves.pop(0) if len(self.moves) > 1 else self.moves[0]
        return {"events": list(_events(move, request["model"]))}


def _events(move: Move, model: str) -> Iterator[dict[str, Any]]:
    usage = {"input_tokens": 100, "output_tokens": 1}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": [], "usage": usage}
    yield {"type": "message_start", "message": message | {"stop_reason": None, "stop_sequence": None}}
    blocks = list(_text(move) if isinstance(move, str) else _calls(move))
    for index, (start, deltas) in enumerate(blocks):
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    reason = "end_turn" if isinstance(move, str) else "tool_use"
    # Of the whole message: cumulative, as the vendor says.
    used = {"input_tokens": 100, "output_tokens": 20}
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": used}
    yield {"type": "message_stop"}


def _text(words: str) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    pieces = [words[start : start + 7] for start in range(0, len(words), 7)]
    yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces]


def _calls(calls: list[tuple[str, dict[str, Any]]]) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    for number, (name, arguments) in enumerate(calls):
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
        yield block, [{"type": "input_json_delta", "partial_json": json.dumps(arguments)}]


def _sse(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _frame(event: dict[str, Any]) -> bytes:
    """One message of an event stream: lengths and their checksum, headers, payload, checksum of all."""
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
    named = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    headers = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in named.items()
    )
    prelude = struct.pack("!II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack("!I", zlib.crc32(message))


class TavilyStub(Stub):
    """POST /search."""

    paths = re.compile(r"/search")

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if headers.get("authorization") != f"Bearer {KEY}":
            raise Refused(401, "no such key")
        request: dict[str, Any] = json.loads(body)
        return request

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        pass

    def error(self, reply: Reply, message: str) -> bytes:
        return json.dumps({"detail": {"error": message}}).encode()

    def body(self, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
        results = [
            {"title": f"Page {number}", "url": f"https://page.example/{number}", "content": "x" * 5000, "score": 0.5}
            for number in range(10)
        ]
        return {"query": request["query"], "results": results, "response_time": 0.1}
