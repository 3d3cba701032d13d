"""What is Claude's own; what all analyzers have in common is in test_vision.py."""

from collections.abc import Callable
from typing import Any

import pytest

from app.analysis import claude
from app.analysis.models import ImageFacts
from app.analysis.vision import VisionAnalyzer
from app.platform.errors import Unavailable
from app.platform.parameters import Secret
from tests import stub_providers as stubs
from tests.stub_providers import AnthropicStub, Reply

FACTS = ImageFacts(filename="a photo.jpg", mime_type="image/jpeg", width=4000, height=3000)


@pytest.fixture
def build(url: str, secret: Callable[[str], Secret]) -> Callable[..., VisionAnalyzer]:
    def build(*, model: str = "", **options: Any) -> VisionAnalyzer:
        vendor = claude.anthropic_api(secret("anthropic_api_key"), base_url=url, **options)
        return VisionAnalyzer(vendor, model=model or claude.newest_sonnet(), deadline_s=10)

    return build


def test_the_default_model_is_the_newest_sonnet_that_the_sdk_knows() -> None:
    name = claude.newest_sonnet()

    assert name.startswith("claude-sonnet-")
    assert [int(part) for part in name.split("-")[2:]] >= [5, 5]


def test_the_image_is_shown_before_it_is_said_what_to_do_with_it(
    build: Callable[..., VisionAnalyzer], anthropic: AnthropicStub, rendition: bytes
) -> None:
    build().analyze(rendition, facts=FACTS)

    (request,) = anthropic.requests
    assert [block["type"] for block in request["messages"][0]["content"]] == ["image", "text"]
    assert request["output_config"]["effort"] == "low"


def test_a_model_that_knows_no_effort_is_not_told_one(
    build: Callable[..., VisionAnalyzer], anthropic: AnthropicStub, rendition: bytes
) -> None:
    build(model="claude-haiku-4-5", effort="").analyze(rendition, facts=FACTS)

    (request,) = anthropic.requests
    assert request["model"] == "claude-haiku-4-5"
    assert "effort" not in request["output_config"]


def test_an_account_in_trouble_that_comes_as_a_bad_request_is_the_operators_business(
    build: Callable[..., VisionAnalyzer], anthropic: AnthropicStub, rendition: bytes
) -> None:
    anthropic.default = Reply(stubs.Kind.ERROR, 400, error_type="billing_error")

    with pytest.raises(Unavailable) as caught:
        build().analyze(rendition, facts=FACTS)

    assert caught.value.retry_after == 900


def test_nobody_listening_is_a_passing_fault(secret: Callable[[str], Secret], rendition: bytes) -> None:
    vendor = claude.anthropic_api(secret("anthropic_api_key"), base_url="http://127.0.0.1:9")

    with pytest.raises(Unavailable):
        VisionAnalyzer(vendor, model=claude.newest_sonnet(), deadline_s=5).analyze(rendition, facts=FACTS)
