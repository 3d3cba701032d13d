"""Items as JSON: what the contract calls `Item` and `Analysis`."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.analysis.models import Analysis
from app.items import service
from app.items.models import Item, Status
from app.items.s3 import ImageBucket

# PostgreSQL stores no NUL character.
_NO_NUL = r"^[^\x00]*$"


class ErrorOut(BaseModel):
    stage: str
    code: str
    message: str


class WaitingOut(BaseModel):
    """Nothing is wrong with the item; it goes on by itself, soon after `until`."""

    until: datetime
    reason: str


class AnalysisUsageOut(BaseModel):
    input_tokens: int
    output_tokens: int
    cost_usd: float


class AnalysisOut(BaseModel):
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
                cost_usd=float(Decimal(analysis.cost_usd)),
            ),
            created_at=analysis.created_at,
        )


class UrlsOut(BaseModel):
    original: str
    display: str | None
    thumbnail: str | None
    expires_at: datetime


class ItemOut(BaseModel):
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
    def of(cls, item: Item, analysis: Analysis | None, images: ImageBucket) -> "ItemOut":
        has_renditions = item.width is not None
        expires_at = images.links_expire_at()
        return cls(
            id=item.item_id,
            status=item.status,
            error=ErrorOut(**{f: getattr(item.error, f) for f in ErrorOut.model_fields}) if item.error else None,
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
            urls=UrlsOut(
                original=service.image_link(item, "original", images=images),
                display=service.image_link(item, "display", images=images) if has_renditions else None,
                thumbnail=service.image_link(item, "thumbnail", images=images) if has_renditions else None,
                expires_at=expires_at,
            ),
            created_at=item.created_at,
            updated_at=item.updated_at,
        )


class ItemPage(BaseModel):
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


class BatchOut(BaseModel):
    """What was done, what is not there (or not yours), and what the item's state does not allow now."""

    done: list[UUID]
    not_found: list[UUID]
    not_possible: list[UUID]


class PresignedOut(BaseModel):
    url: str
    fields: dict[str, str]
    expires_at: datetime


class PreparedUploadOut(BaseModel):
    """Either `upload` (a form to POST the file with) or `duplicate: true` (the user has these bytes already)."""

    item: ItemOut
    upload: PresignedOut | None = None
    duplicate: bool | None = None


class UploadsOut(BaseModel):
    uploads: list[PreparedUploadOut]
