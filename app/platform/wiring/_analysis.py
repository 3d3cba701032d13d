"""Who describes an image, and where descriptions are kept."""

from functools import cache, partial
from typing import TYPE_CHECKING

from app.platform import wiring
from app.platform.errors import PermanentFailure
from app.platform.parameters import Secret
from app.platform.settings import AnalysisProvider, AnalysisSettings, TracingSettings

if TYPE_CHECKING:
    from app.analysis.fallback import Choice
    from app.analysis.models import Analyzer
    from app.analysis.prompt import Prompt
    from app.analysis.store import AnalysisStore
    from app.analysis.vision import Vendor


@cache
def analyses() -> "AnalysisStore":
    from app.analysis.store import AnalysisStore

    return AnalysisStore(wiring.database())


@cache
def analysis_settings() -> AnalysisSettings:
    return AnalysisSettings()


@cache
def analyzer(provider: str | None = None, model: str | None = None) -> "Analyzer":
    """Who describes an image: whom a request named, and nobody else; or the configured one, then its stand-ins.

    Raises:
        PermanentFailure: `provider_not_configured`: somebody is named who may not be (any more).
    """
    from app.analysis.fallback import FallbackAnalyzer

    settings = wiring.analysis_settings()
    order = settings.analysis_order
    if provider or model:
        named = settings.analysis_choice(provider, model)
        if named is None:
            raise PermanentFailure("provider_not_configured", "The provider or the model named is not offered here.")
        order = (named,)
    choices: dict[str, Choice] = {each: partial(_analyzer, each, model) for each in order}
    return FallbackAnalyzer(choices, deadline_s=settings.provider_deadline_s)


def _analyzer(provider: AnalysisProvider, model: str | None, deadline_s: float) -> "Analyzer":
    if provider == "local":
        return _local_analyzer()
    from app.analysis.vision import VisionAnalyzer

    vendor, default = _vendor(provider)
    return VisionAnalyzer(vendor, model=model or default, deadline_s=deadline_s, instructions=wiring.analysis_prompt)


@cache
def _local_analyzer() -> "Analyzer":
    from app.analysis.local import LocalAnalyzer

    return LocalAnalyzer()


@cache
def _vendor(provider: AnalysisProvider) -> "tuple[Vendor, str]":
    """A vendor, connected, and which of its models is asked where none is named."""
    settings = wiring.analysis_settings()
    effort = settings.analysis_effort
    configured = settings.analysis_model if provider == settings.analysis_provider else ""
    if provider == "openai":
        from app.analysis.openai import OpenAI, newest_terra

        openai = OpenAI(Secret(wiring.parameters(), "openai_api_key"), base_url=settings.openai_base_url, effort=effort)
        return openai, configured or newest_terra()
    from app.analysis import claude

    if provider == "bedrock":
        bedrock = claude.bedrock(base_url=settings.bedrock_base_url or None, effort=effort)
        return bedrock, configured or claude.newest_sonnet_on_bedrock()
    secret = Secret(wiring.parameters(), "anthropic_api_key")
    anthropic = claude.anthropic_api(secret, base_url=settings.anthropic_base_url, effort=effort)
    return anthropic, configured or claude.newest_sonnet()


@cache
def analysis_prompt() -> "Prompt":
    """How to describe: pulled once per cold start where there is a name and a key; else as the code says."""
    from app.analysis import prompt

    name, hub = TracingSettings().langsmith_prompt, wiring.langsmith()
    if not name or hub is None:
        return prompt.LOCAL
    from app.analysis.prompt_hub import pulled

    return pulled(name, hub)
