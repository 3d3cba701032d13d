"""The operations of the OpenAPI document, to be called: by any user, with anything in any place."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from scripts.openapi import PATH
from tests.integration.http_api.application import PNG, User

DOCUMENT: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))

# Places where something of somebody's can be named, and what to name there that nobody has.
# `belongings.py` makes what they name.
UNKNOWN = {
    "item_id": lambda: str(uuid4()),
    "ids": lambda: str(uuid4()),
    "item_ids": lambda: str(uuid4()),
    "analysis_id": lambda: str(uuid4()),
    "job_id": lambda: str(uuid4()),
    "session_id": lambda: str(uuid4()),
    "cursor": lambda: "bm90IGEgY3Vyc29y",
    "sha256": lambda: uuid4().hex * 2,
    "if-match": lambda: '"1"',
    "if-none-match": lambda: '"1"',
}
# A key that somebody else has used means the request is made, as with any other key: a test of its own.
KEY = "Idempotency-Key"


@dataclass(frozen=True)
class Operation:
    """An operation of the document, which can be called with values for the places that it has."""

    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def parameters(self) -> dict[str, str]:
        """Where each parameter stands, by its name."""
        return {each["name"]: each["in"] for each in self.spec.get("parameters", [])}

    @property
    def body(self) -> Mapping[str, Any]:
        """The schema of a JSON body, if it takes one."""
        content: Mapping[str, Any] = self.spec.get("requestBody", {}).get("content", {})
        return _resolved(content.get("application/json", {}).get("schema", {}))

    @property
    def names(self) -> set[str]:
        content = self.spec.get("requestBody", {}).get("content", {})
        fields = {name for media in content.values() for name in _fields(media.get("schema", {}))}
        return set(self.parameters) | fields

    @property
    def places(self) -> list[str]:
        return sorted(self.names & UNKNOWN.keys())

    @property
    def ways(self) -> list[dict[str, str]]:
        """The operation as it stands in the examples, and with each choice of each field that offers some."""
        fields = self.body.get("properties", {}) | {p["name"]: p["schema"] for p in self.spec.get("parameters", [])}
        choices = {name: _resolved(schema).get("enum", []) for name, schema in fields.items()}
        return [{}, *({name: choice} for name, offered in choices.items() for choice in offered)]

    def call(self, user: User, values: Mapping[str, str], own: Mapping[str, list[str]]) -> Any:
        """As this user; `own` goes where something has to be named and `values` names nothing."""
        given = {name: values.get(name) or own[name][0] for name, place in self.parameters.items() if place == "path"}
        sent = {place: {n: values[n] for n, p in self.parameters.items() if p == place and n in values} for place in
                ("query", "header")}  # fmt: skip
        body: dict[str, Any] = {}
        if self.body:
            body = {"json": _filled(self.body, self.body["examples"][0], values)}
        elif "requestBody" in self.spec:
            body = {"files": {"file": ("a.png", PNG, "image/png")}}
        return user.http.request(
            self.method,
            self.path.format(**given),
            params=sent["query"],
            headers=user.headers | sent["header"],
            follow_redirects=False,
            **body,
        )


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema refers to, null left aside."""
    if "$ref" in schema:
        return _resolved(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    offered = [each for each in schema.get("anyOf", []) if each.get("type") != "null"]
    return _resolved(offered[0]) if len(offered) == 1 else schema


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    """The names of everything that can stand in a body."""
    schema = _resolved(schema)
    for name, inner in schema.get("properties", {}).items():
        yield name
        yield from _fields(inner)
    for inner in (schema[name] for name in ("items", "additionalProperties") if isinstance(schema.get(name), Mapping)):
        yield from _fields(inner)
    for inner in schema.get("anyOf", []):
        yield from _fields(inner)


def _filled(schema: Mapping[str, Any], example: Any, values: Mapping[str, str]) -> Any:
    """The example, with these values in the places of these names."""
    schema = _resolved(schema)
    if schema.get("type") == "array":
        return [_filled(schema["items"], each, values) for each in example]
    if "properties" not in schema:
        return example
    body = dict(example)
    for name, inner in schema["properties"].items():
        if name in values:
            body[name] = [values[name]] if _resolved(inner).get("type") == "array" else values[name]
        elif name in body:
            body[name] = _filled(inner, body[name], values)
    return body


OPERATIONS = [
    Operation(method.upper(), path, spec)
    for path, methods in DOCUMENT["paths"].items()
    for method, spec in methods.items()
]
every_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.spec["operationId"])


def cursors_of(operation: Operation, user: User, own: Mapping[str, list[str]]) -> list[str]:
    """Where the second page of somebody's list begins, for the operations that have pages."""
    if "cursor" not in operation.parameters:
        return []
    page = operation.call(user, {"limit": "1"}, own).json()
    return [page["next_cursor"]]
