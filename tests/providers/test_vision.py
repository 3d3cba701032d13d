"""What every analyzer does alike, each through its real SDK against a server that speaks its vendor's protocol."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from app.analysis import claude, prompt
from app.analysis.local import LocalAnalyzer
from app.analysis.models import CATEGORIES, HEADLINE_MAX_LENGTH, Analyzer, ImageFacts, Labels
from app.analysis.openai import OpenAI, newest_terra
from app.analysis.vision import Vendor, VisionAnalyzer
from app.platform import prices
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.parameters import Secret
from tests import stub_providers as stubs
from tests.captured_logs import captured_logs
from tests.stub_providers import AnthropicStub, OpenAIStub, Reply

FACTS = ImageFacts(filename="a photo.jpg", mime_type="image/jpeg", width=4000, height=3000)
OWN = Labels(categories=("wine label",), tags=("Train-Tickets", "ramen"))
USELESS = [stubs.PROSE, stubs.INVALID, stubs.TOO_LONG]

PAID = ("claude", "bedrock", "openai")


@dataclass(frozen=True)
class Case:
    """One vendor: how its requests are read, and what stands for its account."""

    name: str
    stub: AnthropicStub | OpenAIStub
    model: str
    vendor: Vendor

    def build(self, **options: Any) -> VisionAnalyzer:
        return VisionAnalyzer(self.vendor, **{"model": self.model, "deadline_s": 10, **options})

    def images(self, request: dict[str, Any]) -> list[bytes]:
        return stubs.openai_images(request) if self.name == "openai" else stubs.images_of(request)

    def words(self, request: dict[str, Any]) -> str:
        texts = stubs.openai_texts(request) if self.name == "openai" else stubs.texts_of(request)
        return "\n".join(texts)

    def system(self, request: dict[str, Any]) -> str:
        return str(request["instructions" if self.name == "openai" else "system"])

    def schema(self, request: dict[str, Any]) -> dict[str, Any]:
        form = request["text"]["format"] if self.name == "openai" else request["output_config"]["format"]
        schema: dict[str, Any] = form["schema"]
        return schema


@pytest.fixture
def case_of(
    url: str,
    secret: Callable[[str], Secret],
    anthropic: AnthropicStub,
    openai: OpenAIStub,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[str], Case]:
    def case_of(name: str) -> Case:
        match name:
            case "openai":
                return Case(name, openai, newest_terra(), OpenAI(secret("openai_api_key"), base_url=url))
            case "bedrock":
                for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                    monkeypatch.setenv(variable, "example")
                monkeypatch.setenv("AWS_REGION", "eu-central-1")
                return Case(name, anthropic, claude.newest_sonnet_on_bedrock(), claude.bedrock(base_url=url))
            case _:
                vendor = claude.anthropic_api(secret("anthropic_api_key"), base_url=url)
                return Case(name, anthropic, claude.newest_sonnet(), vendor)

    return case_of


@pytest.fixture(params=PAID)
def case(request: pytest.FixtureRequest, case_of: Callable[[str], Case]) -> Case:
    return case_of(request.param)


# --- the protocol that all four keep: `app.analysis.models.Analyzer` --------------------------------------------------


@pytest.fixture(scope="module")
def local_analyzer() -> LocalAnalyzer:
    return LocalAnalyzer()


@pytest.fixture(params=[*PAID, "local"])
def any_analyzer(
    request: pytest.FixtureRequest, case_of: Callable[[str], Case], local_analyzer: LocalAnalyzer
) -> Analyzer:
    return local_analyzer if request.param == "local" else case_of(request.param).build()


def test_an_image_becomes_a_document_of_the_vocabulary_by_a_named_provider(
    any_analyzer: Analyzer, rendition: bytes
) -> None:
    answer = any_analyzer.analyze(rendition, facts=FACTS)

    assert answer.document.category in CATEGORIES
    assert 0 < len(answer.document.headline) <= HEADLINE_MAX_LENGTH
    assert answer.provider
    assert answer.model
    assert answer.prompt_version


@pytest.mark.parametrize("image", [b"", b"RIFF....WEBP and no more", b"%PDF-1.7"])
def test_what_is_no_image_fails_for_good(any_analyzer: Analyzer, image: bytes) -> None:
    with pytest.raises(PermanentFailure) as caught:
        any_analyzer.analyze(image, facts=FACTS)

    assert caught.value.code == "unreadable_image"


# --- what those have in common that are paid --------------------------------------------------------------------------


def test_an_image_is_described_in_one_call_and_its_cost_is_known(case: Case, rendition: bytes) -> None:
    answer = case.build().analyze(rendition, facts=FACTS)

    assert answer.document.headline.startswith("Picture ")
    assert (answer.provider, answer.model) == (case.name, case.model)
    assert answer.prompt_version == prompt.VERSION
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (2000, 500)
    assert answer.usage.cost_usd == prices.cost_usd(case.model, input_tokens=2000, output_tokens=500) > 0
    assert (case.stub.calls, case.stub.paid, case.stub.refused) == (1, 1, [])


def test_what_is_asked_says_how_to_describe_and_in_which_form(case: Case, rendition: bytes) -> None:
    case.build().analyze(rendition, facts=FACTS)

    (request,) = case.stub.requests
    assert request["model"] == case.model
    assert case.system(request) == prompt.LOCAL.system
    assert case.schema(request) == prompt.schema()
    assert "a photo.jpg" in case.words(request)


def test_a_tall_image_is_shown_in_pieces_that_no_vendor_scales_down(case: Case, tall: bytes) -> None:
    case.build().analyze(tall, facts=FACTS)

    (request,) = case.stub.requests
    assert len(case.images(request)) == 2
    assert case.stub.refused == []


def test_the_owners_categories_and_tags_are_offered(case: Case, rendition: bytes) -> None:
    case.stub.document = lambda image: {**stubs.a_document(image), "category": "wine label"}
    facts = ImageFacts("a.jpg", "image/jpeg", 1, 1, labels=OWN)

    answer = case.build().analyze(rendition, facts=facts)

    (request,) = case.stub.requests
    assert answer.document.category == "wine label"
    assert '<own_tags>["Train-Tickets", "ramen"]</own_tags>' in case.words(request)
    assert case.schema(request)["properties"]["category"]["enum"] == [*CATEGORIES, "wine label"]


@pytest.mark.parametrize("useless", USELESS, ids=lambda reply: reply.kind)
def test_an_unusable_answer_is_asked_for_once_more_and_both_calls_are_charged(
    case: Case, rendition: bytes, useless: Reply
) -> None:
    case.stub.script(useless)

    answer = case.build().analyze(rendition, facts=FACTS)

    assert case.stub.calls == 2
    assert "could not be used" not in case.words(case.stub.requests[0])
    assert "could not be used" in case.words(case.stub.requests[1])
    assert answer.usage.input_tokens == 4000
    assert answer.usage.cost_usd == 2 * prices.cost_usd(case.model, input_tokens=2000, output_tokens=500)


@pytest.mark.parametrize("useless", USELESS, ids=lambda reply: reply.kind)
def test_a_second_unusable_answer_is_the_last(case: Case, rendition: bytes, useless: Reply) -> None:
    case.stub.default = useless

    with pytest.raises(PermanentFailure) as caught:
        case.build().analyze(rendition, facts=FACTS)

    assert caught.value.code == "invalid_answer"
    assert case.stub.calls == 2


def test_a_category_outside_the_vocabulary_is_not_taken(case: Case, rendition: bytes) -> None:
    case.stub.document = lambda image: {**stubs.a_document(image), "category": "cats"}

    with pytest.raises(PermanentFailure, match="twice"):
        case.build().analyze(rendition, facts=FACTS)


def test_a_headline_that_is_too_long_is_cut_and_not_paid_for_again(case: Case, rendition: bytes) -> None:
    case.stub.document = lambda image: {**stubs.a_document(image), "headline": "a long word " * 20}

    headline = case.build().analyze(rendition, facts=FACTS).document.headline

    assert len(headline) <= HEADLINE_MAX_LENGTH
    assert headline.removesuffix("…").split()[-1] in ("a", "long", "word")
    assert case.stub.calls == 1


def test_a_refusal_is_final(case: Case, rendition: bytes) -> None:
    case.stub.default = stubs.REFUSAL

    with pytest.raises(PermanentFailure) as caught:
        case.build().analyze(rendition, facts=FACTS)

    assert caught.value.code == "refused"
    assert case.stub.calls == 1


def test_a_request_that_is_rejected_is_not_repeated(case: Case, rendition: bytes) -> None:
    case.stub.default = stubs.BAD_REQUEST

    with pytest.raises(PermanentFailure) as caught:
        case.build().analyze(rendition, facts=FACTS)

    assert caught.value.code == "provider_rejected"
    assert stubs.VENDORS_WORDS not in caught.value.detail
    assert case.stub.calls == 1


@pytest.mark.parametrize(
    ("reply", "retry_after"),
    [
        (stubs.rate_limited(retry_after=7), 7),
        (stubs.rate_limited(retry_after="not a number"), 5),
        (stubs.rate_limited(), 5),
        (stubs.rate_limited(retry_after=10**9), 3600),
        (stubs.unavailable(retry_after=11), 11),
        (stubs.SERVER_ERROR, 5),
        (stubs.BAD_GATEWAY, 5),
        (stubs.OVERLOADED, 5),
        (stubs.UNAUTHORIZED, 900),
        (stubs.FORBIDDEN, 900),
        (stubs.OUT_OF_CREDIT, 900),
        (stubs.NOT_FOUND, 900),
        (stubs.CONNECTION_RESET, 5),
        (stubs.CUT_SHORT, 5),
        (stubs.MALFORMED, 5),
    ],
    ids=lambda value: f"{value.kind} {value.status}" if isinstance(value, Reply) else str(value),
)
def test_what_may_pass_leaves_the_item_in_the_queue_for_as_long_as_it_takes(
    case: Case, rendition: bytes, reply: Reply, retry_after: int
) -> None:
    case.stub.default = reply

    with pytest.raises(Unavailable) as caught:
        case.build().analyze(rendition, facts=FACTS)

    assert caught.value.retry_after == retry_after
    assert stubs.VENDORS_WORDS not in caught.value.detail
    assert case.stub.calls == 1


@pytest.mark.parametrize("reply", [stubs.NEVER_ANSWERS, stubs.TRICKLE, stubs.slow(30)], ids=lambda reply: reply.kind)
def test_the_deadline_is_on_the_clock_on_the_wall(case: Case, rendition: bytes, reply: Reply) -> None:
    case.stub.default = reply
    started = time.monotonic()

    with pytest.raises(Unavailable, match="in time"):
        case.build(deadline_s=0.6).analyze(rendition, facts=FACTS)

    assert time.monotonic() - started < 3


def test_a_second_attempt_has_what_is_left_of_the_time(case: Case, rendition: bytes) -> None:
    analyzer = case.build(deadline_s=3)
    analyzer.analyze(rendition, facts=FACTS)  # loads what the vendor's package needs, once
    case.stub.script(Reply(stubs.Kind.PROSE, after=1), stubs.NEVER_ANSWERS)
    started = time.monotonic()

    with pytest.raises(Unavailable, match="in time"):
        analyzer.analyze(rendition, facts=FACTS)

    assert time.monotonic() - started < 3.9  # with all of it for each, four
    assert case.stub.calls == 3


def test_a_key_that_was_replaced_is_taken_up_after_the_old_one_is_refused(
    case: Case, stored: Any, rendition: bytes
) -> None:
    if case.name == "bedrock":
        pytest.skip("Bedrock has no key")
    analyzer = case.build()
    analyzer.analyze(rendition, facts=FACTS)
    case.stub.key = "the new key"
    stored.values = dict.fromkeys(stored.values, "the new key")

    with pytest.raises(Unavailable):
        analyzer.analyze(rendition, facts=FACTS)
    answer = analyzer.analyze(rendition, facts=FACTS)

    assert answer.provider == case.name
    assert stored.reads == 2


def test_without_a_key_the_item_fails_and_the_parameter_is_named(case: Case, stored: Any, rendition: bytes) -> None:
    if case.name == "bedrock":
        pytest.skip("Bedrock has no key")
    stored.values.clear()

    with pytest.raises(PermanentFailure, match=r"/collections/test/(anthropic|openai)_api_key") as caught:
        case.build().analyze(rendition, facts=FACTS)

    assert caught.value.code == "provider_not_configured"
    assert case.stub.calls == 0


def test_what_is_no_image_is_never_sent(case: Case) -> None:
    with pytest.raises(PermanentFailure):
        case.build().analyze(b"RIFF....WEBP and no more", facts=FACTS)

    assert case.stub.calls == 0


def test_the_logs_carry_numbers_and_no_content(case: Case, rendition: bytes) -> None:
    case.stub.script(stubs.OK, stubs.OVERLOADED)

    with captured_logs() as lines:
        case.build().analyze(rendition, facts=FACTS)
        with pytest.raises(Unavailable):
            case.build().analyze(rendition, facts=FACTS)

    logged = lines.getvalue()
    assert '"input_tokens": 2000' in logged
    for secret in (stubs.KEY, "Picture ", "a photo.jpg", stubs.VENDORS_WORDS):
        assert secret not in logged


# --- the form of the answer -------------------------------------------------------------------------------------------


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
    assert schema["properties"]["category"]["enum"] == list(CATEGORIES)
    assert "maxLength" not in json.dumps(schema)


def test_costs_are_exact_to_the_millionth() -> None:
    assert prices.cost_usd(newest_terra(), input_tokens=2000, output_tokens=500) == Decimal("0.0045")
    assert prices.cost_usd(claude.newest_sonnet(), input_tokens=2000, output_tokens=500) == Decimal("0.009")
