"""What an analysis is: the document a provider writes about one image. Types only, no I/O."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

HEADLINE_MAX_LENGTH = 140

# The closed vocabulary every provider chooses from, so that categories stay few enough to browse by.
CATEGORIES = (
    "receipt",
    "recipe",
    "ticket",
    "poster",
    "screenshot",
    "document",
    "clothing",
    "interior",
    "food",
    "place",
    "product",
    "photo",
)


class _Document(BaseModel):
    # Validators are built at first use: most functions that import this never validate one.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class MediaMetadata(_Document):
    """What social media chrome around the picture says about where it came from."""

    original_poster: str | None = None
    tagged_accounts: list[str] = Field(default_factory=list)
    location_tags: list[str] = Field(default_factory=list)
    audio_source: str | None = None
    hashtags: list[str] = Field(default_factory=list)


class ImageDetails(_Document):
    """What is in the picture. `extracted_text` is one entry per line as read, top to bottom."""

    extracted_text: list[str] = Field(default_factory=list)
    objects: list[str] = Field(default_factory=list)
    themes: list[str] = Field(default_factory=list)
    emotions: list[str] = Field(default_factory=list)
    vibes: list[str] = Field(default_factory=list)
    likely_source: str | None = None
    key_interest: str | None = None
    visual_hierarchy: list[str] = Field(default_factory=list)
    colors: list[str] = Field(default_factory=list)


class AnalysisDocument(_Document):
    """`raw_response` of the contract: a provider's whole answer, validated."""

    category: str = Field(min_length=1, max_length=64)
    subcategories: list[str] = Field(default_factory=list)
    headline: str = Field(min_length=1, max_length=HEADLINE_MAX_LENGTH)
    summary: str
    media_metadata: MediaMetadata = Field(default_factory=MediaMetadata)
    image_details: ImageDetails = Field(default_factory=ImageDetails)


class Usage(_Document):
    """What one provider call consumed. `cost_usd` is 0 where nothing is charged."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Labels:
    """What an image's owner calls things, most used first: categories of their own, and tags to be used again."""

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


NO_LABELS = Labels()


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What is known of the image besides its pixels (renditions carry no metadata, so the row remembers it)."""

    filename: str
    mime_type: str
    width: int
    height: int
    taken_at: datetime | None = None
    labels: Labels = NO_LABELS


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """A provider's document, with what it took to get it."""

    document: AnalysisDocument
    provider: str
    model: str
    prompt_version: str
    usage: Usage = field(default_factory=Usage)
    trace_id: str | None = None


class Analyzer(Protocol):
    """Reads and describes one image."""

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        """Describe `image` (an encoded rendition: WebP, JPEG or PNG; long edge ≤ 2048).

        Raises:
            app.platform.errors.Unavailable: the provider cannot answer now; the same call may succeed later.
            app.platform.errors.PermanentFailure: this image will never get an answer (refused, unreadable).
        """
        ...


class Analysis(NamedTuple):
    """A stored analysis: version n of one item's description. A tuple, as `Item` is."""

    id: UUID
    item_id: UUID
    version: int
    raw_response: dict[str, Any]
    provider_used: str
    model_used: str
    prompt_version: str
    trace_id: str | None
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    created_at: datetime
