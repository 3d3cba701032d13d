"""S3 object → renditions."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.items import processing, s3
from app.items.models import ItemRef
from app.items.pipeline import Verdict
from app.platform import aws, queue, wiring
from app.platform.build_info import probed
from app.platform.events import S3_OBJECT_CREATED, ImageUploaded
from app.platform.settings import ImageSettings


@probed
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    return queue.consume(
        event, context, handle=_process, queue_url=wiring.stage_settings().queue_url, sqs=aws.client("sqs")
    )


def _process(envelopes: Sequence[queue.Envelope]) -> list[Verdict]:
    refs = [_ref(envelope) for envelope in envelopes]
    verdicts = iter(
        processing.process_images(
            [ref for ref in refs if ref],
            items=wiring.items(),
            images=wiring.images(),
            events=wiring.events(),
            limits=ImageSettings(),
            settings=wiring.stage_settings(),
        )
    )
    return [next(verdicts) if ref else None for ref in refs]


def _ref(envelope: queue.Envelope) -> ItemRef | None:
    if envelope["detail-type"] == S3_OBJECT_CREATED:
        key = s3.key_from_event(envelope["detail"])
        return processing.receive_object(key, items=wiring.items(), images=wiring.images())
    event = ImageUploaded.from_envelope(envelope)
    return ItemRef(event.user_id, event.item_id, event.generation)
