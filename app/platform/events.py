"""The events that chain the pipeline. Each class owns its `source` and `detail_type`; the CDK rules import them.

Events carry ids only: the consumer reloads the row, so a late or repeated event can never bring stale data.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self
from uuid import UUID, uuid5


class Event(Protocol):
    """What the bus carries."""

    source: ClassVar[str]
    detail_type: ClassVar[str]

    def detail(self) -> str:
        """JSON of ids."""
        ...


@dataclass(frozen=True, slots=True)
class ItemEvent:
    """Something happened to one generation of one item."""

    source: ClassVar[str]
    detail_type: ClassVar[str]

    user_id: UUID
    item_id: UUID
    generation: int

    @property
    def event_id(self) -> UUID:
        """The same for every publication of the same fact, so that consumers can recognise repeats."""
        return uuid5(self.item_id, f"{self.generation}:{self.detail_type}")

    def detail(self) -> str:
        return json.dumps(
            {
                "event_id": str(self.event_id),
                "user_id": str(self.user_id),
                "item_id": str(self.item_id),
                "generation": self.generation,
            }
        )

    @classmethod
    def from_envelope(cls, envelope: Mapping[str, Any]) -> Self:
        """Read the EventBridge envelope that a rule put on a queue.

        Raises:
            KeyError, ValueError: not one of our events. Redelivery cannot help: let it reach the DLQ.
        """
        detail = _detail(envelope, cls.detail_type)
        return cls(UUID(detail["user_id"]), UUID(detail["item_id"]), int(detail["generation"]))


def _detail(envelope: Mapping[str, Any], expected: str) -> Mapping[str, Any]:
    if envelope["detail-type"] != expected:
        raise ValueError(f"expected {expected}, got {envelope['detail-type']!r}")
    detail: Mapping[str, Any] = envelope["detail"]
    return detail


class ImageUploaded(ItemEvent):
    """An original shall go through the pipeline (again). Of a new object, S3's own event says the same."""

    __slots__ = ()
    source = "collections.items"
    detail_type = "ImageUploaded"


class ImageProcessed(ItemEvent):
    """Renditions exist; the image can be analyzed."""

    __slots__ = ()
    source = "collections.image_processor"
    detail_type = "ImageProcessed"


class DuplicateFound(ItemEvent):
    """The item's bytes are another item of its owner: its id is only another name of that one now."""

    __slots__ = ()
    source = "collections.image_processor"
    detail_type = "DuplicateFound"


class AnalysisComplete(ItemEvent):
    """An analysis is stored; its text can be embedded."""

    __slots__ = ()
    source = "collections.analyzer"
    detail_type = "AnalysisComplete"


class ItemReady(ItemEvent):
    """The item can be found."""

    __slots__ = ()
    source = "collections.embedder"
    detail_type = "ItemReady"


class ItemFailed(ItemEvent):
    """A stage gave the item up for good; the row says why."""

    __slots__ = ()
    source = "collections.pipeline"
    detail_type = "ItemFailed"


@dataclass(frozen=True, slots=True)
class JobRequested:
    """A job shall be begun, or gone on with: its row knows how far it is."""

    source: ClassVar[str] = "collections.jobs"
    detail_type: ClassVar[str] = "JobRequested"

    user_id: UUID
    job_id: UUID

    def detail(self) -> str:
        return json.dumps({"user_id": str(self.user_id), "job_id": str(self.job_id)})

    @classmethod
    def from_envelope(cls, envelope: Mapping[str, Any]) -> Self:
        """Raises KeyError, ValueError: not this event."""
        detail = _detail(envelope, cls.detail_type)
        return cls(UUID(detail["user_id"]), UUID(detail["job_id"]))


# The event that S3 itself publishes for every object in a bucket with EventBridge on.
S3_SOURCE = "aws.s3"
S3_OBJECT_CREATED = "Object Created"
# Only originals start the pipeline; renditions live under other prefixes.
ORIGINALS_WILDCARD = "*/images/*"


class EventPublisher(Protocol):
    def publish(self, events: Sequence[Event]) -> None:
        """Hand every event to the bus, or raise: a publish that was half accepted is repeated whole.

        Raises:
            app.platform.errors.Unavailable: at least one event was refused (`FailedEntryCount > 0`) or the bus is down.
        """
        ...
