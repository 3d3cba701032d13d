"""ImageProcessed → analysis."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.analysis import service
from app.items.models import ItemRef
from app.items.pipeline import Verdict
from app.platform import aws, queue, wiring
from app.platform.build_info import probed
from app.platform.events import ImageProcessed
from app.usage.models import Kind


@probed
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    return queue.consume(
        event, context, handle=_analyze, queue_url=wiring.stage_settings().queue_url, sqs=aws.client("sqs")
    )


def _analyze(envelopes: Sequence[queue.Envelope]) -> list[Verdict]:
    events = [ImageProcessed.from_envelope(envelope) for envelope in envelopes]
    return service.analyze_images(
        [ItemRef(event.user_id, event.item_id, event.generation) for event in events],
        items=wiring.items(),
        images=wiring.images(),
        analyses=wiring.analyses(),
        analyzer=wiring.analyzer,
        events=wiring.events(),
        settings=wiring.stage_settings(),
        tracer=wiring.tracer(),
        quota=wiring.quota(Kind.ANALYSES),
    )
