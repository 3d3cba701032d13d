"""AnalysisComplete, in batches → findable items."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.items.models import ItemRef
from app.items.pipeline import Verdict
from app.platform import aws, queue, wiring
from app.platform.build_info import probed
from app.platform.events import AnalysisComplete
from app.search import service
from app.usage.models import Kind


@probed
def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
    return queue.consume(
        event, context, handle=_embed, queue_url=wiring.stage_settings().queue_url, sqs=aws.client("sqs")
    )


def _embed(envelopes: Sequence[queue.Envelope]) -> list[Verdict]:
    events = [AnalysisComplete.from_envelope(envelope) for envelope in envelopes]
    return service.embed_items(
        [ItemRef(event.user_id, event.item_id, event.generation) for event in events],
        items=wiring.items(),
        analyses=wiring.analyses(),
        index=wiring.search_index(),
        embedder=wiring.embedder,
        events=wiring.events(),
        settings=wiring.stage_settings(),
        quota=wiring.quota(Kind.EMBEDDINGS),
    )
