"""What is OpenAI's own; what all analyzers have in common is in test_vision.py."""

from collections.abc import Callable

import pytest

from app.analysis.models import ImageFacts
from app.analysis.openai import OpenAI, newest_terra
from app.analysis.vision import VisionAnalyzer
from app.platform import prices
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.parameters import Secret
from tests import stub_providers as stubs
from tests.stub_providers import OpenAIStub, Reply

FACTS = ImageFacts(filename="a photo.jpg", mime_type="image/jpeg", width=4000, height=3000)


@pytest.fixture
def analyzer(url: str, secret: Callable[[str], Secret]) -> VisionAnalyzer:
    vendor = OpenAI(secret("openai_api_key"), base_url=url)
    return VisionAnalyzer(vendor, model=newest_terra(), deadline_s=10)


def test_the_default_model_is_the_newest_terra_that_the_sdk_knows_and_has_a_price() -> None:
    assert newest_terra() >= "gpt-6.1-terra"
    assert newest_terra() in prices.PRICES


def test_nothing_is_kept_at_the_vendor_and_the_image_is_looked_at_closely(
    analyzer: VisionAnalyzer, openai: OpenAIStub, rendition: bytes
) -> None:
    analyzer.analyze(rendition, facts=FACTS)

    (request,) = openai.requests
    image, _ = request["input"][0]["content"]
    assert request["store"] is False
    assert request["reasoning"] == {"effort": "low"}
    assert (image["type"], image["detail"]) == ("input_image", "high")


def test_a_model_that_knows_no_effort_is_not_told_one(
    url: str, secret: Callable[[str], Secret], openai: OpenAIStub, rendition: bytes
) -> None:
    vendor = OpenAI(secret("openai_api_key"), base_url=url, effort="")

    VisionAnalyzer(vendor, model="gpt-4.1", deadline_s=10).analyze(rendition, facts=FACTS)

    assert "reasoning" not in openai.requests[0]


def test_an_empty_account_is_not_waited_for_like_a_rate(
    analyzer: VisionAnalyzer, openai: OpenAIStub, rendition: bytes
) -> None:
    openai.default = Reply(stubs.Kind.ERROR, 429, retry_after="1", error_type="insufficient_quota")

    with pytest.raises(Unavailable) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.retry_after == 900


@pytest.mark.parametrize("status", [200, 400])
def test_a_picture_that_a_policy_forbids_is_refused_whatever_way_that_is_said(
    analyzer: VisionAnalyzer, openai: OpenAIStub, rendition: bytes, status: int
) -> None:
    kind = stubs.Kind.OK if status == 200 else stubs.Kind.ERROR
    openai.default = Reply(kind, status, error_type="image_content_policy_violation")

    with pytest.raises(PermanentFailure) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.code == "refused"
    assert stubs.VENDORS_WORDS not in caught.value.detail


@pytest.mark.parametrize("code", ["server_error", "rate_limit_exceeded"])
def test_a_response_that_failed_on_the_way_may_be_asked_for_again(
    analyzer: VisionAnalyzer, openai: OpenAIStub, rendition: bytes, code: str
) -> None:
    openai.default = Reply(error_type=code)

    with pytest.raises(Unavailable):
        analyzer.analyze(rendition, facts=FACTS)


def test_a_response_that_failed_for_its_image_is_rejected(
    analyzer: VisionAnalyzer, openai: OpenAIStub, rendition: bytes
) -> None:
    openai.default = Reply(error_type="image_parse_error")

    with pytest.raises(PermanentFailure) as caught:
        analyzer.analyze(rendition, facts=FACTS)

    assert caught.value.code == "provider_rejected"
