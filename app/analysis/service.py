"""Analyses: the second stage, which has an image described once and keeps the answer, and reading what was kept."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from app.analysis import store
from app.analysis.models import Analysis, Analyzer, ImageFacts
from app.analysis.store import AnalysisStore
from app.items import pipeline, s3
from app.items.models import ANALYSIS, Claim, Item, ItemRef
from app.items.s3 import ImageBucket
from app.platform.database import Connection
from app.platform.errors import NotFound, PermanentFailure, Unavailable
from app.platform.events import EventPublisher
from app.platform.logs import logger
from app.platform.settings import StageSettings

# A display rendition is WebP with a long edge of at most 2048 pixels; anything near this is not one of ours.
_RENDITION_MAX_BYTES = 20 * 1024 * 1024


def analyze_images(
    refs: Sequence[ItemRef],
    *,
    items: pipeline.StageStore,
    images: ImageBucket,
    analyses: AnalysisStore,
    analyzer: Callable[[], Analyzer],
    events: EventPublisher,
    settings: StageSettings,
) -> list[pipeline.Verdict]:
    """Describe each image. `analyzer` is built only when there is work: a repeated event costs no model load."""

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result]:
        return {
            claim.item.item_id: _keep
            if _is_reused(claim.item, analyses)
            else _analyze_one(claim.item, images=images, analyzer=analyzer)
            for claim in claims
        }

    return pipeline.run_stage(
        refs,
        stage=ANALYSIS,
        work=work,
        items=items,
        events=events,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )


def _is_reused(item: Item, analyses: AnalysisStore) -> bool:
    """Whether only the renditions were to be made anew, and there is an analysis to keep."""
    return item.reuse_analysis and item.item_id in analyses.latest(item.user_id, [item.item_id])


def _keep(_connection: Connection) -> None:
    """Nothing to write: the analysis that is there stays."""


def _analyze_one(item: Item, *, images: ImageBucket, analyzer: Callable[[], Analyzer]) -> pipeline.Result:
    try:
        key = s3.rendition_key(item.user_id, item.item_id, "display")
        image, _ = images.get(key, max_bytes=_RENDITION_MAX_BYTES)
        started = time.perf_counter()
        answer = analyzer().analyze(image, facts=_facts(item))
    except (PermanentFailure, Unavailable) as exc:
        return exc
    elapsed = round((time.perf_counter() - started) * 1000)
    logger.info("analyzed", item_id=str(item.item_id), provider=answer.provider, provider_ms=elapsed)
    write: Callable[[Connection], None] = partial(store.save, item=item, answer=answer)
    return write


def _facts(item: Item) -> ImageFacts:
    return ImageFacts(
        filename=item.original_filename,
        mime_type=item.mime_type,
        width=item.width or 0,
        height=item.height or 0,
        taken_at=item.taken_at,
    )


def get_analysis(user_id: UUID, analysis_id: UUID, *, analyses: AnalysisStore) -> Analysis:
    """Raises NotFound when there is none, or it is another tenant's."""
    analysis = analyses.get(user_id, analysis_id)
    if analysis is None:
        raise NotFound("No such analysis.")
    return analysis
