"""The one composition root: every collaborator is built here, on first use, once per execution environment."""

from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING
from uuid import UUID

from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform import aws
from app.platform.database import Database
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.eventbridge import EventBridgePublisher
from app.platform.logs import logger
from app.platform.parameters import Parameters, Secret
from app.platform.settings import (
    AccountSettings,
    AnalysisProvider,
    AnalysisSettings,
    AnswerModelSettings,
    AuthSettings,
    ChatFunctionSettings,
    ChatSettings,
    ConversationSettings,
    DatabaseSettings,
    EmbeddingSettings,
    JobSettings,
    RealtimeSettings,
    RequestSettings,
    SearchSettings,
    StageSettings,
    StorageSettings,
    TracingSettings,
    UsageSettings,
    service_settings,
)
from app.platform.tracing import NO_TRACING, Tracer

# What only some functions use is imported where it is built: each bundle carries only its own requirements.
if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from app.account.cognito import UserDirectory
    from app.account.models import PersonalData
    from app.account.s3 import ObjectsOfUser
    from app.account.store import AccountStore
    from app.analysis.fallback import Choice
    from app.analysis.models import Analyzer
    from app.analysis.prompt import Prompt
    from app.analysis.store import AnalysisStore
    from app.analysis.vision import Vendor
    from app.chat.collection import Collection
    from app.chat.function import ChatFunction
    from app.chat.service import Assistant
    from app.chat.store import SessionStore
    from app.chat.turn import Web
    from app.cleanup.store import CleanupStore, JobCleanupStore, UsageCleanupStore
    from app.jobs.models import Advance
    from app.jobs.store import JobStore
    from app.platform.auth import TokenVerifier
    from app.platform.langsmith import LangSmith
    from app.platform.rate_limits import RateLimiter
    from app.platform.request_store import RequestStore
    from app.realtime.gateway import WebSocketGateway
    from app.realtime.store import ConnectionStore
    from app.search.agentic import Find, Known, Planner
    from app.search.models import Embedder
    from app.search.query_vectors import QueryVectors
    from app.search.rebuild import RebuildStore
    from app.search.store import SearchStore
    from app.search.suggestions import SuggestionStore
    from app.usage.models import Kind, Quota, Terms
    from app.usage.store import UsageStore


@cache
def database() -> Database:
    settings = DatabaseSettings()  # type: ignore[call-arg]  # settings come from the environment
    return Database(settings, sign_token=aws.sign_database_token if settings.database_iam_auth else None)


@cache
def items() -> ItemStore:
    return ItemStore(database())


@cache
def analyses() -> "AnalysisStore":
    from app.analysis.store import AnalysisStore

    return AnalysisStore(database())


@cache
def search_index() -> "SearchStore":
    from app.search.store import SearchStore

    return SearchStore(database(), search_settings())


@cache
def search_settings() -> SearchSettings:
    return SearchSettings()


@cache
def query_vectors() -> "QueryVectors":
    from app.search.query_vectors import QueryVectors

    return QueryVectors(search_settings().query_cache_size)


@cache
def suggestions() -> "SuggestionStore":
    from app.search.suggestions import SuggestionStore

    return SuggestionStore(database())


@cache
def cleanup_store() -> "CleanupStore":
    from app.cleanup.store import CleanupStore

    return CleanupStore(database())


@cache
def job_cleanup_store() -> "JobCleanupStore":
    from app.cleanup.store import JobCleanupStore

    return JobCleanupStore(database())


@cache
def objects_of_user() -> "ObjectsOfUser":
    from app.account.s3 import ObjectsOfUser

    return ObjectsOfUser(aws.client("s3"), storage_settings().bucket_name)


@cache
def jobs() -> "JobStore":
    from app.jobs.store import JobStore

    return JobStore(database())


@cache
def job_settings() -> JobSettings:
    return JobSettings()  # type: ignore[call-arg]


@cache
def account() -> "AccountStore":
    from app.account.store import AccountStore

    return AccountStore(database())


@cache
def account_settings() -> AccountSettings:
    return AccountSettings()  # type: ignore[call-arg]


@cache
def user_directory() -> "UserDirectory":
    from app.account.cognito import UserDirectory

    return UserDirectory(aws.client("cognito-idp"), account_settings().cognito_user_pool_id)


@cache
def export() -> "Advance":
    """The steps of an export."""
    from app.account import export
    from app.account.s3 import ExportBucket

    bucket = ExportBucket(aws.client("s3"), storage_settings().bucket_name)
    return partial(export.advance, account=account(), bucket=bucket)


@cache
def deletion() -> "Advance":
    """The steps of an account's deletion: rows go first, so that workers are fenced out of what follows."""
    from app.account import deletion, dynamodb
    from app.account.store import RowsOfUser

    tables = ConversationSettings()  # type: ignore[call-arg]
    connections_table = RealtimeSettings().connections_table  # type: ignore[call-arg]
    requests_table = RequestSettings().requests_table  # type: ignore[call-arg]
    client = aws.client("dynamodb")
    stores: list[PersonalData] = [
        RowsOfUser(database()),
        dynamodb.RowsOfTable(
            client,
            connections_table,
            name="connections",
            keys=("connection_id",),
            search=dynamodb.connections_of,
            before=lambda key: websocket_gateway().close(key["connection_id"]["S"]),
        ),
        dynamodb.RowsOfTable(
            client,
            tables.sessions_table,
            name="sessions",
            keys=("user_id", "session_id"),
            search=dynamodb.sessions_of,
        ),
        dynamodb.RowsOfTable(
            client, tables.checkpoints_table, name="checkpoints", keys=("PK", "SK"), search=dynamodb.checkpoints_of
        ),
        dynamodb.RowsOfTable(client, requests_table, name="answers", keys=("id",), search=dynamodb.answers_of),
        objects_of_user(),
    ]
    return partial(deletion.advance, stores=stores, directory=user_directory())


@cache
def storage_settings() -> StorageSettings:
    return StorageSettings()  # type: ignore[call-arg]


@cache
def stage_settings() -> StageSettings:
    return StageSettings()  # type: ignore[call-arg]


@cache
def images() -> ImageBucket:
    return ImageBucket(aws.client("s3"), storage_settings())


@cache
def events() -> EventBridgePublisher:
    return EventBridgePublisher(aws.client("events"))


@cache
def token_verifier() -> "TokenVerifier":
    from app.platform.auth import KeySet, TokenVerifier, fetch_keys

    settings = AuthSettings()  # type: ignore[call-arg]
    return TokenVerifier(settings, KeySet(partial(fetch_keys, str(settings.cognito_jwks_url))))


@cache
def request_settings() -> RequestSettings:
    return RequestSettings()  # type: ignore[call-arg]


@cache
def request_store() -> "RequestStore":
    from app.platform.request_store import RequestStore

    return RequestStore(aws.client("dynamodb", is_hurried=True), request_settings().requests_table)


@cache
def rate_limiter() -> "RateLimiter":
    from app.platform.rate_limits import RateLimiter

    return RateLimiter(request_store, per_minute=request_settings().requests_per_minute)


@cache
def connections() -> "ConnectionStore":
    from app.realtime.store import ConnectionStore

    settings = RealtimeSettings()  # type: ignore[call-arg]
    return ConnectionStore(
        aws.client("dynamodb"), settings.connections_table, ttl_seconds=settings.connection_ttl_seconds
    )


@cache
def hurried_websocket_gateway() -> "WebSocketGateway":
    """For pushes that whoever is at work must not wait for."""
    from app.realtime.gateway import WebSocketGateway

    settings = RealtimeSettings()  # type: ignore[call-arg]
    return WebSocketGateway(
        aws.client("apigatewaymanagementapi", endpoint=settings.websocket_callback_url, is_hurried=True)
    )


@cache
def websocket_gateway() -> "WebSocketGateway":
    from app.realtime.gateway import WebSocketGateway

    settings = RealtimeSettings()  # type: ignore[call-arg]
    return WebSocketGateway(aws.client("apigatewaymanagementapi", endpoint=settings.websocket_callback_url))


@cache
def parameters() -> Parameters:
    return Parameters(aws.client("ssm"), environment=service_settings().environment)


@cache
def analysis_settings() -> AnalysisSettings:
    return AnalysisSettings()  # type: ignore[call-arg]


@cache
def analyzer(provider: str | None = None, model: str | None = None) -> "Analyzer":
    """Who describes an image: whom a request named, and nobody else; or the configured one, then its stand-ins.

    Raises:
        PermanentFailure: `provider_not_configured`: somebody is named who may not be (any more).
    """
    from app.analysis.fallback import FallbackAnalyzer

    settings = analysis_settings()
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
    return VisionAnalyzer(vendor, model=model or default, deadline_s=deadline_s, instructions=analysis_prompt)


@cache
def _local_analyzer() -> "Analyzer":
    from app.analysis.local import LocalAnalyzer

    return LocalAnalyzer()


@cache
def _vendor(provider: AnalysisProvider) -> "tuple[Vendor, str]":
    """A vendor, connected, and which of its models is asked where none is named."""
    settings = analysis_settings()
    effort = settings.analysis_effort
    configured = settings.analysis_model if provider == settings.analysis_provider else ""
    if provider == "openai":
        from app.analysis.openai import OpenAI, newest_terra

        openai = OpenAI(Secret(parameters(), "openai_api_key"), base_url=settings.openai_base_url, effort=effort)
        return openai, configured or newest_terra()
    from app.analysis import claude

    if provider == "bedrock":
        bedrock = claude.bedrock(base_url=settings.bedrock_base_url or None, effort=effort)
        return bedrock, configured or claude.newest_sonnet_on_bedrock()
    secret = Secret(parameters(), "anthropic_api_key")
    anthropic = claude.anthropic_api(secret, base_url=settings.anthropic_base_url, effort=effort)
    return anthropic, configured or claude.newest_sonnet()


@cache
def analysis_prompt() -> "Prompt":
    """How to describe: pulled once per cold start where there is a name and a key; else as the code says."""
    from app.analysis import prompt

    name, hub = TracingSettings().langsmith_prompt, langsmith()
    if not name or hub is None:
        return prompt.LOCAL
    from app.analysis.prompt_hub import pulled

    return pulled(name, hub)


@cache
def langsmith() -> "LangSmith | None":
    """LangSmith, if there is a key for it. While the parameters cannot be read there is none, until the next start."""
    try:
        key = parameters().find("langsmith_api_key")
    except Unavailable as exc:
        logger.warning("traces are off", reason=exc.detail)
        key = None
    if key is None:
        return None
    from app.platform.langsmith import LangSmith

    settings = TracingSettings()
    return LangSmith(key, base_url=settings.langsmith_base_url, project=settings.langsmith_project)


def tracer() -> Tracer:
    return langsmith() or NO_TRACING


@cache
def embedding_settings() -> EmbeddingSettings:
    return EmbeddingSettings()  # type: ignore[call-arg]


@cache
def embedder() -> "Embedder":
    """The configured embedding provider."""
    return _embedder(embedding_settings())


@cache
def former_embedder(model: str) -> "Embedder":
    """Who made the vectors of a model that is not the configured one (any more).

    Raises:
        PermanentFailure: `provider_not_configured`: nobody here has that model.
    """
    return _embedder(_embedding_settings_of(model))


def _embedding_settings_of(model: str) -> EmbeddingSettings:
    """The settings under which that model would be the configured one: rows name the model that embedded them."""
    from app.search import local, voyage

    if model == local.LocalEmbedder.model and local.is_installed():
        named = {"embedding_provider": "local", "embedding_model": ""}
    elif model.startswith(voyage.MODELS):
        named = {"embedding_provider": "voyage", "embedding_model": model}
    else:
        raise PermanentFailure("provider_not_configured", f"Nobody embeds with {model} here.")
    return embedding_settings().model_copy(update=named)


def _embedder(settings: EmbeddingSettings) -> "Embedder":
    if settings.embedding_provider == "local":
        from app.search.local import LocalEmbedder

        return LocalEmbedder()

    from app.search.voyage import DEFAULT_MODEL, VoyageEmbedder

    return VoyageEmbedder(
        Secret(parameters(), "voyage_api_key"),
        model=settings.embedding_model or DEFAULT_MODEL,
        base_url=settings.voyage_base_url,
        deadline_s=settings.provider_deadline_s,
        query_deadline_s=settings.embedding_query_deadline_s,
    )


def query_embedder(user_id: UUID) -> "Embedder":
    """Embeds a user's queries, at their expense where somebody charges for it; those remembered cost nobody anything.

    Raises:
        Unavailable: whether paid calls are switched off cannot be known now.
    """
    from app.usage.models import Kind

    return _query_embedder(user_id, embedder(), terms(Kind.EMBEDDINGS))


def former_query_embedder(user_id: UUID, model: str) -> "Embedder":
    """The same by another model than the configured one. Raises also what `former_embedder` raises."""
    from app.usage import ceilings
    from app.usage.models import Kind

    most_usd = ceilings.embedding(_embedding_settings_of(model))
    return _query_embedder(user_id, former_embedder(model), replace(terms(Kind.EMBEDDINGS), most_usd=most_usd))


def _query_embedder(user_id: UUID, provider: "Embedder", under: "Terms") -> "Embedder":
    from app.search.metered import MeteredEmbedder
    from app.usage.service import paying

    if under.most_usd:
        provider = MeteredEmbedder(
            provider, lambda: paying(user_id, quota=usage().quota(_as_of_now(under)), database=database())
        )
    return query_vectors().over(provider)


@cache
def usage_cleanup_store() -> "UsageCleanupStore":
    from app.cleanup.store import UsageCleanupStore

    return UsageCleanupStore(database())


@cache
def usage() -> "UsageStore":
    from app.usage.store import UsageStore

    return UsageStore(database())


@cache
def usage_settings() -> UsageSettings:
    return UsageSettings()


@cache
def terms(kind: "Kind") -> "Terms":
    """Under which a unit may be used, by the settings alone."""
    from app.usage import ceilings
    from app.usage.models import Kind, Terms

    settings = usage_settings()
    match kind:
        case Kind.ANALYSES:
            per_day, most_usd = settings.analyses_per_day, ceilings.analysis(analysis_settings())
        case Kind.EMBEDDINGS:
            per_day, most_usd = settings.embeddings_per_day, ceilings.embedding(embedding_settings())
        case Kind.CHATS:
            per_day, most_usd = settings.chats_per_day, ceilings.chat(chat_settings())
    return Terms(kind, per_day, most_usd, settings.provider_budget_usd)


def terms_now(kind: "Kind") -> "Terms":
    """The same, and whether paid calls are switched off: known by a look a minute, and only where somebody charges.

    Raises:
        Unavailable: that cannot be known.
    """
    return _as_of_now(terms(kind))


def _as_of_now(under: "Terms") -> "Terms":
    from app.usage.service import are_paid_calls_off

    return replace(under, is_paused=are_paid_calls_off(parameters())) if under.most_usd else under


def quota(kind: "Kind") -> "Quota":
    """One unit of this kind after the other, under the terms of now. Raises what `terms_now` raises."""
    return usage().quota(terms_now(kind))


@cache
def rebuilds() -> "RebuildStore":
    from app.search.rebuild import RebuildStore

    return RebuildStore(database())


def rebuild() -> "Advance":
    """The step of a rebuild of somebody's index, under the terms of now. Raises what `terms_now` raises."""
    from app.search.rebuild import advance
    from app.usage.models import Kind

    return partial(
        advance,
        items=items(),
        rebuilds=rebuilds(),
        analyses=analyses(),
        index=search_index(),
        embedder=embedder,
        quota=quota(Kind.EMBEDDINGS),
    )


@cache
def chat_settings() -> ChatSettings:
    return ChatSettings()  # type: ignore[call-arg]


@cache
def chat_sessions() -> "SessionStore":
    from app.chat.store import SessionStore

    settings = ConversationSettings()  # type: ignore[call-arg]
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

    settings = ChatFunctionSettings()  # type: ignore[call-arg]
    client = partial(aws.client, "lambda", waits_s=min(settings.chat_wait_s, waits_s or settings.chat_wait_s))
    return ChatFunction(client, settings.chat_function_name)


def collection(user_id: UUID) -> "Collection":
    """One user's items, for the assistant's tools."""
    from app.chat.collection import Collection

    return Collection(
        user_id,
        items=items(),
        analyses=analyses(),
        index=search_index(),
        embedder=lambda: query_vectors().over(embedder()),
        former=lambda model: query_vectors().over(former_embedder(model)),
        settings=search_settings(),
    )


def finder(user_id: UUID) -> "Find":
    """Searches one user's items, at their expense where somebody charges for it."""
    from app.search import service

    return partial(
        service.search,
        user_id,
        index=search_index(),
        embedder=lambda: query_embedder(user_id),
        former=partial(former_query_embedder, user_id),
        settings=search_settings(),
        tracer=tracer(),
    )


def known_values(user_id: UUID) -> "Known":
    """The categories and tags that one user's items have."""
    from app.search import agentic

    return agentic.known_values(items(), user_id)


@cache
def planner(model: str | None = None) -> "Planner":
    """Who plans searches: the configured model, or another one that is offered. Raises PermanentFailure."""
    settings = chat_settings()
    hurried = {"chat_call_deadline_s": settings.plan_deadline_s, "chat_output_tokens": settings.plan_output_tokens}
    if settings.chat_provider == "local":
        from app.chat.local_planner import RulePlanner

        return RulePlanner()
    from app.chat.model_planner import ModelPlanner

    chosen, _ = _chat_model(settings.model_copy(update=hurried), model)
    return ModelPlanner(chosen)


@cache
def answer_model_settings() -> AnswerModelSettings:
    return AnswerModelSettings()  # type: ignore[call-arg]


@cache
def assistant(model: str | None = None) -> "Assistant":
    """Who answers in conversations. LangGraph takes seconds to load: nobody else builds this.

    Raises:
        PermanentFailure: `model` is not offered.
    """
    from app.chat.agent import LangGraphAssistant
    from app.chat.checkpoints import CommittedCheckpoints

    settings = chat_settings()
    checkpoints = CommittedCheckpoints(
        settings.checkpoints_table,
        bucket=storage_settings().bucket_name,
        ttl_seconds=settings.session_ttl_seconds,
        boto_config=aws.client("dynamodb").meta.config,
    )
    chosen, name = _chat_model(settings, model)
    return LangGraphAssistant(chosen, model_name=name, checkpoints=checkpoints, settings=settings, web=_web(settings))


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
    return claude.anthropic_api(Secret(parameters(), "anthropic_api_key"), name, settings), name


def _web(settings: ChatSettings) -> "Web | None":
    """The web, if there is a key for searching it."""
    try:
        if parameters().find("tavily_api_key") is None:
            return None
    except Unavailable as exc:
        logger.warning("web search is off", reason=exc.detail)
        return None
    from app.chat.tavily import TavilySearch

    return TavilySearch(Secret(parameters(), "tavily_api_key"), settings)
