"""Searching: the question, the hits, and what embeds text. Types only, no I/O."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

# What the column holds; shorter vectors are padded with zeros, which changes no cosine.
DIMENSIONS = 1024

# Around matched words in `highlights`. Plain text on purpose: a front end splits at them and escapes as ever. Pairs of
# brackets that were in the text before are spaced out, so that a pair is always a mark.
MARK_START, MARK_END = "[[", "]]"


# Three letters or more; digits and punctuation are nothing to complete.
_WORD = re.compile(r"[^\W\d_]{3,40}")


class SearchType(StrEnum):
    BM25 = "bm25"
    VECTOR = "vector"
    HYBRID = "hybrid"
    # Several hybrid searches, which `app.search.agentic` plans and puts together; the index knows the other three.
    AGENTIC = "agentic"


class ScoreType(StrEnum):
    BM25 = "bm25"
    SIMILARITY = "similarity"
    HYBRID_RRF = "hybrid_rrf"


SCORE_TYPES = {
    SearchType.BM25: ScoreType.BM25,
    SearchType.VECTOR: ScoreType.SIMILARITY,
    SearchType.HYBRID: ScoreType.HYBRID_RRF,
    SearchType.AGENTIC: ScoreType.HYBRID_RRF,
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
class QueryVector:
    """A query as one model embeds it: (1024,), unit norm. Compared with that model's rows and no others."""

    model: str
    vector: list[float]


@dataclass(frozen=True, slots=True)
class Document:
    """An item as search sees it: three fields of the lexical index by weight, and the text that is embedded.

    `essence` is not all of it: embedding models read only so far (MiniLM 256 word pieces) and remember repeats, so it
    has what the picture is about first and every line once (docs/search.md has the orders that were measured).
    """

    headline: str
    labels: str
    body: str
    essence: str = ""

    @property
    def text(self) -> str:
        """What is embedded: the essence, or all there is."""
        return self.essence or "\n".join(part for part in (self.headline, self.labels, self.body) if part)

    @property
    def lexical_text(self) -> str:
        """What is found by words: all three fields alike."""
        return "\n".join((self.headline, self.labels, self.body))

    @property
    def words(self) -> list[str]:
        """What type-ahead completes: the words of headline and labels, in lower case, once each, at most 100."""
        return list(dict.fromkeys(_WORD.findall(f"{self.headline} {self.labels}".lower())))[:100]


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What both arms are narrowed to; None narrows nothing."""

    category: str | None = None
    tags: list[str] | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    favorite: bool | None = None


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
    # The query's words that stand in the item, rarest first; and its texts with them marked (MARK_START, MARK_END).
    matched_terms: list[str] = field(default_factory=list)
    highlights: list[str] = field(default_factory=list)
    # Among similar items: it looks the same.
    near_duplicate: bool = False
    # Which of the item's renditions are shown: `app.items.s3.rendition_key`.
    rendition_generation: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one search learned about whether anything answers the query; None where that arm did not take part.

    `known` (0..1): the share of the query's idf mass whose words some item of the tenant holds. The rest describes the
    cosines between the query and the `compared` items: the nearest one's, their mean, their standard deviation.
    """

    known: float | None
    compared: int = 0
    nearest: float | None = None
    mean: float | None = None
    deviation: float | None = None


@dataclass(frozen=True, slots=True)
class Ranking:
    """Hits, best first, and what speaks for and against there being an answer at all."""

    hits: list[Hit]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one search. `degraded` names the arms that could not take part: `vector`; or `former_model`, where
    what was embedded by a model that is not to be had any more was found by its words instead.

    `abstained`: nothing the tenant owns answers; then there are no hits.
    """

    hits: list[Hit]
    degraded: list[str]
    abstained: bool = False
