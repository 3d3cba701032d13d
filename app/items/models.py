"""Items, their states, and the pipeline's stages. Types only, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, ItemEvent, ItemReady

# What the door takes by the type a client claims; what a file really is, the image stage finds out.
ACCEPTED_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "image/heic",
    "image/heif",
    "image/avif",
    "image/tiff",
    "image/bmp",
)

_FILENAME_MAX_LENGTH = 255


def as_text(filename: str) -> str:
    """A filename as text to show: whatever it holds (`../`, right-to-left marks) stays text. PostgreSQL has no NUL."""
    clean = filename.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    return clean[:_FILENAME_MAX_LENGTH] or "unnamed"


class Status(StrEnum):
    UPLOADING = "uploading"
    PROCESSING = "processing"
    ANALYZING = "analyzing"
    EMBEDDING = "embedding"
    READY = "ready"
    FAILED = "failed"


_ORDER = (Status.UPLOADING, Status.PROCESSING, Status.ANALYZING, Status.EMBEDDING, Status.READY)


@dataclass(frozen=True, slots=True)
class ItemError:
    """Why an item failed: the stage, a stable code, and words for people."""

    stage: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class ItemRef:
    """One generation of one item: what an event names."""

    user_id: UUID
    item_id: UUID
    generation: int


class Item(NamedTuple):
    """A row of `items`. A tuple: a page of a list has a hundred, and a frozen dataclass takes eight times as long."""

    user_id: UUID
    item_id: UUID
    status: Status
    generation: int
    reuse_analysis: bool
    # Who shall analyze it, where a request named somebody.
    analysis_provider: str | None
    analysis_model: str | None
    attempts: int
    lease_until: datetime | None
    error_stage: str | None
    error_code: str | None
    error_message: str | None
    object_key: str
    object_etag: str | None
    original_filename: str
    mime_type: str
    file_size: int
    sha256: bytes | None
    width: int | None
    height: int | None
    taken_at: datetime | None
    title: str | None
    notes: str | None
    tags: list[str]
    category: str | None
    favorite: bool
    created_at: datetime
    updated_at: datetime
    occurred_at: datetime
    # Which generation the renditions are of; 0: of the time before keys said so, or there are none.
    rendition_generation: int = 0
    # Nothing is wrong with it, but a quota or the operator lets it not be worked on before then, and why.
    waits_until: datetime | None = None
    waits_for: str | None = None

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "Item":
        return cls(row["user_id"], row["item_id"], Status(row["status"]), *_REST(row))

    @property
    def ref(self) -> ItemRef:
        return ItemRef(self.user_id, self.item_id, self.generation)

    @property
    def generations(self) -> set[int]:
        """Those that it may have renditions of: what is shown, and what is being made."""
        shown = {self.rendition_generation} if self.width is not None else set()
        return shown | {self.generation}

    @property
    def error(self) -> ItemError | None:
        if self.error_code is None:
            return None
        return ItemError(self.error_stage or "", self.error_code, self.error_message or "")


_REST = itemgetter(*Item._fields[3:])


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline: what it may pick up, what it leaves behind, what it announces."""

    name: str
    enters: tuple[Status, ...]
    works_as: Status
    leaves_as: Status
    announces: type[ItemEvent]

    def is_past(self, status: Status) -> bool:
        """Whether an item in `status` already has what this stage makes."""
        return status in _ORDER and _ORDER.index(status) >= _ORDER.index(self.leaves_as)


IMAGE_PROCESSING = Stage(
    "image_processor", (Status.UPLOADING, Status.PROCESSING), Status.PROCESSING, Status.ANALYZING, ImageProcessed
)
ANALYSIS = Stage("analyzer", (Status.ANALYZING,), Status.ANALYZING, Status.EMBEDDING, AnalysisComplete)
EMBEDDING = Stage("embedder", (Status.EMBEDDING,), Status.EMBEDDING, Status.READY, ItemReady)

# The event that makes an item move on, by the state it is waiting in.
RESUMED_BY: dict[Status, type[ItemEvent]] = {
    Status.UPLOADING: ImageUploaded,
    Status.PROCESSING: ImageUploaded,
    Status.ANALYZING: ImageProcessed,
    Status.EMBEDDING: AnalysisComplete,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on an item until its lease ends. `token` is the fence: only its holder may finish."""

    item: Item
    token: UUID


@dataclass(frozen=True, slots=True)
class Renditions:
    """What an original looks like, without anything else that was in the file."""

    mime_type: str
    width: int
    height: int
    taken_at: datetime | None
    # 64 bits, signed: `app.items.phash`.
    phash: int
    display: bytes
    thumbnail: bytes


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """An object in the images bucket."""

    key: str
    etag: str
    size: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Presigned:
    """A form that the holder may POST to S3 until it expires."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """What a list is narrowed to; None narrows nothing."""

    status: Status | None = None
    category: str | None = None
    tag: str | None = None
    favorite: bool | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
