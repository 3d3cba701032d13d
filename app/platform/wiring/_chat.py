"""Who answers questions, and where conversations are kept."""

from functools import cache, partial
from typing import TYPE_CHECKING
from uuid import UUID

from app.platform import aws, wiring
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.lasting import lasting
from app.platform.logs import logger
from app.platform.parameters import Secret
from app.platform.settings import AnswerModelSettings, ChatFunctionSettings, ChatSettings, ConversationSettings

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from app.chat.collection import Collection
    from app.chat.function import ChatFunction
    from app.chat.service import Assistant
    from app.chat.store import SessionStore
    from app.chat.summaries import Summarise
    from app.chat.turn import Web
    from app.search.agentic import Planner


@cache
def chat_settings() -> ChatSettings:
    return ChatSettings()


@cache
def answer_model_settings() -> AnswerModelSettings:
    return AnswerModelSettings()


@cache
def chat_sessions() -> "SessionStore":
    from app.chat.store import SessionStore

    settings = ConversationSettings()
    return SessionStore(
        aws.client("dynamodb"),
        settings.sessions_table,
        ttl_seconds=settings.session_ttl_seconds,
        lease_seconds=settings.turn_silence_seconds,
    )


@cache
def chat_function(waits_s: int | None = None) -> "ChatFunction":
    """The function that answers, for those who have less time than an answer may take; or even less than usual."""
    from app.chat.function import ChatFunction

    settings = ChatFunctionSettings()
    client = partial(aws.client, "lambda", waits_s=min(settings.chat_wait_s, waits_s or settings.chat_wait_s))
    return ChatFunction(client, settings.chat_function_name)


def collection(user_id: UUID) -> "Collection":
    """One user's items, for the assistant's tools."""
    from app.chat.collection import Collection

    return Collection(
        user_id,
        items=wiring.items(),
        analyses=wiring.analyses(),
        index=wiring.search_index(),
        embedder=lambda: wiring.query_vectors().over(wiring.embedder()),
        former=lambda model: wiring.query_vectors().over(wiring.former_embedder(model)),
        settings=wiring.search_settings(),
    )


@cache
@lasting()
def planner(model: str | None = None) -> "Planner":
    """Who plans searches: the configured model, or another one that is offered. Raises PermanentFailure."""
    settings = wiring.chat_settings()
    hurried = {"chat_call_deadline_s": settings.plan_deadline_s, "chat_output_tokens": settings.plan_output_tokens}
    if settings.chat_provider == "local":
        from app.chat.local_planner import RulePlanner

        return RulePlanner()
    from app.chat.model_planner import ModelPlanner

    chosen, _ = _chat_model(settings.model_copy(update=hurried), model)
    return ModelPlanner(chosen)


@cache
@lasting()
def assistant(model: str | None = None) -> "Assistant":
    """Who answers in conversations. LangGraph takes seconds to load: nobody else builds this.

    Raises:
        PermanentFailure: `model` is not offered.
    """
    from app.chat.agent import LangGraphAssistant
    from app.chat.checkpoints import CommittedCheckpoints

    settings = wiring.chat_settings()
    checkpoints = CommittedCheckpoints(
        settings.checkpoints_table,
        bucket=wiring.storage_settings().bucket_name,
        ttl_seconds=settings.session_ttl_seconds,
        boto_config=aws.client("dynamodb").meta.config,
    )
    chosen, name = _chat_model(settings, model)
    return LangGraphAssistant(
        chosen,
        model_name=name,
        checkpoints=checkpoints,
        settings=settings,
        web=_web(settings),
        summarise=_summariser(settings, model),
    )


def _summariser(settings: ChatSettings, model: str | None) -> "Summarise":
    """Who shortens histories: the model that answers, in less time and words; rules for the one without a network."""
    from app.chat.summaries import ModelSummary, by_rules

    if settings.chat_provider == "local":
        return by_rules
    brief = {
        "chat_call_deadline_s": settings.summary_deadline_s,
        "chat_output_tokens": settings.summary_output_tokens,
    }
    chosen, _ = _chat_model(settings.model_copy(update=brief), model)
    return ModelSummary(chosen)


def _chat_model(settings: ChatSettings, named: str | None = None) -> "tuple[BaseChatModel, str]":
    if named and named not in settings.answer_models:
        raise PermanentFailure("provider_not_configured", "The model named is not offered here.")
    if settings.chat_provider == "local":
        from app.chat.local import MODEL_NAME, LocalChatModel

        return LocalChatModel(), MODEL_NAME
    from app.chat import claude
    from app.platform.sonnet import newest_sonnet, newest_sonnet_on_bedrock

    if settings.chat_provider == "bedrock":
        name = named or settings.chat_model or newest_sonnet_on_bedrock()
        return claude.bedrock(name, settings), name
    name = named or settings.chat_model or newest_sonnet()
    return claude.anthropic_api(Secret(wiring.parameters(), "anthropic_api_key"), name, settings), name


def _web(settings: ChatSettings) -> "Web | None":
    """The web, if there is a key for searching it."""
    try:
        if wiring.parameters().find("tavily_api_key") is None:
            return None
    except Unavailable as exc:
        logger.warning("web search is off", reason=exc.detail)
        return None
    from app.chat.tavily import TavilySearch

    return TavilySearch(Secret(wiring.parameters(), "tavily_api_key"), settings)
