"""The OpenAPI document, completed: what follows from an operation's shape, and what FastAPI files in another place.

Imported when somebody asks for the document. Every router is covered without doing anything: a new one adds the errors
that are its own (`app.platform.http.problems`), examples here, and its calls in docs/api.md; tests ask for all three.
"""

from collections.abc import Iterator
from typing import Any

from app.platform.http import MEDIA_TYPE, Problem
from app.platform.idempotency import HEADER, KEEP_S, METHODS
from app.platform.openapi_examples import EXAMPLES
from app.platform.rate_limits import WINDOW_S
from app.platform.status import title

Document = dict[str, Any]

_DESCRIPTION = """\
Send `Authorization: Bearer <Cognito access token>`. Everything is the caller's own: what belongs to somebody else is
not there (404). Errors are RFC 9457 problems. Lists are walked with `cursor`; times are RFC 3339 in UTC."""
_TAGS = {
    "service": "The service about itself. Public.",
    "items": "Images: taking them in, listing, editing and deleting them.",
    "analyses": "What was read and seen in an image, version by version.",
    "search": "Finding items by words and by meaning.",
    "chat": "Questions about everything collected.",
    "account": "The account: usage, limits, export, deletion.",
    "jobs": "Work that takes longer than a request.",
}
_DETAILS = {
    401: "Send a Cognito access token: Authorization: Bearer …",
    404: "No such item.",
    409: "The state of the thing forbids it now.",
    412: "The item was changed since. Look at it again.",
    413: "At most 1 MiB a request. POST /uploads takes larger images straight to storage.",
    415: "Images only: image/jpeg, image/png.",
    422: "The request is not valid.",
    429: "At most 600 requests a minute.",
    503: "The database cannot be reached.",
}
_REQUEST_ID: Document = {
    "description": "This request's id, in the logs too.",
    "schema": {"type": "string"},
}
_RETRY_AFTER: Document = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}
_ETAG: Document = {
    "description": "The version of the item, for `If-Match` and `If-None-Match`.",
    "schema": {"type": "string"},
}
_RATE_LIMIT: dict[str, Document] = {
    "RateLimit-Limit": {"description": f"Requests in {WINDOW_S} seconds.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "Requests left of them.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until all are there again.", "schema": {"type": "integer"}},
    "RateLimit-Policy": {
        "description": "The limit and its window in seconds: `600;w=60`.",
        "schema": {"type": "string"},
    },
}
_IDEMPOTENCY_KEY: Document = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": (
        "Of your choosing, for one request. The same request with the same key gets the same answer for "
        f"{KEEP_S // 3600} hours, with `Idempotency-Replayed: true`, and nothing happens twice. Another request with "
        "the key gets 409."
    ),
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x20-\\x7e]+$"},
}


def complete(document: Document) -> Document:
    """The document that FastAPI generated, with what it does not know."""
    document["info"]["description"] = _DESCRIPTION
    document["servers"] = [{"url": "/", "description": "ApiUrl of the deployment; the web origin has it at /api."}]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unsent in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unsent, None)
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**problem.pop("$defs"), "Problem": problem}
    document["components"]["headers"] = {"X-Request-Id": _REQUEST_ID, "Retry-After": _RETRY_AFTER, "ETag": _ETAG} | (
        _RATE_LIMIT
    )
    used = set()
    for method, path, operation in operations(document):
        used.update(operation.get("tags", []))
        _complete(operation, method=method.upper(), path=path)
    document["tags"] = [{"name": name, "description": _TAGS.get(name, name)} for name in sorted(used)]
    for name in EXAMPLES.keys() & schemas.keys():
        schemas[name]["examples"] = [EXAMPLES[name]]
    return document


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Every operation, with its method and path."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def _complete(operation: Document, *, method: str, path: str) -> None:
    responses = operation["responses"]
    operation.setdefault("security", [])  # said aloud: nobody forgot it
    responses.pop("422", None)  # FastAPI's own, in a form that we do not send
    if operation.get("security"):
        for status in _follows(operation, method=method, path=path):
            responses.setdefault(str(status), {"description": title(status)})
        if method in METHODS:
            operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
    for status, response in responses.items():
        headers = response.setdefault("headers", {})
        if status == "304" or _is_item(response):
            headers["ETag"] = {"$ref": "#/components/headers/ETag"}
        headers["X-Request-Id"] = {"$ref": "#/components/headers/X-Request-Id"}
        if operation.get("security") and status != "401":
            headers |= {name: {"$ref": f"#/components/headers/{name}"} for name in _RATE_LIMIT}
        if status in ("409", "429", "503"):
            headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
        if status.startswith(("4", "5")) and "content" not in response:
            response["content"] = {MEDIA_TYPE: _problem(int(status), path)}
    operation["responses"] = dict(sorted(responses.items()))


def _follows(operation: Document, *, method: str, path: str) -> Iterator[int]:
    """What an operation for signed-in users can answer, whatever it does."""
    yield from (401, 429, 503)
    if operation.get("parameters") or "requestBody" in operation or method in METHODS:
        yield 422
    if "{" in path:
        yield 404
    if "requestBody" in operation:
        yield 413
    if method in METHODS:
        yield 409


def _is_item(response: Document) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema.get("$ref", "").endswith("/ItemOut"))


def _problem(status: int, path: str) -> Document:
    example = {
        "type": "about:blank",
        "title": title(status),
        "status": status,
        "detail": _DETAILS.get(status, title(status)),
        "instance": path,
        "request_id": "Yk3vLgB5joEEJYQ=",
    }
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
