"""What is used, and what may be."""

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from app.platform import wiring
from app.platform.settings import UsageSettings

if TYPE_CHECKING:
    from app.usage.models import Kind, Quota, Terms
    from app.usage.store import UsageStore


@cache
def usage() -> "UsageStore":
    from app.usage.store import UsageStore

    return UsageStore(wiring.database())


@cache
def usage_settings() -> UsageSettings:
    return UsageSettings()


@cache
def terms(kind: "Kind") -> "Terms":
    """Under which a unit may be used, by the settings alone."""
    from app.usage import ceilings
    from app.usage.models import Kind, Terms

    settings = wiring.usage_settings()
    match kind:
        case Kind.ANALYSES:
            per_day, most_usd = settings.analyses_per_day, ceilings.analysis(wiring.analysis_settings())
        case Kind.EMBEDDINGS:
            per_day, most_usd = settings.embeddings_per_day, ceilings.embedding(wiring.embedding_settings())
        case Kind.CHATS:
            per_day, most_usd = settings.chats_per_day, ceilings.chat(wiring.chat_settings())
    return Terms(kind, per_day, most_usd, settings.provider_budget_usd)


def terms_now(kind: "Kind") -> "Terms":
    """The same, and whether paid calls are switched off: known by a look a minute, and only where somebody charges.

    Raises:
        Unavailable: that cannot be known.
    """
    return wiring.as_of_now(wiring.terms(kind))


def as_of_now(under: "Terms") -> "Terms":
    """These terms, and whether paid calls are switched off. Raises what `terms_now` raises."""
    from app.usage.service import are_paid_calls_off

    return replace(under, is_paused=are_paid_calls_off(wiring.parameters())) if under.most_usd else under


def quota(kind: "Kind") -> "Quota":
    """One unit of this kind after the other, under the terms of now. Raises what `terms_now` raises."""
    return wiring.usage().quota(wiring.terms_now(kind))
