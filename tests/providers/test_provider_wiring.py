"""From the environment that the stack gives a function to a provider that answers."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from app.analysis import prompt
from app.analysis.models import ImageFacts
from app.platform import aws, settings, wiring
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.tracing import NO_TRACING
from app.search import local
from tests import stub_providers as stubs
from tests.stub_providers import KEY, AnthropicStub, LangSmithStub, OpenAIStub, VoyageStub

FACTS = ImageFacts(filename="a.jpg", mime_type="image/jpeg", width=1, height=1)


@pytest.fixture
def cold_start(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    environment = {
        "CLOUD": "aws",
        "ENVIRONMENT": "test",
        "ANALYSIS_PROVIDER": "claude",
        "EMBEDDING_PROVIDER": "voyage",
        "ANTHROPIC_BASE_URL": url,
        "OPENAI_BASE_URL": url,
        "LANGSMITH_BASE_URL": url,
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
    for name in ("anthropic_api_key", "openai_api_key", "voyage_api_key"):
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


# --- who embedded before ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
def test_a_former_model_is_asked_through_its_own_provider_with_the_configured_ones_settings(
    voyage: VoyageStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDING_PROVIDER", "local")

    former = wiring.former_embedder("voyage-3.5")
    vector = former.embed_query("a query")

    assert (wiring.embedder().provider, former.provider, former.model) == ("local", "voyage", "voyage-3.5")
    assert len(vector) == 1024
    assert [request["model"] for request in voyage.requests] == ["voyage-3.5"]


@pytest.mark.usefixtures("cold_start")
def test_the_local_model_is_a_former_one_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wiring.former_embedder(local.LocalEmbedder.model).provider == "local"

    wiring.former_embedder.cache_clear()
    monkeypatch.setattr(local, "PACKAGE", "a_package_that_no_bundle_has")

    with pytest.raises(PermanentFailure, match="all-MiniLM-L6-v2"):
        wiring.former_embedder(local.LocalEmbedder.model)


@pytest.mark.usefixtures("cold_start")
def test_a_model_that_nobody_here_has_is_named() -> None:
    with pytest.raises(PermanentFailure, match="text-embedding-of-old") as caught:
        wiring.former_embedder("text-embedding-of-old")

    assert caught.value.code == "provider_not_configured"


# --- who else ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
def test_a_key_is_all_that_openai_needs(openai: OpenAIStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANALYSIS_PROVIDER", "openai")

    answer = wiring.analyzer().analyze(rendition, facts=FACTS)

    assert (answer.provider, openai.refused) == ("openai", [])


@pytest.mark.usefixtures("keys")
def test_while_one_provider_is_down_the_next_one_describes_and_is_named(
    anthropic: AnthropicStub, openai: OpenAIStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_FALLBACK", "claude, openai")
    anthropic.default = stubs.OVERLOADED

    answer = wiring.analyzer().analyze(rendition, facts=FACTS)

    assert (answer.provider, answer.model) == ("openai", openai.requests[0]["model"])
    assert (anthropic.calls, openai.calls) == (1, 1)


@pytest.mark.usefixtures("cold_start")
def test_without_one_key_the_provider_that_has_one_describes(
    openai: OpenAIStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_FALLBACK", "openai")
    boto3.client("ssm").put_parameter(Name="/collections/test/openai_api_key", Value=KEY, Type="SecureString")

    assert wiring.analyzer().analyze(rendition, facts=FACTS).provider == "openai"


@pytest.mark.usefixtures("keys")
def test_whoever_is_named_answers_alone(
    anthropic: AnthropicStub, openai: OpenAIStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYSIS_FALLBACK", "claude")
    monkeypatch.setenv("ANALYSIS_ALLOWED", '{"openai": ["gpt-6-luna"]}')
    openai.script(stubs.OK, stubs.SERVER_ERROR)

    answer = wiring.analyzer("openai", "gpt-6-luna").analyze(rendition, facts=FACTS)
    with pytest.raises(Unavailable):
        wiring.analyzer("openai").analyze(rendition, facts=FACTS)

    assert (answer.provider, answer.model) == ("openai", "gpt-6-luna")
    assert anthropic.calls == 0


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("provider", "model"),
    [("openai", None), ("local", None), ("claude", "claude-fable-5"), (None, "gpt-6-astra"), ("nobody", None)],
)
def test_who_is_not_offered_any_more_when_it_comes_to_it_is_not_asked(provider: str | None, model: str | None) -> None:
    with pytest.raises(PermanentFailure) as caught:
        wiring.analyzer(provider, model)

    assert caught.value.code == "provider_not_configured"


# --- LangSmith --------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
def test_without_a_key_nothing_is_traced_and_the_prompt_is_ours(
    anthropic: AnthropicStub, langsmith: LangSmithStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_PROMPT", "vision")

    wiring.analyzer().analyze(rendition, facts=FACTS)

    assert wiring.tracer() is NO_TRACING
    assert anthropic.requests[0]["system"] == prompt.LOCAL.system
    assert langsmith.calls == 0


@pytest.mark.usefixtures("keys")
def test_a_prompt_is_pulled_once_per_cold_start_and_remembered_with_each_analysis(
    anthropic: AnthropicStub, langsmith: LangSmithStub, rendition: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_PROMPT", "vision")
    boto3.client("ssm").put_parameter(Name="/collections/test/langsmith_api_key", Value=KEY, Type="SecureString")
    langsmith.prompts["vision"] = stubs.a_prompt("Describe it in one word.")

    answers = [wiring.analyzer().analyze(rendition, facts=FACTS) for _ in range(3)]

    assert langsmith.calls == 1
    assert {answer.prompt_version for answer in answers} == {f"{prompt.VERSION}+vision@c0ffeec0"}
    assert anthropic.requests[0]["system"].startswith("Describe it in one word.")
