"""Searching: the question, the hits, and what embeds text. Types only, no I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

# What the column holds; shorter vectors are padded with zeros, which changes no cosine.
DIMENSIONS = 1024


class SearchType(StrEnum):
    BM25 = "bm25"
    VECTOR = "vector"
    HYBRID = "hybrid"


class ScoreType(StrEnum):
    BM25 = "bm25"
    SIMILARITY = "similarity"
    HYBRID_RRF = "hybrid_rrf"


SCORE_TYPES = {
    SearchType.BM25: ScoreType.BM25,
    SearchType.VECTOR: ScoreType.SIMILARITY,
    SearchType.HYBRID: ScoreType.HYBRID_RRF,
}


class Embedder(Protocol):
    """Turns text into vectors of 1024 numbers and unit norm, so that cosine is a dot product."""

    provider: str
    model: str
    dimensions: int

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """(n, 1024), unit norm, in the order of `texts`.

        Raises:
            app.platform.errors.Unavailable: the provider cannot answer now.
            app.platform.errors.PermanentFailure: it will never take these texts.
        """
        ...

    def embed_query(self, text: str) -> list[float]:
        """(1024,), unit norm; same errors."""
        ...


@dataclass(frozen=True, slots=True)
class Document:
    """An item as search sees it: three fields of the lexical index by weight, and the text that is embedded."""

    headline: str
    labels: str
    body: str

    @property
    def text(self) -> str:
        """What is embedded: the most telling first, because models read only so far."""
        return "\n".join(part for part in (self.headline, self.labels, self.body) if part)


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What both arms are narrowed to; None narrows nothing."""

    category: str | None = None
    tags: list[str] | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One found item with both arms' scores (None: that arm did not return it)."""

    item_id: UUID
    score: float
    bm25: float | None
    similarity: float | None
    category: str | None
    headline: str
    summary: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one search. `degraded` names the arms that could not take part."""

    hits: list[Hit]
    degraded: list[str]
