"""Loopback servers that speak the vendors' documented protocols, told per call how to answer. They count every call.

    anthropic, voyage = AnthropicStub(), VoyageStub()
    with serving(anthropic, voyage) as url:      # one port serves all: ANTHROPIC_BASE_URL, VOYAGE_BASE_URL, …
        anthropic.script(OVERLOADED, rate_limited(retry_after=7), OK)    # the next three calls; then always OK
        voyage.default = slow(0.05)
        ...
    assert anthropic.calls == 3 and anthropic.paid == 1

What the vendors refuse is refused here too (a schema they do not compile, a model option that is gone, a batch over
the limit), so that a client which only our own stub would accept fails its tests. Sources: Anthropic "Messages",
"Errors", "Structured outputs" and the Sonnet 5.5 migration guide; OpenAI "Create a model response", "Error codes",
"Structured outputs" and "Images and vision"; Voyage "Text embedding models" of its API reference; LangSmith "Trace with
API" and "Run data format".
"""

import base64
import binascii
import hashlib
import io
import json
import math
import random
import re
import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote
from uuid import uuid4

from PIL import Image

KEY = "a-key-that-opens-nothing"
# Stands in every error body: nothing of what a vendor says may reach a person.
VENDORS_WORDS = "vendor-internal: shard 7 of cluster blue"


class Kind(StrEnum):
    """What becomes of one call."""

    OK = "ok"
    ERROR = "error"
    NEVER_ANSWERS = "never answers"
    TRICKLE = "trickle"
    RESET = "reset"
    CUT_SHORT = "cut short"
    MALFORMED = "malformed"
    PROSE = "prose"
    INVALID = "invalid"
    TOO_LONG = "too long"
    REFUSAL = "refusal"


@dataclass(frozen=True)
class Reply:
    """How one call is answered. `after` seconds pass first; `retry_after` goes out as the header of that name."""

    kind: Kind = Kind.OK
    status: int = 200
    after: float = 0.0
    retry_after: str | None = None
    error_type: str = ""


OK = Reply()
BAD_REQUEST = Reply(Kind.ERROR, 400)
UNAUTHORIZED = Reply(Kind.ERROR, 401)
OUT_OF_CREDIT = Reply(Kind.ERROR, 402)
FORBIDDEN = Reply(Kind.ERROR, 403)
NOT_FOUND = Reply(Kind.ERROR, 404)
SERVER_ERROR = Reply(Kind.ERROR, 500)
BAD_GATEWAY = Reply(Kind.ERROR, 502)
OVERLOADED = Reply(Kind.ERROR, 529)
# Accepts the call and says nothing until the client goes away or the stub is closed.
NEVER_ANSWERS = Reply(Kind.NEVER_ANSWERS)
# A whole answer, a byte at a time: never silent for long enough to trip a read timeout.
TRICKLE = Reply(Kind.TRICKLE)
CONNECTION_RESET = Reply(Kind.RESET)
# The connection ends in the middle of the body.
CUT_SHORT = Reply(Kind.CUT_SHORT)
# A complete HTTP answer whose body is the first half of the JSON.
MALFORMED = Reply(Kind.MALFORMED)
# Of a language model: words instead of a document; a document that breaks the schema; one that hit max_tokens; a no.
# Of an embedder, `INVALID` is a vector too few.
PROSE = Reply(Kind.PROSE)
INVALID = Reply(Kind.INVALID)
TOO_LONG = Reply(Kind.TOO_LONG)
REFUSAL = Reply(Kind.REFUSAL)


def slow(seconds: float) -> Reply:
    return Reply(after=seconds)


def rate_limited(*, retry_after: int | str | None = None) -> Reply:
    return Reply(Kind.ERROR, 429, retry_after=None if retry_after is None else str(retry_after))


def unavailable(*, retry_after: int | str | None = None) -> Reply:
    return Reply(Kind.ERROR, 503, retry_after=None if retry_after is None else str(retry_after))


class Refused(Exception):
    """The vendor would not take this request."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Stub:
    """What both vendors' stubs have in common: a script of replies, and books. Safe to use from many threads."""

    paths: ClassVar[re.Pattern[str]]

    def __init__(self, *, default: Reply = OK, key: str = KEY) -> None:
        self.default = default
        self.key = key
        self.calls = 0
        # Calls that the vendor would charge for.
        self.paid = 0
        self.kinds: Counter[Kind] = Counter()
        # Parsed bodies in order of arrival, as the stub understood them.
        self.requests: list[dict[str, Any]] = []
        # Why calls were turned down by the stub's own rules; a correct client leaves this empty.
        self.refused: list[str] = []
        self._script: deque[Reply] = deque()
        self._lock = threading.Lock()

    def script(self, *replies: Reply) -> None:
        """Answer the next calls like this, then by `default` again."""
        with self._lock:
            self._script.extend(replies)

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[Reply, bytes]:
        """How to answer, and with what."""
        with self._lock:
            self.calls += 1
            reply = self._script.popleft() if self._script else self.default
        try:
            request = self.read(path, headers, body)
        except Refused as exc:
            with self._lock:
                self.kinds[Kind.ERROR] += 1
                self.refused.append(str(exc))
            return Reply(Kind.ERROR, exc.status), self.error(Reply(Kind.ERROR, exc.status), str(exc))
        with self._lock:
            self.kinds[reply.kind] += 1
            self.requests.append(request)
            self.paid += reply.kind not in (Kind.ERROR, Kind.RESET, Kind.NEVER_ANSWERS)
            self.note(request, reply)
        if reply.kind is Kind.ERROR:
            return reply, self.error(reply, VENDORS_WORDS)
        return reply, json.dumps(self.body(request, reply)).encode()

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        raise NotImplementedError

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        raise NotImplementedError

    def error(self, reply: Reply, message: str) -> bytes:
        raise NotImplementedError

    def body(self, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
        raise NotImplementedError


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body)
    except ValueError as exc:
        raise Refused(400, "the body is not JSON") from exc
    if not isinstance(parsed, dict):
        raise Refused(400, "the body is not an object")
    return parsed


def _demand(holds: object, why: str) -> None:
    if not holds:
        raise Refused(400, why)


# --- Anthropic: POST /v1/messages, and Bedrock's POST /model/{model}/invoke with the same body

_ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
_MEDIA_TYPES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
_MAX_IMAGE_BYTES = 5 * 1024 * 1024
_SCHEMA_WORDS = {
    "$defs", "$ref", "additionalProperties", "anyOf", "const", "description", "enum", "format", "items", "minItems",
    "properties", "required", "title", "type",
}  # fmt: skip


def a_document(image: bytes) -> dict[str, Any]:
    """An analysis in the schema's form; different images get different words."""
    name = hashlib.sha256(image).hexdigest()[:8]
    return {
        "category": "photo",
        "subcategories": ["stub"],
        "headline": f"Picture {name}",
        "summary": f"What the stub says about picture {name}.",
        "media_metadata": {
            "original_poster": None,
            "tagged_accounts": [],
            "location_tags": [],
            "audio_source": None,
            "hashtags": [],
        },
        "image_details": {
            "extracted_text": [f"line of {name}"],
            "objects": ["pixel"],
            "themes": ["testing"],
            "emotions": [],
            "vibes": [],
            "likely_source": "camera photo",
            "key_interest": None,
            "visual_hierarchy": [],
            "colors": ["grey"],
        },
    }


class VisionStub(Stub):
    """What both vision vendors' stubs have in common.

    `document` writes the answer for the first image's bytes; `images` counts paid calls by SHA-256 of the first image.
    """

    def __init__(
        self,
        *,
        default: Reply = OK,
        key: str = KEY,
        document: Callable[[bytes], dict[str, Any]] = a_document,
        input_tokens: int = 2000,
        output_tokens: int = 500,
    ) -> None:
        super().__init__(default=default, key=key)
        self.document = document
        self.input_tokens, self.output_tokens = input_tokens, output_tokens
        self.images: Counter[str] = Counter()

    def pictures(self, request: dict[str, Any]) -> list[bytes]:
        raise NotImplementedError

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        if reply.kind not in (Kind.ERROR, Kind.RESET, Kind.NEVER_ANSWERS):
            first = next(iter(self.pictures(request)), b"")
            self.images[hashlib.sha256(first).hexdigest()] += 1


class AnthropicStub(VisionStub):
    """Claude's Messages API."""

    paths = re.compile(r"/v1/messages|/model/[^/]+/invoke")

    def pictures(self, request: dict[str, Any]) -> list[bytes]:
        return images_of(request)

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        request = _parsed(body)
        if path.startswith("/model/"):
            if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256"):
                raise Refused(403, "the request is not signed")
            _demand("anthropic_version" in request and "model" not in request, "not Bedrock's form of the body")
            request["model"] = unquote(path.split("/")[2])
        else:
            # Both forms are documented; the SDK went from the first to the second.
            if self.key not in (headers.get("x-api-key"), headers.get("authorization", "").removeprefix("Bearer ")):
                raise Refused(401, "invalid API key")
            _demand(headers.get("anthropic-version"), "anthropic-version: header is required")
        _check_messages(request)
        return request

    def error(self, reply: Reply, message: str) -> bytes:
        kind = reply.error_type or _ERROR_TYPES.get(reply.status, "api_error")
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_stub"}
        return json.dumps(body).encode()

    def body(self, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
        text, stop = self._text(request, reply)
        content = [{"type": "thinking", "thinking": "", "signature": "c3R1Yg=="}, {"type": "text", "text": text}]
        return {
            "id": f"msg_stub_{self.calls:06d}",
            "type": "message",
            "role": "assistant",
            "model": request["model"],
            "content": [] if stop == "refusal" else content,
            "stop_reason": stop,
            "stop_sequence": None,
            "usage": {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens},
        }

    def _text(self, request: dict[str, Any], reply: Reply) -> tuple[str, str]:
        if reply.kind is Kind.REFUSAL:
            return "", "refusal"
        text = _answer_text(self.document(first_image(request)), reply)
        return text, "max_tokens" if reply.kind is Kind.TOO_LONG else "end_turn"


def _answer_text(document: dict[str, Any], reply: Reply) -> str:
    """What the model says: the document, or what the script wants instead."""
    text = json.dumps(document)
    match reply.kind:
        case Kind.PROSE:
            return "Certainly! The picture shows a cat on a mat."
        case Kind.INVALID:
            return json.dumps({"category": "no such category", "headline": "An incomplete document"})
        case Kind.TOO_LONG:
            return text[: len(text) // 2]
        case _:
            return text


def images_of(request: Mapping[str, Any]) -> list[bytes]:
    """The decoded images of a Messages request, in order."""
    blocks = [block for message in request["messages"] for block in message["content"] if isinstance(block, dict)]
    return [base64.b64decode(block["source"]["data"]) for block in blocks if block["type"] == "image"]


def first_image(request: Mapping[str, Any]) -> bytes:
    return next(iter(images_of(request)), b"")


def texts_of(request: Mapping[str, Any]) -> list[str]:
    """The text blocks of a Messages request, in order."""
    blocks = [block for message in request["messages"] for block in message["content"] if isinstance(block, dict)]
    return [block["text"] for block in blocks if block["type"] == "text"]


def _check_messages(request: dict[str, Any]) -> None:
    _demand(isinstance(request.get("max_tokens"), int) and request["max_tokens"] > 0, "max_tokens: field required")
    _demand(request.get("model"), "model: field required")
    messages = request.get("messages")
    _demand(isinstance(messages, list) and messages, "messages: at least one message is required")
    _demand(messages[-1]["role"] == "user", "this model does not support assistant message prefill")
    for message in messages:
        for block in message["content"] if isinstance(message["content"], list) else []:
            _check_block(block)
    # Claude Sonnet 5.5: sampling parameters, forced tools and disabled thinking are gone.
    _demand(not {"temperature", "top_p", "top_k"} & set(request), "sampling parameters are not supported")
    _demand(request.get("tool_choice", {}).get("type") not in ("any", "tool"), "tool_choice: forced use not supported")
    _demand(request.get("thinking", {}).get("type") not in ("disabled", "enabled"), "thinking.type: not supported")
    form = request.get("output_config", {}).get("format")
    if form is not None:
        _demand(form.get("type") == "json_schema", "output_config.format.type: Input should be 'json_schema'")
        _check_schema(form["schema"])


def _check_block(block: dict[str, Any]) -> None:
    if block["type"] == "text":
        _demand(block["text"].strip(), "messages: text content blocks must be non-empty")
    if block["type"] == "image":
        source = block["source"]
        _demand(source["type"] == "base64" and source["media_type"] in _MEDIA_TYPES, "image.source: not supported")
        try:
            image = base64.b64decode(source["data"], validate=True)
        except binascii.Error as exc:
            raise Refused(400, "image.source.data: not base64") from exc
        _demand(len(image) <= _MAX_IMAGE_BYTES, "image exceeds 5 MB maximum")
        _demand(_looks_like(image, source["media_type"]), "the image does not match its media type")


def _looks_like(image: bytes, media_type: str) -> bool:
    starts = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG", "image/gif": b"GIF8", "image/webp": b"RIFF"}
    return image.startswith(starts[media_type])


def _check_schema(schema: dict[str, Any]) -> None:
    """The subset of JSON Schema that structured outputs compile."""
    _demand(set(schema) <= _SCHEMA_WORDS, f"output_config.format.schema: {sorted(set(schema) - _SCHEMA_WORDS)}")
    if schema.get("type") == "object":
        _demand(schema.get("additionalProperties") is False, "For 'object' type, 'additionalProperties' must be false")
    nested = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", [])]
    for child in [*nested, *([schema["items"]] if "items" in schema else [])]:
        _check_schema(child)


# --- OpenAI: POST /v1/responses

_OPENAI_CODES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_exceeded", "rate_limit_exceeded"),
}
_MAX_SIDE, _MAX_PATCHES, _PATCH = 2048, 2500, 32


class OpenAIStub(VisionStub):
    """OpenAI's Responses API.

    A `Reply`'s `error_type` is the error's code; of an answer with status 200, that of a response that failed.
    """

    paths = re.compile(r"/v1/responses")

    def pictures(self, request: dict[str, Any]) -> list[bytes]:
        return openai_images(request)

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "Incorrect API key provided")
        request = _parsed(body)
        _check_response_request(request)
        return request

    def error(self, reply: Reply, message: str) -> bytes:
        kind, code = _OPENAI_CODES.get(reply.status, ("server_error", None))
        error = {"message": message, "type": kind, "param": None, "code": reply.error_type or code}
        return json.dumps({"error": error}).encode()

    def body(self, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
        has_failed = bool(reply.error_type)
        is_cut = reply.kind is Kind.TOO_LONG
        return {
            "id": f"resp_stub_{self.calls:06d}",
            "object": "response",
            "created_at": 1_790_000_000,
            "status": "failed" if has_failed else "incomplete" if is_cut else "completed",
            "error": {"code": reply.error_type, "message": VENDORS_WORDS} if has_failed else None,
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "model": request["model"],
            "output": [] if has_failed else self._output(request, reply),
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": self.input_tokens,
                "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
                "output_tokens": self.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 64},
                "total_tokens": self.input_tokens + self.output_tokens,
            },
        }

    def _output(self, request: dict[str, Any], reply: Reply) -> list[dict[str, Any]]:
        if reply.kind is Kind.REFUSAL:
            part = {"type": "refusal", "refusal": "I'm sorry, I can't help with that."}
        else:
            text = _answer_text(self.document(openai_images(request)[0]), reply)
            part = {"type": "output_text", "text": text, "annotations": []}
        return [
            {"type": "reasoning", "id": "rs_stub", "summary": []},
            {"type": "message", "id": "msg_stub", "role": "assistant", "status": "completed", "content": [part]},
        ]


def openai_images(request: Mapping[str, Any]) -> list[bytes]:
    """The decoded images of a Responses request, in order."""
    return [base64.b64decode(part["image_url"].partition(",")[2]) for part in _parts(request, "input_image")]


def openai_texts(request: Mapping[str, Any]) -> list[str]:
    """The text parts of a Responses request, in order."""
    return [part["text"] for part in _parts(request, "input_text")]


def _parts(request: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part for message in request["input"] for part in message["content"] if part["type"] == kind]


def _check_response_request(request: dict[str, Any]) -> None:
    _demand(request.get("model"), "you must provide a model parameter")
    _demand(isinstance(request.get("input"), list) and request["input"], "missing required parameter: 'input'")
    # Reasoning models: sampling parameters are gone.
    _demand(not {"temperature", "top_p", "max_tokens", "messages"} & set(request), "unsupported parameter")
    efforts = ("none", "minimal", "low", "medium", "high", "xhigh", "max", None)
    _demand(request.get("reasoning", {}).get("effort") in efforts, "invalid value: 'reasoning.effort'")
    for part in _parts(request, "input_image"):
        _check_image_part(part)
    form = request.get("text", {}).get("format")
    if form is not None:
        _demand(form.get("type") == "json_schema" and form.get("strict") is True, "invalid value: 'text.format'")
        _demand(re.fullmatch(r"[\w-]{1,64}", form.get("name", "")), "invalid value: 'text.format.name'")
        _check_strict(form["schema"])


def _check_image_part(part: dict[str, Any]) -> None:
    media_type, _, data = part["image_url"].removeprefix("data:").partition(";base64,")
    _demand(media_type in _MEDIA_TYPES and part.get("detail") in ("low", "high", "auto", "original"), "invalid image")
    try:
        image = base64.b64decode(data, validate=True)
    except binascii.Error as exc:
        raise Refused(400, "invalid base64 image") from exc
    _demand(image and _looks_like(image, media_type), "the image does not match its media type")
    with Image.open(io.BytesIO(image)) as opened:
        patches = math.ceil(opened.width / _PATCH) * math.ceil(opened.height / _PATCH)
        # The vendor would scale it down; who says `high` and sends more pays for what nobody looks at.
        _demand(max(opened.size) <= _MAX_SIDE and patches <= _MAX_PATCHES, "the image would be scaled down")


def _check_strict(schema: dict[str, Any]) -> None:
    """What `strict` asks beyond the subset: every property is required."""
    _check_schema(schema)
    for node in [schema, *_objects_in(schema)]:
        _demand(set(node.get("required", [])) == set(node["properties"]), "'required' must name every property")


def _objects_in(schema: dict[str, Any]) -> list[dict[str, Any]]:
    found = [child for child in schema.get("properties", {}).values() if child.get("type") == "object"]
    return [*found, *(deeper for child in found for deeper in _objects_in(child))]


# --- LangSmith: POST /runs/batch, GET /commits/{owner}/{prompt}/{commit}


class LangSmithStub(Stub):
    """Takes finished runs, data sets, experiments and feedback, and serves prompts (`prompts[name]`, a serialized chat
    prompt)."""

    paths = re.compile(r"/runs/batch|/commits/.+|/(?:datasets|examples|examples/bulk|sessions|feedback)")

    def __init__(self, *, default: Reply = OK, key: str = KEY) -> None:
        super().__init__(default=default, key=key)
        self.runs: list[dict[str, Any]] = []
        self.prompts: dict[str, dict[str, Any]] = {}
        self.datasets: list[dict[str, Any]] = []
        self.examples: dict[str, dict[str, Any]] = {}
        self.experiments: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if headers.get("x-api-key") != self.key:
            raise Refused(401, "Invalid token")
        if path.startswith("/commits/"):
            _, _, owner, name, commit = path.split("/")
            if name not in self.prompts or owner != "-":
                raise Refused(404, "Prompt not found")
            return {"prompt": name, "commit": commit}
        if not path.startswith("/runs/"):
            return self._evaluation(path, json.loads(body) if body else None)
        request = _parsed(body)
        for run in request["post"]:
            _check_run(run)
        return request

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        if reply.kind is Kind.OK:
            self.runs.extend(request.get("post", []))

    def error(self, reply: Reply, message: str) -> bytes:
        return json.dumps({"detail": message}).encode()

    def _evaluation(self, path: str, sent: Any) -> dict[str, Any]:
        """What evaluations say; a GET has sent nothing."""
        kind, _, query = path.lstrip("/").partition("?")
        asked = dict(pair.split("=") for pair in query.split("&") if pair)
        if sent is None:
            found = {
                "datasets": [each for each in self.datasets if each["name"] == asked.get("name")],
                "examples": [each for each in self.examples.values() if each["dataset_id"] == asked.get("dataset")],
            }
            return {"answer": found[kind]}
        if kind == "datasets":
            _demand(sent["name"] not in [each["name"] for each in self.datasets], "Dataset with this name exists")
            self.datasets.append({"id": str(uuid4()), **sent})
            return {"answer": self.datasets[-1]}
        if kind == "sessions":
            _demand(sent["reference_dataset_id"] in [each["id"] for each in self.datasets], "no such dataset")
            self.experiments.append(sent)
        elif kind == "feedback":
            _demand(sent["run_id"] in [run["id"] for run in self.runs], "no such run")
            self.feedback.append(sent)
        else:
            for example in sent:
                _demand(example["id"] not in self.examples, "Example exists")
                self.examples[example["id"]] = example
        return {"answer": sent}

    def body(self, request: dict[str, Any], reply: Reply) -> Any:
        if "answer" in request:
            return request["answer"]
        if "prompt" in request:
            return {"commit_hash": "c0ffee" * 8, "manifest": self.prompts[request["prompt"]], "examples": []}
        return {}


def a_prompt(system: str, *, variables: tuple[str, ...] = ()) -> dict[str, Any]:
    """A chat prompt as LangChain serializes it."""
    template = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "prompts", "prompt", "PromptTemplate"],
        "kwargs": {"input_variables": list(variables), "template": system, "template_format": "f-string"},
    }
    message = {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "prompts", "chat", "SystemMessagePromptTemplate"],
        "kwargs": {"prompt": template},
    }
    return {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "prompts", "chat", "ChatPromptTemplate"],
        "kwargs": {"input_variables": list(variables), "messages": [message]},
    }


def _check_run(run: dict[str, Any]) -> None:
    for name in ("id", "trace_id", "dotted_order", "name", "run_type", "start_time", "inputs"):
        _demand(run.get(name) is not None, f"{name}: field required")
    last = run["dotted_order"].split(".")[-1]
    _demand(re.fullmatch(r"\d{8}T\d{12}Z[0-9a-f-]{36}", last) and last.endswith(run["id"]), "dotted_order: invalid")
    _demand(
        run["dotted_order"].partition("Z")[2].startswith(run["trace_id"]), "dotted_order: must begin with the trace"
    )
    _demand(run["run_type"] in ("llm", "chain", "tool", "retriever", "embedding", "prompt", "parser"), "run_type")
    is_root = run["id"] == run["trace_id"]
    _demand(is_root == (run.get("parent_run_id") is None), "parent_run_id: only the root has none")


# --- Voyage: POST /v1/embeddings

_TOKENS_AT_MOST = {"voyage-4-lite": 1_000_000, "voyage-3.5-lite": 1_000_000, "voyage-4": 320_000, "voyage-3.5": 320_000}


class VoyageStub(Stub):
    """Voyage's embeddings. A text always gets the same unit vector; `texts` counts how often each was paid for."""

    paths = re.compile(r"/v1/embeddings")

    def __init__(self, *, default: Reply = OK, key: str = KEY) -> None:
        super().__init__(default=default, key=key)
        self.texts: Counter[str] = Counter()
        # A batch that holds such a text is refused as a whole.
        self.poison: str | None = None

    def read(self, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if headers.get("authorization") != f"Bearer {self.key}":
            raise Refused(401, "Provided API key is invalid.")
        request = _parsed(body)
        texts = request.get("input")
        _demand(isinstance(texts, list) and 0 < len(texts) <= 1000, "The batch size limit is 1000.")
        _demand(all(isinstance(text, str) and text for text in texts), "Input cannot contain empty strings.")
        _demand(request.get("model"), "Argument 'model' is required.")
        _demand(request.get("input_type") in (None, "query", "document"), "Argument 'input_type' is not valid.")
        _demand(request.get("output_dimension", 1024) in (256, 512, 1024, 2048), "'output_dimension' is not valid.")
        limit = _TOKENS_AT_MOST.get(request["model"], 120_000)
        _demand(sum(map(_tokens, texts)) <= limit, f"The max allowed tokens per submitted batch is {limit}.")
        _demand(self.poison is None or not any(self.poison in text for text in texts), "The text cannot be embedded.")
        return request

    def note(self, request: dict[str, Any], reply: Reply) -> None:
        if reply.kind not in (Kind.ERROR, Kind.RESET, Kind.NEVER_ANSWERS):
            self.texts.update(request["input"])

    def error(self, reply: Reply, message: str) -> bytes:
        return json.dumps({"detail": message}).encode()

    def body(self, request: dict[str, Any], reply: Reply) -> dict[str, Any]:
        texts = request["input"][:-1] if reply.kind is Kind.INVALID else request["input"]
        width = request.get("output_dimension", 1024)
        data = [
            {"object": "embedding", "embedding": a_vector(text, width), "index": index}
            for index, text in enumerate(texts)
        ]
        total = sum(map(_tokens, request["input"]))
        return {"object": "list", "data": data, "model": request["model"], "usage": {"total_tokens": total}}


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def a_vector(text: str, width: int = 1024) -> list[float]:
    """Unit norm, always the same for the same text, nearly orthogonal to any other text's."""
    numbers = random.Random(text)
    vector = [numbers.gauss() for _ in range(width)]
    norm = math.sqrt(sum(number * number for number in vector))
    return [number / norm for number in vector]


# --- the server


@contextmanager
def serving(*stubs: Stub, port: int = 0, keep_alive: bool = True) -> Iterator[str]:
    """Serve the stubs on one loopback port; gives the base URL of all vendors.

    Without `keep_alive` each answer is the last of its connection, and clients that a test drops leave none open.
    """
    server = _Server(stubs, port, keep_alive=keep_alive)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, stubs: tuple[Stub, ...], port: int, *, keep_alive: bool) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.stubs = stubs
        self.keep_alive = keep_alive
        self.closing = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the play."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        stub = next((stub for stub in self.server.stubs if stub.paths.fullmatch(self.path.partition("?")[0])), None)
        if stub is None:
            self._send(Reply(Kind.ERROR, 404), b"{}")
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply, content = stub.answer(self.path, headers, body)
        if self.server.closing.wait(reply.after):
            return
        with suppress(ConnectionError):
            self._play(reply, content)

    def _play(self, reply: Reply, content: bytes) -> None:
        match reply.kind:
            case Kind.NEVER_ANSWERS:
                self.close_connection = True
                self.server.closing.wait()
            case Kind.RESET:
                # Closing with nothing lingering sends RST instead of FIN.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
            case Kind.CUT_SHORT:
                self.close_connection = True
                self._head(reply, len(content))
                self.wfile.write(content[: len(content) // 2])
            case Kind.MALFORMED:
                self._send(reply, content[: len(content) // 2])
            case Kind.TRICKLE:
                self._head(reply, len(content))
                self._trickle(content)
            case _:
                self._send(reply, content)

    def _trickle(self, content: bytes) -> None:
        self.close_connection = True
        for byte in content:
            if self.server.closing.wait(0.05):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _head(self, reply: Reply, length: int) -> None:
        self.send_response(reply.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(length))
        self.send_header("request-id", "req_stub")
        if reply.retry_after is not None:
            self.send_header("retry-after", reply.retry_after)
        if not self.server.keep_alive:
            self.send_header("connection", "close")
        self.end_headers()

    def _send(self, reply: Reply, content: bytes) -> None:
        self._head(reply, len(content))
        self.wfile.write(content)
