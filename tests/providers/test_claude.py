"""Claude through its real SDK, against a server that speaks the vendor's protocol."""

import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from app.analysis import claude, prompt
from app.analysis.claude import ClaudeAnalyzer
from app.analysis.models import HEADLINE_MAX_LENGTH, ImageFacts
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.parameters import Secret
from tests import stub_providers as stubs
from tests.stub_providers import AnthropicStub, Reply

FACTS = ImageFacts(filename="a photo.jpg", mime_type="image/jpeg", width=4000, height=3000)

Build = Callable[..., ClaudeAnalyzer]


@pytest.fixture
def build(url: str, secret: Callable[[str], Secret]) -> Build:
    def build(**options: Any) -> ClaudeAnalyzer:
        provider = claude.anthropic_api(secret("anthropic_api_key"), base_url=url)
        return ClaudeAnalyzer(provider, **{"model": claude.newest_sonnet(), "deadline_s": 10, **options})

    return build


@pytest.fixture
def analyzer(build: Build) -> ClaudeAnalyzer:
    return build()


def test_an_image_is_described_in_one_call_and_its_cost_is_known(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes
) -> None:
    answer = analyzer.analyze(rendition, facts=FACTS)

    assert answer.document.headline.startswith("Picture ")
    assert (answer.provider, answer.model) == ("claude", claude.newest_sonnet())
    assert answer.prompt_version == prompt.VERSION
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2000, 500)
    assert answer.usage.cost_usd == Decimal("0.009")
    assert (anthropic.calls, anthropic.paid, anthropic.refused) == (1, 1, [])


def test_the_default_model_is_the_newest_sonnet_that_the_sdk_knows() -> None:
    name = claude.newest_sonnet()

    assert name.startswith("claude-sonnet-")
    assert [int(part) for part in name.split("-")[2:]] >= [5, 5]


def test_what_is_asked_is_structured_and_shows_the_image_first(
    build: Build, anthropic: AnthropicStub, rendition: bytes
) -> None:
    build(model="claude-haiku-4-5", effort="").analyze(rendition, facts=FACTS)

    (request,) = anthropic.requests
    assert request["model"] == "claude-haiku-4-5"
    assert request["system"] == prompt.SYSTEM
    assert request["output_config"] == {"format": {"type": "json_schema", "schema": prompt.schema()}}
    assert [block["type"] for block in request["messages"][0]["content"]] == ["image", "text"]
    assert "a photo.jpg" in stubs.texts_of(request)[0]


@pytest.mark.parametrize("useless", [stubs.PROSE, stubs.INVALID, stubs.TOO_LONG], ids=lambda reply: reply.kind)
def test_an_unusable_answer_is_asked_for_once_more_and_both_calls_are_charged(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes, useless: Reply
) -> None:
    anthropic.script(useless)

    answer = analyzer.analyze(rendition, facts=FACTS)

    assert anthropic.calls == 2
    assert "could not be used" not in stubs.texts_of(anthropic.requests[0])[0]
    assert "could not be used" in stubs.texts_of(anthropic.requests[1])[0]
    assert (answer.usage.input_tokens, answer.usage.cost_usd) == (4000, Decimal("0.018"))


@pytest.mark.parametrize("useless", [stubs.PROSE, stubs.INVALID, stubs.TOO_LONG], ids=lambda reply: reply.kind)
def test_a_second_unusable_answer_is_the_last(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes, useless: Reply
) -> None:
    anthropic.default = useless

    with pytest.raises(PermanentFailure) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.code == "invalid_answer"
    assert anthropic.calls == 2


def test_a_category_outside_the_vocabulary_is_not_taken(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes
) -> None:
    anthropic.document = lambda image: {**stubs.a_document(image), "category": "cats"}

    with pytest.raises(PermanentFailure, match="twice"):
        analyzer.analyze(rendition, facts=FACTS)


def test_a_headline_that_is_too_long_is_cut_and_not_paid_for_again(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes
) -> None:
    anthropic.document = lambda image: {**stubs.a_document(image), "headline": "a long word " * 20}

    headline = analyzer.analyze(rendition, facts=FACTS).document.headline

    assert len(headline) <= HEADLINE_MAX_LENGTH
    assert headline.removesuffix("…").split()[-1] in ("a", "long", "word")
    assert anthropic.calls == 1


def test_a_refusal_is_final(analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes) -> None:
    anthropic.default = stubs.REFUSAL

    with pytest.raises(PermanentFailure) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.code == "refused"
    assert anthropic.calls == 1


def test_a_request_that_is_rejected_is_not_repeated(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes
) -> None:
    anthropic.default = stubs.BAD_REQUEST

    with pytest.raises(PermanentFailure) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.code == "provider_rejected"
    assert stubs.VENDORS_WORDS not in caught.value.detail
    assert anthropic.calls == 1


@pytest.mark.parametrize(
    ("reply", "retry_after"),
    [
        (stubs.rate_limited(retry_after=7), 7),
        (stubs.rate_limited(retry_after="not a number"), 5),
        (stubs.rate_limited(), 5),
        (stubs.rate_limited(retry_after=10**9), 3600),
        (stubs.unavailable(retry_after=11), 11),
        (stubs.SERVER_ERROR, 5),
        (stubs.OVERLOADED, 5),
        (stubs.UNAUTHORIZED, 900),
        (stubs.FORBIDDEN, 900),
        (stubs.OUT_OF_CREDIT, 900),
        (stubs.NOT_FOUND, 900),
        (Reply(stubs.Kind.ERROR, 400, error_type="billing_error"), 900),
        (stubs.CONNECTION_RESET, 5),
        (stubs.CUT_SHORT, 5),
        (stubs.MALFORMED, 5),
    ],
    ids=lambda value: f"{value.kind} {value.status} {value.error_type}" if isinstance(value, Reply) else str(value),
)
def test_what_may_pass_leaves_the_item_in_the_queue_for_as_long_as_it_takes(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes, reply: Reply, retry_after: int
) -> None:
    anthropic.default = reply

    with pytest.raises(Unavailable) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.retry_after == retry_after
    assert stubs.VENDORS_WORDS not in caught.value.detail
    assert anthropic.calls == 1


@pytest.mark.parametrize("reply", [stubs.NEVER_ANSWERS, stubs.TRICKLE, stubs.slow(30)], ids=lambda reply: reply.kind)
def test_the_deadline_is_on_the_clock_on_the_wall(
    build: Build, anthropic: AnthropicStub, rendition: bytes, reply: Reply
) -> None:
    analyzer = build(deadline_s=0.6)
    anthropic.default = reply
    started = time.monotonic()

    with pytest.raises(Unavailable, match="in time"):
        analyzer.analyze(rendition, facts=FACTS)

    assert time.monotonic() - started < 2


def test_a_second_attempt_has_what_is_left_of_the_time(
    build: Build, anthropic: AnthropicStub, rendition: bytes
) -> None:
    analyzer = build(deadline_s=1.5)
    anthropic.script(Reply(stubs.Kind.PROSE, after=0.5), stubs.NEVER_ANSWERS)
    started = time.monotonic()

    with pytest.raises(Unavailable, match="in time"):
        analyzer.analyze(rendition, facts=FACTS)

    assert time.monotonic() - started < 3
    assert anthropic.calls == 2


def test_nobody_listening_is_a_passing_fault(secret: Callable[[str], Secret], rendition: bytes) -> None:
    provider = claude.anthropic_api(secret("anthropic_api_key"), base_url="http://127.0.0.1:9")
    analyzer = ClaudeAnalyzer(provider, model=claude.newest_sonnet(), deadline_s=5)

    with pytest.raises(Unavailable):
        analyzer.analyze(rendition, facts=FACTS)


def test_a_key_that_was_replaced_is_taken_up_after_the_old_one_is_refused(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, stored: Any, rendition: bytes
) -> None:
    analyzer.analyze(rendition, facts=FACTS)
    anthropic.key = "the new key"
    stored.values["anthropic_api_key"] = "the new key"

    with pytest.raises(Unavailable):
        analyzer.analyze(rendition, facts=FACTS)
    answer = analyzer.analyze(rendition, facts=FACTS)

    assert answer.provider == "claude"
    assert stored.reads == 2


def test_without_a_key_the_item_fails_and_the_parameter_is_named(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, stored: Any, rendition: bytes
) -> None:
    stored.values.clear()

    with pytest.raises(PermanentFailure, match="/collections/test/anthropic_api_key") as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.code == "provider_not_configured"
    assert anthropic.calls == 0


def test_what_is_no_image_is_never_sent(analyzer: ClaudeAnalyzer, anthropic: AnthropicStub) -> None:
    with pytest.raises(PermanentFailure) as caught:
        analyzer.analyze(b"RIFF....WEBP and no more", facts=FACTS)

    assert caught.value.code == "unreadable_image"
    assert anthropic.calls == 0


def test_bedrock_signs_with_the_role_and_asks_the_same(
    url: str, anthropic: AnthropicStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    analyzer = ClaudeAnalyzer(claude.bedrock(base_url=url), model=claude.newest_sonnet_on_bedrock(), deadline_s=10)

    answer = analyzer.analyze(rendition, facts=FACTS)

    (request,) = anthropic.requests
    assert answer.provider == "bedrock"
    assert request["model"] == f"global.anthropic.{claude.newest_sonnet()}"
    assert request["output_config"]["format"]["schema"] == prompt.schema()
    assert answer.usage.cost_usd == Decimal("0.009")


def test_bedrocks_throttling_is_a_passing_fault(
    url: str, anthropic: AnthropicStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    anthropic.default = stubs.rate_limited()
    analyzer = ClaudeAnalyzer(claude.bedrock(base_url=url), model=claude.newest_sonnet_on_bedrock(), deadline_s=10)

    with pytest.raises(Unavailable):
        analyzer.analyze(rendition, facts=FACTS)


def test_the_logs_carry_numbers_and_no_content(
    analyzer: ClaudeAnalyzer, anthropic: AnthropicStub, rendition: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    anthropic.script(stubs.OK, stubs.OVERLOADED)

    analyzer.analyze(rendition, facts=FACTS)
    with pytest.raises(Unavailable):
        analyzer.analyze(rendition, facts=FACTS)

    logged = capsys.readouterr().out
    for secret in (stubs.KEY, "Picture ", "a photo.jpg", stubs.VENDORS_WORDS):
        assert secret not in logged


def test_the_schema_explains_every_field_and_closes_the_categories() -> None:
    schema = prompt.schema()

    described: list[str] = []

    def walk(node: dict[str, Any], path: str) -> None:
        for name, child in node.get("properties", {}).items():
            described.append(f"{path}{name}")
            assert child["description"]
            walk(child, f"{path}{name}.")

    walk(schema, "")

    assert set(described) == set(prompt.FIELDS)
    assert "enum" in schema["properties"]["category"]
    assert "maxLength" not in json.dumps(schema)
