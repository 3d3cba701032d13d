import io
from collections.abc import Callable, Iterator

import pytest
from PIL import Image

from app.platform.parameters import Parameters, Secret
from tests.stub_providers import KEY, AnthropicStub, LangSmithStub, OpenAIStub, VoyageStub, serving


class StoredParameters:
    """SSM's paginator over a dict, which counts the reads."""

    def __init__(self, **values: str) -> None:
        self.values = values
        self.reads = 0

    def get_paginator(self, _operation: str) -> "StoredParameters":
        return self

    def paginate(self, *, Path: str, **_: object) -> list[dict[str, list[dict[str, str]]]]:  # noqa: N803
        self.reads += 1
        return [{"Parameters": [{"Name": f"{Path}{name}", "Value": value}]} for name, value in self.values.items()]


@pytest.fixture
def stored() -> StoredParameters:
    return StoredParameters(anthropic_api_key=KEY, openai_api_key=KEY, voyage_api_key=KEY)


@pytest.fixture
def secret(stored: StoredParameters) -> Callable[[str], Secret]:
    parameters = Parameters(stored, environment="test")
    return lambda name: Secret(parameters, name)


@pytest.fixture
def anthropic() -> AnthropicStub:
    return AnthropicStub()


@pytest.fixture
def voyage() -> VoyageStub:
    return VoyageStub()


@pytest.fixture
def openai() -> OpenAIStub:
    return OpenAIStub()


@pytest.fixture
def langsmith() -> LangSmithStub:
    return LangSmithStub()


@pytest.fixture
def url(anthropic: AnthropicStub, openai: OpenAIStub, voyage: VoyageStub, langsmith: LangSmithStub) -> Iterator[str]:
    with serving(anthropic, openai, voyage, langsmith, keep_alive=False) as base_url:
        yield base_url


def a_rendition(width: int = 40, height: int = 30, *, form: str = "WEBP", mode: str = "RGB") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), "white").save(out, form)
    return out.getvalue()


@pytest.fixture
def rendition() -> bytes:
    return a_rendition()


@pytest.fixture
def tall() -> bytes:
    """A scrolled page."""
    return a_rendition(600, 2048)
