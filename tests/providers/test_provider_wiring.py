"""From the environment that the stack gives a function to a provider that answers."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from app.analysis.models import ImageFacts
from app.platform import aws, settings, wiring
from app.platform.errors import PermanentFailure
from tests.stub_providers import KEY, AnthropicStub, VoyageStub

FACTS = ImageFacts(filename="a.jpg", mime_type="image/jpeg", width=1, height=1)


@pytest.fixture
def cold_start(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    environment = {
        "CLOUD": "aws",
        "ENVIRONMENT": "test",
        "ANALYSIS_PROVIDER": "claude",
        "EMBEDDING_PROVIDER": "voyage",
        "ANTHROPIC_BASE_URL": url,
        "VOYAGE_BASE_URL": url,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
    }
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    forget_everything()
    with mock_aws():
        yield
    forget_everything()


def forget_everything() -> None:
    for module in (aws, settings, wiring):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()


@pytest.fixture
def keys(cold_start: None) -> None:
    ssm = boto3.client("ssm")
    for name in ("anthropic_api_key", "voyage_api_key"):
        ssm.put_parameter(Name=f"/collections/test/{name}", Value=KEY, Type="SecureString")


@pytest.mark.usefixtures("keys")
def test_a_key_is_all_that_claude_and_voyage_need(
    anthropic: AnthropicStub, voyage: VoyageStub, rendition: bytes
) -> None:
    answer = wiring.analyzer().analyze(rendition, facts=FACTS)
    vector = wiring.embedder().embed_query("a query")

    assert answer.document.headline
    assert len(vector) == 1024
    assert (anthropic.refused, voyage.refused) == ([], [])


@pytest.mark.usefixtures("cold_start")
def test_without_keys_it_says_which_parameters_are_missing(rendition: bytes) -> None:
    with pytest.raises(PermanentFailure, match="/collections/test/anthropic_api_key"):
        wiring.analyzer().analyze(rendition, facts=FACTS)
    with pytest.raises(PermanentFailure, match="/collections/test/voyage_api_key"):
        wiring.embedder().embed_query("a query")


@pytest.mark.usefixtures("keys")
def test_models_are_overridden_by_settings(
    anthropic: AnthropicStub, voyage: VoyageStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_MODEL", "claude-haiku-4-5")
    monkeypatch.setenv("ANALYSIS_EFFORT", "")
    monkeypatch.setenv("EMBEDDING_MODEL", "voyage-3.5")

    answer = wiring.analyzer().analyze(rendition, facts=FACTS)
    wiring.embedder().embed_documents(["a document"])

    assert (answer.model, anthropic.requests[0]["model"]) == ("claude-haiku-4-5", "claude-haiku-4-5")
    assert "effort" not in anthropic.requests[0]["output_config"]
    assert (wiring.embedder().model, voyage.requests[0]["model"]) == ("voyage-3.5", "voyage-3.5")
