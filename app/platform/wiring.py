"""The one composition root: every collaborator is built here, on first use, once per execution environment."""

from functools import cache, partial
from typing import TYPE_CHECKING

from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform import aws
from app.platform.database import Database
from app.platform.errors import PermanentFailure
from app.platform.eventbridge import EventBridgePublisher
from app.platform.parameters import Parameters, Secret
from app.platform.settings import (
    AnalysisSettings,
    AuthSettings,
    DatabaseSettings,
    EmbeddingSettings,
    RealtimeSettings,
    SearchSettings,
    StageSettings,
    StorageSettings,
    service_settings,
)

# What only some functions use is imported where it is built: each bundle carries only its own requirements.
if TYPE_CHECKING:
    from app.analysis.models import Analyzer
    from app.analysis.store import AnalysisStore
    from app.cleanup.store import CleanupStore
    from app.platform.auth import TokenVerifier
    from app.realtime.gateway import WebSocketGateway
    from app.realtime.store import ConnectionStore
    from app.search.models import Embedder
    from app.search.query_vectors import QueryVectors
    from app.search.store import SearchStore
    from app.search.suggestions import SuggestionStore


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
def connections() -> "ConnectionStore":
    from app.realtime.store import ConnectionStore

    settings = RealtimeSettings()  # type: ignore[call-arg]
    return ConnectionStore(
        aws.client("dynamodb"), settings.connections_table, ttl_seconds=settings.connection_ttl_seconds
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
def analyzer() -> "Analyzer":
    """The configured vision provider.

    Raises:
        PermanentFailure: `provider_not_configured`.
    """
    settings = analysis_settings()
    match settings.analysis_provider:
        case "local":
            from app.analysis.local import LocalAnalyzer

            return LocalAnalyzer()
        case "claude" | "bedrock":
            return _claude(settings)
    raise PermanentFailure(
        "provider_not_configured", f"The analysis provider {settings.analysis_provider!r} is not available here."
    )


def _claude(settings: AnalysisSettings) -> "Analyzer":
    from app.analysis import claude

    if settings.analysis_provider == "bedrock":
        provider = claude.bedrock(base_url=settings.bedrock_base_url or None)
        model = settings.analysis_model or claude.newest_sonnet_on_bedrock()
    else:
        secret = Secret(parameters(), "anthropic_api_key")
        provider = claude.anthropic_api(secret, base_url=settings.anthropic_base_url)
        model = settings.analysis_model or claude.newest_sonnet()
    return claude.ClaudeAnalyzer(
        provider, model=model, deadline_s=settings.provider_deadline_s, effort=settings.analysis_effort
    )


@cache
def embedder() -> "Embedder":
    """The configured embedding provider."""
    settings = EmbeddingSettings()  # type: ignore[call-arg]
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
