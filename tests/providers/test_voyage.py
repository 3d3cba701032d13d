"""Voyage over its real HTTP stack, against a server that speaks the vendor's protocol."""

import json
import math
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.platform.errors import PermanentFailure, Unavailable
from app.platform.parameters import Secret
from app.search.models import DIMENSIONS
from app.search.voyage import VoyageEmbedder
from tests import stub_providers as stubs
from tests.stub_providers import Reply, VoyageStub

Build = Callable[..., VoyageEmbedder]


@pytest.fixture
def build(url: str, secret: Callable[[str], Secret]) -> Build:
    def build(**options: Any) -> VoyageEmbedder:
        return VoyageEmbedder(secret("voyage_api_key"), base_url=url, **{"deadline_s": 10, **options})

    return build


@pytest.fixture
def embedder(build: Build) -> VoyageEmbedder:
    return build()


def test_texts_become_unit_vectors_in_their_order_in_one_call(embedder: VoyageEmbedder, voyage: VoyageStub) -> None:
    vectors = embedder.embed_documents(["one", "two", "one"])

    assert [len(vector) for vector in vectors] == [DIMENSIONS] * 3
    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1, 1, 1])
    assert vectors[0] == vectors[2] == pytest.approx(stubs.a_vector("one"))
    assert vectors[1] == pytest.approx(stubs.a_vector("two"))
    assert (voyage.calls, voyage.refused) == (1, [])


def test_documents_and_queries_say_which_they_are(embedder: VoyageEmbedder, voyage: VoyageStub) -> None:
    embedder.embed_documents(["a receipt"])
    embedder.embed_query("receipts")

    document, query = voyage.requests
    assert (document["input_type"], query["input_type"]) == ("document", "query")
    assert (document["model"], document["output_dimension"]) == ("voyage-3.5-lite", 1024)
    assert document["truncation"] is True


def test_nothing_to_embed_costs_nothing(embedder: VoyageEmbedder, voyage: VoyageStub) -> None:
    assert embedder.embed_documents([]) == []

    assert voyage.calls == 0


def test_batches_stay_within_the_vendors_number_of_texts(embedder: VoyageEmbedder, voyage: VoyageStub) -> None:
    vectors = embedder.embed_documents([str(number) for number in range(1001)])

    assert [len(request["input"]) for request in voyage.requests] == [1000, 1]
    assert vectors[1000] == pytest.approx(stubs.a_vector("1000"))


def test_batches_stay_within_the_vendors_number_of_tokens(build: Build, voyage: VoyageStub) -> None:
    embedder = build(model="voyage-3-large")  # 120,000 tokens at once
    texts = ["ä" * 50_000, "b", "c" * 500_000]

    assert len(embedder.embed_documents(texts)) == 3

    sent = [[len(text.encode()) for text in request["input"]] for request in voyage.requests]
    assert sent == [[100_000, 1], [120_000]]


@pytest.mark.parametrize("text", ["", " \n", "\ud83d", "\x00"])
def test_whatever_text_there_is_gets_a_vector(embedder: VoyageEmbedder, voyage: VoyageStub, text: str) -> None:
    (vector,) = embedder.embed_documents([text])

    assert len(vector) == DIMENSIONS
    assert voyage.refused == []


def test_a_text_that_the_vendor_rejects_is_a_failure_for_good(embedder: VoyageEmbedder, voyage: VoyageStub) -> None:
    voyage.poison = "poison"

    with pytest.raises(PermanentFailure) as caught:
        embedder.embed_documents(["good", "poison"])

    assert caught.value.code == "provider_rejected"
    assert "cannot be embedded" not in caught.value.detail


@pytest.mark.parametrize(
    ("reply", "retry_after"),
    [
        (stubs.rate_limited(retry_after=7), 7),
        (stubs.rate_limited(), 5),
        (stubs.unavailable(retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), 1),
        (stubs.SERVER_ERROR, 5),
        (stubs.BAD_GATEWAY, 5),
        (stubs.OVERLOADED, 5),
        (stubs.UNAUTHORIZED, 900),
        (stubs.FORBIDDEN, 900),
        (stubs.CONNECTION_RESET, 5),
        (stubs.CUT_SHORT, 5),
        (stubs.MALFORMED, 5),
        (stubs.INVALID, 5),
    ],
    ids=lambda value: f"{value.kind} {value.status}" if isinstance(value, Reply) else str(value),
)
def test_what_may_pass_leaves_the_items_in_the_queue(
    embedder: VoyageEmbedder, voyage: VoyageStub, reply: Reply, retry_after: int
) -> None:
    voyage.default = reply

    with pytest.raises(Unavailable) as caught:
        embedder.embed_documents(["text", "more"])

    assert caught.value.retry_after == retry_after
    assert stubs.VENDORS_WORDS not in caught.value.detail
    assert voyage.calls == 1


@pytest.mark.parametrize(
    "reply",
    [
        stubs.SERVER_ERROR,
        stubs.UNAUTHORIZED,
        stubs.CONNECTION_RESET,
        stubs.MALFORMED,
        stubs.NEVER_ANSWERS,
        stubs.INVALID,
    ],
    ids=lambda reply: f"{reply.kind} {reply.status}",
)
def test_however_the_provider_fails_it_is_counted_once(
    build: Build, voyage: VoyageStub, reply: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    voyage.default = reply

    with pytest.raises(Unavailable):
        build(deadline_s=0.6).embed_documents(["text"])

    assert provider_failures(capsys) == [("embedder", "voyage", "unavailable")]


def test_a_missing_key_is_counted_as_the_providers_failure(
    embedder: VoyageEmbedder, stored: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    stored.values.clear()

    with pytest.raises(PermanentFailure):
        embedder.embed_query("text")

    assert provider_failures(capsys) == [("embedder", "voyage", "provider_not_configured")]


def test_what_is_answered_counts_as_no_failure(embedder: VoyageEmbedder, capsys: pytest.CaptureFixture[str]) -> None:
    embedder.embed_documents(["text"])

    assert provider_failures(capsys) == []


def provider_failures(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str, str]]:
    """Stage, provider and code of every line that counts one."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"provider_failures"' in line]
    assert all(line["provider_failures"] == [1.0] for line in lines)
    return [(line["stage"], line["provider"], line["code"]) for line in lines]


@pytest.mark.parametrize("reply", [stubs.NEVER_ANSWERS, stubs.TRICKLE, stubs.slow(30)], ids=lambda reply: reply.kind)
def test_a_query_does_not_wait_as_long_as_a_document(build: Build, voyage: VoyageStub, reply: Reply) -> None:
    embedder = build(deadline_s=30, query_deadline_s=0.4)
    voyage.default = reply
    started = time.monotonic()

    with pytest.raises(Unavailable, match="in time"):
        embedder.embed_query("receipts")

    assert time.monotonic() - started < 2


def test_all_batches_together_have_one_deadline(build: Build, voyage: VoyageStub) -> None:
    embedder = build(deadline_s=0.6)
    voyage.default = stubs.slow(0.4)
    started = time.monotonic()

    with pytest.raises(Unavailable):
        embedder.embed_documents([str(number) for number in range(3000)])

    assert time.monotonic() - started < 2
    assert voyage.calls <= 2


def test_a_key_that_was_replaced_is_taken_up_after_the_old_one_is_refused(
    embedder: VoyageEmbedder, voyage: VoyageStub, stored: Any
) -> None:
    embedder.embed_query("before")
    voyage.key = stored.values["voyage_api_key"] = "the new key"

    with pytest.raises(Unavailable):
        embedder.embed_query("refused")
    vector = embedder.embed_query("after")

    assert len(vector) == DIMENSIONS
    assert stored.reads == 2


def test_without_a_key_the_parameter_is_named(embedder: VoyageEmbedder, voyage: VoyageStub, stored: Any) -> None:
    stored.values.clear()

    with pytest.raises(PermanentFailure, match="/collections/test/voyage_api_key"):
        embedder.embed_documents(["text"])

    assert voyage.calls == 0


def test_the_logs_carry_numbers_and_no_content(
    embedder: VoyageEmbedder, voyage: VoyageStub, capsys: pytest.CaptureFixture[str]
) -> None:
    voyage.script(stubs.OK, stubs.SERVER_ERROR)

    embedder.embed_query("something private")
    with pytest.raises(Unavailable):
        embedder.embed_query("something private")

    logged = capsys.readouterr().out
    for secret in (stubs.KEY, "something private", stubs.VENDORS_WORDS):
        assert secret not in logged
