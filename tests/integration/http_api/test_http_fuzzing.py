"""Whatever is sent to any operation of the document, the answer is one that the document has, and tells of nobody else.

In the test run few examples, always the same; `make fuzz` draws many, always others. What it finds becomes a test.
"""

import json
import os
import re
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS
from starlette.testclient import TestClient

from app.items.models import as_text
from tests.integration.http_api.belongings import Belongings, recorded
from tests.integration.http_api.operations import DOCUMENT, Operation, cursors_of, every_operation

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
LONG = settings(max_examples=EXAMPLES, print_blob=True) if EXAMPLES else None
SHORT = settings(max_examples=6, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
fuzzing = settings(LONG or SHORT, deadline=None, suppress_health_check=list(HealthCheck))

SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
EXPECTED = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)


@pytest.fixture(autouse=True)
def _for_long(reconfigured: Callable[..., None]) -> None:
    """However many requests there are, none is one too many."""
    reconfigured(REQUESTS_PER_MINUTE="1000000", ITEMS_UNDER_WAY_MAX="1000000")


@every_operation
def test_any_request_gets_an_answer_of_the_document_that_tells_of_nobody_else(
    operation: Operation,
    http: TestClient,
    owner: psycopg.Connection,
    own: Belongings,
    theirs: Belongings,
) -> None:
    described = SCHEMA[operation.path][operation.method]
    described.app = http.app
    foreign = theirs.values | {"cursor": cursors_of(operation, theirs.user, theirs.values)}
    named = {place: st.sampled_from([*own.values.get(place, ()), *foreign[place]]) for place in operation.places}

    before = recorded(owner, theirs.user)

    @fuzzing
    @given(
        case=described.as_strategy() | described.as_strategy(GenerationMode.NEGATIVE),
        values=st.fixed_dictionaries({}, optional=named),
    )
    def answers(case: Case, values: dict[str, str]) -> None:
        put(case, operation, values)

        answer = case.call(headers=own.user.headers)

        case.validate_response(answer, checks=EXPECTED)
        assert theirs.seen_in(answer, but=values) == set()

    answers()
    assert recorded(owner, theirs.user) == before


def put(case: Case, operation: Operation, values: dict[str, str]) -> None:
    """Somebody's values into the places of a drawn request."""
    parts: dict[str, Any] = {"path": case.path_parameters, "query": case.query, "header": case.headers}
    for name, value in values.items():
        if name in operation.parameters:
            parts[operation.parameters[name]][name] = value
        elif isinstance(case.body, dict) and isinstance(case.body.get(name), list):
            case.body = {**case.body, name: [value]}  # another one: what was drawn may be drawn again


# JSON carries half a character and NUL, a query string only what UTF-8 has.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
ANY_UTF8 = st.text(max_size=300)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["ready", "failed"]) | ANY_UTF8,
        "category": ANY_UTF8,
        "tag": ANY_UTF8,
        "favorite": st.sampled_from(["true", "false", "1"]) | ANY_UTF8,
        "from": st.datetimes().map(str) | st.integers().map(str) | ANY_UTF8,
        "to": st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()) | ANY_UTF8,
        "sort": st.sampled_from(["title", "-taken_at"]) | ANY_UTF8,
        "limit": st.integers().map(str) | ANY_UTF8,
    },
)
drawing = settings(fuzzing, max_examples=EXAMPLES or 40)


def test_any_filters_narrow_the_list_and_its_counts_or_are_refused(own: Belongings) -> None:
    @drawing
    @given(FILTERS)
    def narrowed(filters: dict[str, str]) -> None:
        page = own.user.get("/items", **filters)
        shared = {name: value for name, value in filters.items() if name not in ("sort", "limit")}
        facets = own.user.get("/items/facets", **shared)

        assert {page.status_code, facets.status_code} <= {200, 422}
        if page.status_code == 200:
            counted = sum(entry["count"] for entry in facets.json()["statuses"])
            assert page.json()["total"] == counted

    narrowed()


def test_any_text_is_a_cursor_of_this_list_or_is_refused(own: Belongings) -> None:
    @drawing
    @given(ANY_UTF8)
    def continued(cursor: str) -> None:
        answer = own.user.get("/items", cursor=cursor)

        # No cursor at all is the first page.
        assert answer.status_code == (422 if cursor else 200)

    continued()


def test_any_words_can_be_looked_for(own: Belongings, theirs: Belongings) -> None:
    @drawing
    @given(query=ANY_TEXT, search_type=st.sampled_from(["bm25", "vector", "hybrid"]))
    def looked_for(query: str, search_type: str) -> None:
        body = json.dumps({"query": query, "search_type": search_type}).encode()
        found = own.user.post_raw("/search", body)
        suggested = own.user.get("/search/suggest", q=query.encode("utf-8", "replace").decode())

        is_text = bool(query) and not re.search("[\ud800-\udfff]", query)
        assert found.status_code == (200 if is_text else 422), found.text
        assert suggested.status_code == (200 if 0 < len(query) <= 200 else 422)
        for answer in (found, suggested):
            assert theirs.seen_in(answer, but={}) == set()

    looked_for()


def test_any_filename_stays_text_and_names_no_object(own: Belongings) -> None:
    @drawing
    @given(ANY_TEXT)
    def declared(filename: str) -> None:
        file = {"filename": filename, "content_type": "image/png", "file_size": 1}

        answer = own.user.post_raw("/uploads", json.dumps({"files": [file]}).encode())

        if any("\ud800" <= letter <= "\udfff" for letter in filename):
            assert answer.status_code == 422
            return
        entry = answer.json()["uploads"][0]
        assert entry["item"]["original_filename"] == as_text(filename)
        assert entry["upload"]["fields"]["key"] == f"{own.user.user_id}/images/{entry['item']['id']}/original.png"

    declared()
