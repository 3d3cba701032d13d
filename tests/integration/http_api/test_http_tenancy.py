"""Somebody else's ids in every place of the OpenAPI document where an id can stand: they are not there, for anybody."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import botocore.client
import psycopg
import pytest

from app.platform import wiring
from app.search.query_vectors import QueryVectors
from tests.fakes import RecordingEvents
from tests.integration.http_api.application import REQUESTS, Embedder, User
from tests.integration.http_api.belongings import Belongings, given_belongings, recorded
from tests.integration.http_api.operations import KEY, OPERATIONS, UNKNOWN, Operation, cursors_of, every_operation

# Words, numbers, choices and times: nothing in them names anything of anybody.
HARMLESS = frozenset(
    {
        "action", "answer_model", "category", "category_filter", "content_type", "favorite", "file", "file_size",
        "filename", "files", "force_reanalyze", "from", "include_answer", "kind", "limit", "message",
        "min_relevance_score", "min_similarity_score", "model", "notes", "provider", "q", "query", "replaces_turn",
        "search_type", "sort", "status", "tag", "tags", "title", "to", "top_k", "variant",
    }
)  # fmt: skip
Values = dict[str, str]
# These differ between any two answers.
PASSING_HEADERS = (
    "content-length",
    "x-request-id",
    "ratelimit-remaining",
    "ratelimit-reset",
    "ratelimit-limit",
    "ratelimit-policy",
)


@contextmanager
def work_done(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a request asks of PostgreSQL and of AWS, in order; the counting of requests left out."""
    done: list[str] = []
    execute, call = psycopg.Cursor.execute, botocore.client.BaseClient._make_api_call

    def executed(self: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        if query:  # the pool asks for nothing, to see whether a connection is alive
            done.append(str(query))
        return execute(self, query, *arguments, **options)

    def called(self: Any, name: str, arguments: Any) -> Any:
        if arguments.get("TableName") != REQUESTS:
            done.append(name)
        return call(self, name, arguments)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", executed)
        patch.setattr(botocore.client.BaseClient, "_make_api_call", called)
        yield done


def told(answer: Any) -> tuple[int, str, dict[str, str]]:
    """An answer without what differs between any two of them: ids, times and signatures."""
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32,}", "<id>", answer.text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)|X-Amz-[^\"]*|\"(policy|x-amz-[a-z-]+)\":\"[^\"]*\"", "<>", text)
    text = re.sub(r"(_ms\":)[\d.]+", r"\1<>", text)
    headers = {name: value for name, value in answer.headers.items() if name not in PASSING_HEADERS}
    return answer.status_code, text, headers


def attempts(
    operation: Operation, theirs: Belongings, listed: list[str]
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """What to try: values of somebody else's, and beside them values that nobody has. In one place, and in all."""
    foreign = theirs.values | {"cursor": listed}
    for way in operation.ways:
        for place in operation.places:
            for value in foreign[place]:
                yield way | {place: value}, way | {place: UNKNOWN[place]()}
        if len(operation.places) > 1:
            yield (
                way | {place: foreign[place][0] for place in operation.places},
                way | {place: UNKNOWN[place]() for place in operation.places},
            )


def test_of_every_place_in_the_document_it_is_known_what_can_stand_there() -> None:
    unknown = {
        f"{operation.spec['operationId']}: {name}"
        for operation in OPERATIONS
        for name in operation.names - UNKNOWN.keys() - HARMLESS - {KEY}
    }

    assert sorted(unknown) == [], "can it name something of somebody's? Then add it to UNKNOWN, or else to HARMLESS"


def test_every_id_in_a_path_can_be_tried() -> None:
    in_paths = {name for operation in OPERATIONS for name, place in operation.parameters.items() if place == "path"}

    assert in_paths <= UNKNOWN.keys()


@every_operation
def test_what_is_somebody_elses_is_not_there(
    operation: Operation,
    owner: psycopg.Connection,
    own: Belongings,
    theirs: Belongings,
    published: RecordingEvents,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listed = cursors_of(operation, theirs.user, theirs.values)
    # Once for nothing: what is built at the first request is nobody's.
    operation.call(own.user, {place: UNKNOWN[place]() for place in operation.places}, own.values)
    before = recorded(owner, theirs.user)
    published.published.clear()

    for foreign, unknown in attempts(operation, theirs, listed):
        with work_done(monkeypatch) as for_foreign:
            answer = operation.call(own.user, foreign, own.values)
        with work_done(monkeypatch) as for_unknown:
            expected = operation.call(own.user, unknown, own.values)

        assert told(answer) == told(expected), foreign
        assert for_foreign == for_unknown, foreign
        assert answer.status_code < 500
        assert theirs.seen_in(answer, but=foreign) == set()
        if any(operation.parameters.get(name) == "path" for name in foreign.keys() & UNKNOWN.keys()):
            assert answer.status_code == 404, foreign

    assert recorded(owner, theirs.user) == before
    assert [event for event in published.published if event.user_id == theirs.user.user_id] == []


@every_operation
def test_what_is_ones_own_holds_nothing_of_somebody_elses(
    operation: Operation, owner: psycopg.Connection, own: Belongings, theirs: Belongings
) -> None:
    before = recorded(owner, theirs.user)

    answer = operation.call(own.user, {}, own.values)

    assert answer.status_code < 500 or operation.spec["operationId"] == "getReadiness"
    assert theirs.seen_in(answer, but={}) == set()
    assert recorded(owner, theirs.user) == before
    for link in re.findall(r"https://[^\"]+X-Amz-Signature[^\"]+", answer.text):
        assert f"/{own.user.user_id}/" in urlsplit(link).path


@pytest.mark.parametrize(
    "operation",
    [each for each in OPERATIONS if KEY in each.parameters],
    ids=lambda each: each.spec["operationId"],
)
def test_the_key_of_somebody_elses_request_repeats_nothing(
    operation: Operation, owner: psycopg.Connection, own: Belongings, stranger: User
) -> None:
    theirs = given_belongings(owner, stranger)
    key = {KEY: f"key-{uuid4()}"}
    operation.call(theirs.user, key, theirs.values)
    again = operation.call(theirs.user, key, theirs.values)

    answer = operation.call(own.user, key, own.values)

    assert "idempotency-replayed" in again.headers
    assert "idempotency-replayed" not in answer.headers
    assert answer.status_code != 409 or "came with another request" not in answer.text
    assert theirs.seen_in(answer, but=key) == set()


def test_what_is_remembered_of_queries_is_nobodys() -> None:
    """Two users who ask the same share a vector, which is made of the query and of nothing else."""
    asked: list[str] = []

    class Counting(Embedder):
        def embed_query(self, text: str) -> list[float]:
            asked.append(text)
            return super().embed_query(text)

    remembered = QueryVectors(8)

    first, second = (remembered.over(Counting()).embed_query("rye bread") for _ in ("one user", "another"))

    assert first == second == Embedder().embed_query("rye bread")
    assert asked == ["rye bread"]


def test_a_connection_hears_only_of_its_own_user(own: Belongings, theirs: Belongings) -> None:
    heard = {connection.connection_id for connection in wiring.connections().of_user(own.user.user_id)}

    assert heard
    assert heard.isdisjoint(theirs.secrets)
