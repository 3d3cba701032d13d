"""Who makes vectors of texts, and at whose expense."""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING
from uuid import UUID

from app.platform import wiring
from app.platform.errors import PermanentFailure
from app.platform.parameters import Secret
from app.platform.settings import EmbeddingSettings

if TYPE_CHECKING:
    from app.search.models import Embedder
    from app.search.query_vectors import QueryVectors
    from app.usage.models import Terms


@cache
def embedding_settings() -> EmbeddingSettings:
    return EmbeddingSettings()


@cache
def embedder() -> "Embedder":
    """The configured embedding provider."""
    return _embedder(wiring.embedding_settings())


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
    return wiring.embedding_settings().model_copy(update=named)


def _embedder(settings: EmbeddingSettings) -> "Embedder":
    if settings.embedding_provider == "local":
        from app.search.local import LocalEmbedder

        return LocalEmbedder()

    from app.search.voyage import DEFAULT_MODEL, VoyageEmbedder

    return VoyageEmbedder(
        Secret(wiring.parameters(), "voyage_api_key"),
        model=settings.embedding_model or DEFAULT_MODEL,
        base_url=settings.voyage_base_url,
        deadline_s=settings.provider_deadline_s,
        query_deadline_s=settings.embedding_query_deadline_s,
    )


@cache
def query_vectors() -> "QueryVectors":
    from app.search.query_vectors import QueryVectors

    return QueryVectors(wiring.search_settings().query_cache_size)


def query_embedder(user_id: UUID) -> "Embedder":
    """Embeds a user's queries, at their expense where somebody charges for it; those remembered cost nobody anything.

    Raises:
        Unavailable: whether paid calls are switched off cannot be known now.
    """
    from app.usage.models import Kind

    return _query_embedder(user_id, wiring.embedder(), wiring.terms(Kind.EMBEDDINGS))


def former_query_embedder(user_id: UUID, model: str) -> "Embedder":
    """The same by another model than the configured one. Raises also what `former_embedder` raises."""
    from app.usage import ceilings
    from app.usage.models import Kind

    most_usd = ceilings.embedding(_embedding_settings_of(model))
    return _query_embedder(
        user_id, wiring.former_embedder(model), replace(wiring.terms(Kind.EMBEDDINGS), most_usd=most_usd)
    )


def _query_embedder(user_id: UUID, provider: "Embedder", under: "Terms") -> "Embedder":
    from app.search.metered import MeteredEmbedder
    from app.usage.service import paying

    if under.most_usd:
        provider = MeteredEmbedder(
            provider,
            lambda: paying(user_id, quota=wiring.usage().quota(wiring.as_of_now(under)), database=wiring.database()),
        )
    return wiring.query_vectors().over(provider)
