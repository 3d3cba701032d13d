"""Items as JSON: what the contract calls `Item` and `Analysis`.

What comes in is a model, which checks it. What goes out is ours, and a page has two hundred of them: dataclasses take a
third of the time.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.analysis.models import Analysis
from app.items.models import Item, ItemError, Status
from app.items.s3 import rendition_key
from app.platform.sigv4 import Signer

# PostgreSQL stores no NUL character.
_NO_NUL = r"^[^\x00]*$"


@dataclass(slots=True)
class ErrorOut:
    stage: str
    code: str
    message: str

    @classmethod
    def of(cls, error: ItemError) -> "ErrorOut":
        return cls(stage=error.stage, code=error.code, message=error.message)


@dataclass(slots=True)
class WaitingOut:
    """Nothing is wrong with the item; it goes on by itself, soon after `until`."""

    until: datetime
    reason: str


@dataclass(slots=True)
class AnalysisUsageOut:
    input_tokens: int
    output_tokens: int
    cost_usd: float


@dataclass(slots=True)
class AnalysisOut:
    id: UUID
    item_id: UUID
    version: int
    category: str
    subcategories: list[str]
    headline: str
    summary: str
    raw_response: dict[str, Any]
    provider_used: str
    model_used: str
    prompt_version: str
    trace_id: str | None
    usage: AnalysisUsageOut
    created_at: datetime

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisOut":
        raw = analysis.raw_response
        return cls(
            id=analysis.id,
            item_id=analysis.item_id,
            version=analysis.version,
            category=raw["category"],
            subcategories=raw["subcategories"],
            headline=raw["headline"],
            summary=raw["summary"],
            raw_response=raw,
            provider_used=analysis.provider_used,
            model_used=analysis.model_used,
            prompt_version=analysis.prompt_version,
            trace_id=analysis.trace_id,
            usage=AnalysisUsageOut(
                input_tokens=analysis.input_tokens,
                output_tokens=analysis.output_tokens,
                cost_usd=float(analysis.cost_usd),
            ),
            created_at=analysis.created_at,
        )


@dataclass(slots=True)
class UrlsOut:
    original: str
    display: str | None
    thumbnail: str | None
    expires_at: datetime

    @classmethod
    def of(cls, item: Item, signer: Signer) -> "UrlsOut":
        return _urls(
            signer,
            item.user_id,
            item.item_id,
            item.object_key,
            item.rendition_generation if item.width is not None else None,
        )


@lru_cache(maxsize=1024)
def _urls(signer: Signer, user_id: UUID, item_id: UUID, original: str, generation: int | None) -> UrlsOut:
    """The links of an item whose renditions are of a generation, None: there are none. At hand while they are good."""
    display, thumbnail = (
        None if generation is None else signer.link(rendition_key(user_id, item_id, variant, generation))
        for variant in ("display", "thumbnail")
    )
    return UrlsOut(original=signer.link(original), display=display, thumbnail=thumbnail, expires_at=signer.expires_at)


@dataclass(slots=True)
class ItemOut:
    id: UUID
    status: Status
    error: ErrorOut | None
    waiting: WaitingOut | None
    original_filename: str
    mime_type: str
    file_size: int
    width: int | None
    height: int | None
    sha256: str | None
    taken_at: datetime | None
    title: str | None
    notes: str | None
    tags: list[str]
    category: str | None
    favorite: bool
    latest_analysis: AnalysisOut | None
    urls: UrlsOut
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, item: Item, analysis: Analysis | None, signer: Signer) -> "ItemOut":
        return cls(
            id=item.item_id,
            status=item.status,
            error=ErrorOut.of(item.error) if item.error else None,
            waiting=WaitingOut(until=item.waits_until, reason=item.waits_for or "") if item.waits_until else None,
            original_filename=item.original_filename,
            mime_type=item.mime_type,
            file_size=item.file_size,
            width=item.width,
            height=item.height,
            sha256=item.sha256.hex() if item.sha256 else None,
            taken_at=item.taken_at,
            title=item.title,
            notes=item.notes,
            tags=item.tags,
            category=item.category or (analysis.raw_response["category"] if analysis else None),
            favorite=item.favorite,
            latest_analysis=AnalysisOut.of(analysis) if analysis else None,
            urls=UrlsOut.of(item, signer),
            created_at=item.created_at,
            updated_at=item.updated_at,
        )


@dataclass(slots=True)
class ItemPage:
    items: list[ItemOut]
    next_cursor: str | None
    total: int


class DeclaredFileIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    filename: str = Field(max_length=4096)
    content_type: str = Field(max_length=255)
    file_size: int = Field(ge=0, lt=2**63)
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class UploadsIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    files: list[DeclaredFileIn] = Field(min_length=1, max_length=100)


Tag = Annotated[str, Field(min_length=1, max_length=64, pattern=_NO_NUL)]


class ItemEdit(BaseModel):
    """The user's own fields; those left out stay, null takes a text back."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, max_length=200, pattern=_NO_NUL)
    notes: str | None = Field(default=None, max_length=10_000, pattern=_NO_NUL)
    tags: list[Tag] = Field(default_factory=list, max_length=50)
    category: str | None = Field(default=None, max_length=64, pattern=_NO_NUL)
    favorite: bool = False

    def changes(self) -> dict[str, Any]:
        """What was sent, and only that."""
        sent = self.model_dump(exclude_unset=True)
        return sent | ({"tags": list(dict.fromkeys(sent["tags"]))} if "tags" in sent else {})


class BatchIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ids: list[UUID] = Field(min_length=1, max_length=100)
    action: Literal["delete", "tag", "untag", "favorite", "unfavorite", "reanalyze"]
    tags: list[Tag] = Field(default_factory=list, max_length=50)


@dataclass(slots=True)
class BatchOut:
    """What was done, what is not there (or not yours), and what the item's state does not allow now."""

    done: list[UUID]
    not_found: list[UUID]
    not_possible: list[UUID]


@dataclass(slots=True)
class PresignedOut:
    url: str
    fields: dict[str, str]
    expires_at: datetime


@dataclass(slots=True)
class PreparedUploadOut:
    """Either `upload` (a form to POST the file with) or `duplicate: true` (the user has these bytes already)."""

    item: ItemOut
    upload: PresignedOut | None = None
    duplicate: bool | None = None


@dataclass(slots=True)
class UploadsOut:
    uploads: list[PreparedUploadOut]
