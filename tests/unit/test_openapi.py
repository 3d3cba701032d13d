"""The OpenAPI document, which clients are generated from."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from scripts.openapi import PATH, rendered
from scripts.openapi import document as described

PUBLIC = {"getHealth", "getReadiness", "getVersion"}


@pytest.fixture(scope="module")
def document() -> Mapping[str, Any]:
    return described()


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
            "POST /chat": "chat",
            "GET /chat/sessions": "listChatSessions",
            "GET /chat/{session_id}/history": "getChatHistory",
            "PATCH /chat/{session_id}": "renameChatSession",
            "DELETE /chat/{session_id}": "deleteChatSession",
        }.items()
    )


def test_no_two_schemas_want_the_same_name(document: Mapping[str, Any]) -> None:
    """FastAPI would name both after their modules, and a generator its classes after that."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


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
    for _, operation in operations(document):
        errors = {
            status: answer for status, answer in operation["responses"].items() if not status.startswith(("2", "3"))
        }
        if operation["operationId"] in PUBLIC:
            assert set(errors) <= {"503"}
        else:
            assert {"401", "429", "503"} <= set(errors)
            for status, answer in errors.items():
                problem = answer["content"]["application/problem+json"]
                assert problem["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert problem["example"]["status"] == int(status)


def test_an_operation_documents_the_errors_that_it_can_answer_and_no_others(document: Mapping[str, Any]) -> None:
    answers = {operation["operationId"]: set(operation["responses"]) for _, operation in operations(document)}
    always = {"401", "429", "503"}

    assert answers["getSearchConfig"] == always | {"200"}
    assert answers["listItems"] == always | {"200", "422"}
    assert answers["getItem"] == always | {"200", "304", "404", "422"}
    assert answers["editItem"] == always | {"200", "404", "409", "412", "413", "422"}
    assert answers["deleteItem"] == always | {"204", "404", "409", "412", "422"}
    assert answers["uploadItem"] == always | {"200", "201", "409", "413", "415", "422"}
    assert answers["search"] == always | {"200", "409", "413", "422"}


def test_every_answer_documents_its_headers(document: Mapping[str, Any]) -> None:
    for route, operation in operations(document):
        for status, answer in operation["responses"].items():
            headers = set(answer["headers"])
            assert "X-Request-Id" in headers, route
            assert ("Retry-After" in headers) == (status in ("409", "429", "503")), route
            if operation["operationId"] not in PUBLIC and status != "401":
                assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= headers, route


def test_every_request_that_changes_something_takes_a_key(document: Mapping[str, Any]) -> None:
    for route, operation in operations(document):
        headers = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
        assert ("Idempotency-Key" in headers) == (not route.startswith("GET")), route


def test_versions_are_asked_for_and_told_where_there_is_one_item(document: Mapping[str, Any]) -> None:
    item = document["paths"]["/items/{item_id}"]
    conditions = {m: {p["name"] for p in item[m]["parameters"] if p["in"] == "header"} for m in item}

    assert conditions["get"] == {"if-none-match"}
    assert conditions["patch"] == conditions["delete"] == {"if-match", "Idempotency-Key"}
    assert "ETag" in item["get"]["responses"]["200"]["headers"]
    assert "ETag" in item["get"]["responses"]["304"]["headers"]
    assert "ETag" in document["paths"]["/items"]["post"]["responses"]["201"]["headers"]


def test_the_document_is_valid_openapi_3_1(document: Mapping[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")

    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_operation_belongs_to_one_described_group(document: Mapping[str, Any]) -> None:
    described = {tag["name"] for tag in document["tags"] if tag["description"] != tag["name"]}

    for route, operation in operations(document):
        assert len(operation["tags"]) == 1, route
        assert set(operation["tags"]) <= described, f"{route}: describe its tag in app/platform/openapi.py"


def schemas_of(operation: Mapping[str, Any]) -> Iterator[str]:
    """The names of the schemas that an operation is sent and answers, as JSON."""
    bodies = [operation.get("requestBody", {}), *(operation["responses"][s] for s in operation["responses"] if s < "3")]
    for body in bodies:
        schema = body.get("content", {}).get("application/json", {}).get("schema", {})
        yield from (name.rpartition("/")[2] for name in references(schema))


def test_everything_that_is_sent_and_answered_has_an_example(document: Mapping[str, Any]) -> None:
    needed = {name for _, operation in operations(document) for name in schemas_of(operation)}

    missing = sorted(name for name in needed if "examples" not in document["components"]["schemas"][name])

    assert missing == [], "write them into app/platform/openapi_examples.py"


def test_every_example_is_what_its_schema_says(document: Mapping[str, Any]) -> None:
    resolver = {"components": document["components"]}
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", []):
            errors = OAS31Validator({"$ref": f"#/components/schemas/{name}", **resolver}).iter_errors(example)
            assert [f"{name}: {error.message}" for error in errors] == []


def test_the_committed_document_is_this_one() -> None:
    assert PATH.read_text(encoding="utf-8") == rendered(), "run `make openapi`"


CALLED = re.compile(r"^### `([A-Z]+ /\S*)`$", re.MULTILINE)


def test_every_operation_has_its_call_in_the_docs(document: Mapping[str, Any]) -> None:
    page = (PATH.parent / "api.md").read_text(encoding="utf-8")

    sections = dict(zip(CALLED.findall(page), CALLED.split(page)[2::2], strict=True))

    assert sorted(sections) == sorted(route for route, _ in operations(document)), "docs/api.md"
    for route, text in sections.items():
        assert "```bash\n" in text, f"docs/api.md shows no call of {route}"


def test_readiness_answers_in_its_own_words_also_when_it_is_not(document: Mapping[str, Any]) -> None:
    answers = document["paths"]["/health/ready"]["get"]["responses"]

    assert answers["200"]["content"] == answers["503"]["content"]


def test_fastapis_own_error_schemas_are_gone(document: Mapping[str, Any]) -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])


def test_every_schema_is_used_and_every_reference_leads_somewhere(document: Mapping[str, Any]) -> None:
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    used = {reference for reference in references(document) if not reference.startswith("#/components/headers/")}
    assert used == defined


def test_the_document_does_not_depend_on_the_python_that_generates_it(document: Mapping[str, Any]) -> None:
    answers = document["paths"]["/items"]["post"]["responses"]

    assert {status: answers[status]["description"] for status in ("413", "422")} == {
        "413": "Content Too Large",
        "422": "Unprocessable Content",
    }


def test_everything_documented_says_what_it_does(document: Mapping[str, Any]) -> None:
    assert [route for route, operation in operations(document) if not operation.get("description")] == []


def test_asking_twice_gives_the_same_document() -> None:
    assert described() == described()
