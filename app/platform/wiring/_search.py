"""The search index, and who searches in it."""

from functools import cache, partial
from typing import TYPE_CHECKING
from uuid import UUID

from app.platform import wiring
from app.platform.settings import SearchSettings

if TYPE_CHECKING:
    from app.jobs.models import Advance
    from app.search.agentic import Find, Known
    from app.search.rebuild import RebuildStore
    from app.search.store import SearchStore
    from app.search.suggestions import SuggestionStore


@cache
def search_index() -> "SearchStore":
    from app.search.store import SearchStore

    return SearchStore(wiring.database(), wiring.search_settings())


@cache
def search_settings() -> SearchSettings:
    return SearchSettings()


@cache
def suggestions() -> "SuggestionStore":
    from app.search.suggestions import SuggestionStore

    return SuggestionStore(wiring.database())


def finder(user_id: UUID) -> "Find":
    """Searches one user's items, at their expense where somebody charges for it."""
    from app.search import service

    return partial(
        service.search,
        user_id,
        index=wiring.search_index(),
        embedder=lambda: wiring.query_embedder(user_id),
        former=partial(wiring.former_query_embedder, user_id),
        settings=wiring.search_settings(),
        tracer=wiring.tracer(),
    )


def known_values(user_id: UUID) -> "Known":
    """The categories and tags that one user's items have."""
    from app.search import agentic

    return agentic.known_values(wiring.items(), user_id)


@cache
def rebuilds() -> "RebuildStore":
    from app.search.rebuild import RebuildStore

    return RebuildStore(wiring.database())


def rebuild() -> "Advance":
    """The step of a rebuild of somebody's index, under the terms of now. Raises what `terms_now` raises."""
    from app.search.rebuild import advance
    from app.usage.models import Kind

    return partial(
        advance,
        items=wiring.items(),
        rebuilds=wiring.rebuilds(),
        analyses=wiring.analyses(),
        index=wiring.search_index(),
        embedder=wiring.embedder,
        quota=wiring.quota(Kind.EMBEDDINGS),
    )
