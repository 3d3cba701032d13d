"""The OpenAPI document, which clients are generated from."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.api import create_app

PUBLIC = {"getHealth", "getReadiness", "getVersion"}


@pytest.fixture(scope="module")
def document() -> Mapping[str, Any]:
    return create_app().openapi()


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from (value for name, value in node.items() if name == "$ref")
        node = list(node.values())
    if isinstance(node, list):
        for entry in node:
            yield from references(entry)


def test_clients_are_generated_with_these_names(document: Mapping[str, Any]) -> None:
    names = {route: operation["operationId"] for route, operation in operations(document)}

    assert len(set(names.values())) == len(names)
    assert (
        names.items()
        >= {
            "GET /health": "getHealth",
            "GET /health/ready": "getReadiness",
            "GET /version": "getVersion",
            "POST /items": "uploadItem",
            "GET /items": "listItems",
            "GET /items/{item_id}": "getItem",
            "DELETE /items/{item_id}": "deleteItem",
            "GET /items/{item_id}/image": "getItemImage",
            "POST /uploads": "prepareUploads",
            "POST /search": "search",
        }.items()
    )


def test_names_are_chosen_and_not_made_from_paths(document: Mapping[str, Any]) -> None:
    for _, operation in operations(document):
        assert operation["operationId"].isalnum()


def test_every_route_but_the_public_ones_asks_for_an_access_token(document: Mapping[str, Any]) -> None:
    secured = {
        operation["operationId"]: operation.get("security") == [{"AccessToken": []}]
        for _, operation in operations(document)
    }

    assert {name for name, needs_token in secured.items() if not needs_token} == PUBLIC
    assert document["components"]["securitySchemes"] == {
        "AccessToken": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Cognito access token",
        }
    }


def test_every_error_is_a_problem(document: Mapping[str, Any]) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}

    for _, operation in operations(document):
        errors = {
            status: answer for status, answer in operation["responses"].items() if not status.startswith(("2", "3"))
        }
        if operation["operationId"] in PUBLIC:
            assert set(errors) <= {"503"}
        else:
            assert {"401", "422", "503"} <= set(errors)
            assert all(answer["content"] == problem for answer in errors.values())


def test_readiness_answers_in_its_own_words_also_when_it_is_not(document: Mapping[str, Any]) -> None:
    answers = document["paths"]["/health/ready"]["get"]["responses"]

    assert answers["200"]["content"] == answers["503"]["content"]


def test_fastapis_own_error_schemas_are_gone(document: Mapping[str, Any]) -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_every_schema_is_used_and_every_reference_leads_somewhere(document: Mapping[str, Any]) -> None:
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert set(references(document)) == defined


def test_the_document_does_not_depend_on_the_python_that_generates_it(document: Mapping[str, Any]) -> None:
    answers = document["paths"]["/items"]["post"]["responses"]

    assert {status: answers[status]["description"] for status in ("413", "422")} == {
        "413": "Content Too Large",
        "422": "Unprocessable Content",
    }


def test_everything_documented_says_what_it_does(document: Mapping[str, Any]) -> None:
    assert [route for route, operation in operations(document) if not operation.get("description")] == []


def test_asking_twice_gives_the_same_document() -> None:
    app = create_app()

    assert app.openapi() == app.openapi() == create_app().openapi()
