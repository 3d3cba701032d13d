"""Analyses: the second stage, which has an image described once and keeps the answer, and reading what was kept."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from uuid import UUID

from app.analysis import store
from app.analysis.labels import unify
from app.analysis.models import Analysis, Analyzer, ImageFacts, Labels, ProviderAnswer
from app.analysis.store import AnalysisStore
from app.items import pipeline, s3
from app.items.models import ANALYSIS, Claim, Item, ItemRef
from app.items.s3 import ImageBucket
from app.platform.database import Connection
from app.platform.errors import NotFound, PermanentFailure, Unavailable
from app.platform.events import EventPublisher
from app.platform.logs import facts, user_hash
from app.platform.settings import StageSettings
from app.platform.tracing import NO_TRACING, Fact, Span, Tracer
from app.usage.models import Quota

# A display rendition is WebP with a long edge of at most 2048 pixels; anything near this is not one of ours.
_RENDITION_MAX_BYTES = 20 * 1024 * 1024


def analyze_images(
    refs: Sequence[ItemRef],
    *,
    items: pipeline.StageStore,
    images: ImageBucket,
    analyses: AnalysisStore,
    analyzer: Callable[[str | None, str | None], Analyzer],
    events: EventPublisher,
    settings: StageSettings,
    tracer: Tracer = NO_TRACING,
    quota: Quota | None = None,
) -> list[pipeline.Verdict]:
    """Describe each image. `analyzer` is built only when there is work: a repeated event costs no model load.

    Args:
        analyzer: builds one for the provider and the model that the item's owner named, or None and None.
    """

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result | pipeline.Used]:
        describe = partial(_analyze_one, images=images, analyses=analyses, analyzer=analyzer, tracer=tracer)
        return {
            claim.item.item_id: _keep
            if _is_reused(claim.item, analyses)
            else pipeline.counted(partial(describe, claim.item))
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
        quota=quota,
    )


def _is_reused(item: Item, analyses: AnalysisStore) -> bool:
    """Whether only the renditions were to be made anew, and there is an analysis to keep."""
    return item.reuse_analysis and item.item_id in analyses.latest(item.user_id, [item.item_id])


def _keep(_connection: Connection) -> None:
    """Nothing to write: the analysis that is there stays."""


def _analyze_one(
    item: Item,
    *,
    images: ImageBucket,
    analyses: AnalysisStore,
    analyzer: Callable[[str | None, str | None], Analyzer],
    tracer: Tracer,
) -> pipeline.Result:
    try:
        with facts(item_id=str(item.item_id), user=user_hash(item.user_id)):
            key = s3.rendition_key(item.user_id, item.item_id, "display", item.rendition_generation)
            image, _ = images.get(key, max_bytes=_RENDITION_MAX_BYTES)
            labels = analyses.labels(item.user_id)
            with tracer.span("analysis", "llm", _traced(item, image, labels)) as span:
                answer = analyzer(item.analysis_provider, item.analysis_model).analyze(
                    image, facts=_facts(item, labels)
                )
                _trace(answer, span)
    except (PermanentFailure, Unavailable) as exc:
        return exc
    kept = replace(answer, document=unify(answer.document, labels), trace_id=span.trace_id)
    write: Callable[[Connection], None] = partial(store.save, item=item, answer=kept)
    return write


def _traced(item: Item, image: bytes, labels: Labels) -> dict[str, Fact]:
    return {
        "item_id": str(item.item_id),
        "user": user_hash(item.user_id),
        "image_bytes": len(image),
        "width": item.width,
        "height": item.height,
        "attempt": item.attempts,
        "own_categories": len(labels.categories),
        "own_tags": len(labels.tags),
    }


def _trace(answer: ProviderAnswer, span: Span) -> None:
    span.note(prompt_version=answer.prompt_version, lines=len(answer.document.image_details.extracted_text))
    span.used(
        provider=answer.provider,
        model=answer.model,
        input_tokens=answer.usage.input_tokens,
        output_tokens=answer.usage.output_tokens,
        cost_usd=float(answer.usage.cost_usd),
    )


def _facts(item: Item, labels: Labels) -> ImageFacts:
    return ImageFacts(
        filename=item.original_filename,
        mime_type=item.mime_type,
        width=item.width or 0,
        height=item.height or 0,
        taken_at=item.taken_at,
        labels=labels,
    )


def get_analysis(user_id: UUID, analysis_id: UUID, *, analyses: AnalysisStore) -> Analysis:
    """Raises NotFound when there is none, or it is another tenant's."""
    analysis = analyses.get(user_id, analysis_id)
    if analysis is None:
        raise NotFound("No such analysis.")
    return analysis
