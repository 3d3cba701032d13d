"""Searching a tenant's items, and the third stage: making them findable."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from uuid import UUID

from app.analysis.models import Analysis
from app.analysis.store import AnalysisStore, document_of
from app.items import pipeline
from app.items.models import EMBEDDING, Claim, Item, ItemRef
from app.items.store import ItemStore
from app.platform.database import Connection
from app.platform.errors import NotFound, PermanentFailure, Unavailable
from app.platform.events import EventPublisher
from app.platform.logs import logger
from app.platform.settings import SearchSettings, StageSettings
from app.search import documents, store
from app.search.abstention import is_unanswered
from app.search.models import Document, Embedder, Found, Hit, SearchFilter, SearchType
from app.search.store import SearchStore


@dataclass(frozen=True, slots=True)
class Question:
    """One search. Scores below a threshold are left out; thresholds of the other arm do not apply."""

    query: str
    search_type: SearchType = SearchType.HYBRID
    top_k: int = 10
    narrow: SearchFilter = field(default_factory=SearchFilter)
    min_bm25: float | None = None
    min_similarity: float | None = None


def search(
    user_id: UUID,
    question: Question,
    *,
    index: SearchStore,
    embedder: Callable[[], Embedder],
    settings: SearchSettings,
) -> Found:
    """Find the tenant's items that answer the question, best first, or say that none does.

    While the embedding provider is down (or not configured) a hybrid search answers from the words and says so; a least
    similarity, which nothing has then, is not asked for.

    Raises:
        Unavailable, PermanentFailure: the search is purely by vector, and the provider does not answer.
    """
    vector, model, degraded = None, "", []
    if question.search_type is not SearchType.BM25:
        try:
            provider = embedder()
            vector, model = provider.embed_query(question.query), provider.model
        except (Unavailable, PermanentFailure) as exc:
            if question.search_type is SearchType.VECTOR:
                raise
            logger.warning("search without vectors", reason=exc.detail)
            question, degraded = replace(question, min_similarity=None), ["vector"]
    ranking = index.search(
        user_id,
        query=question.query,
        vector=vector,
        embedding_model=model,
        search_type=question.search_type,
        narrow=question.narrow,
        top_k=question.top_k,
    )
    if is_unanswered(ranking.evidence, settings):
        return Found([], degraded, abstained=True)
    hits = [hit for hit in _cut(ranking.hits, question, settings) if _is_relevant(hit, question)]
    return Found(hits, degraded, abstained=not hits)


def _cut(hits: Sequence[Hit], question: Question, settings: SearchSettings) -> Sequence[Hit]:
    """Without the hits of a hybrid search that are far below the best."""
    applies = question.search_type is SearchType.HYBRID and settings.hybrid_fusion == "scores"
    if not applies or not settings.hybrid_cutoff:
        return hits
    return [hit for hit in hits if hit.score >= settings.hybrid_cutoff * hits[0].score]


def _is_relevant(hit: Hit, question: Question) -> bool:
    if question.search_type is SearchType.BM25:
        return question.min_bm25 is None or hit.score >= question.min_bm25
    return question.min_similarity is None or (hit.similarity or 0.0) >= question.min_similarity


def similar(user_id: UUID, item_id: UUID, *, top_k: int, items: ItemStore, index: SearchStore) -> list[Hit]:
    """The tenant's items nearest to one of them by vector, nearest first; none while it has no vector yet.

    Raises:
        NotFound: there is no such item.
    """
    if items.get(user_id, item_id) is None:
        raise NotFound("No such item.")
    return index.similar(user_id, item_id, top_k=top_k)


def embed_items(
    refs: Sequence[ItemRef],
    *,
    items: pipeline.StageStore,
    analyses: AnalysisStore,
    index: SearchStore,
    embedder: Callable[[], Embedder],
    events: EventPublisher,
    settings: StageSettings,
) -> list[pipeline.Verdict]:
    """The third stage, for a batch: one provider call makes many items findable. Unchanged text is paid for once."""

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result]:
        pairs, failures = _documents(claims, analyses)
        unchanged = _unchanged(pairs, index, embedder) if pairs else {}
        return (
            failures | unchanged | _embed([pair for pair in pairs if pair[0].item.item_id not in unchanged], embedder)
        )

    return pipeline.run_stage(
        refs,
        stage=EMBEDDING,
        work=work,
        items=items,
        events=events,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )


def _documents(
    claims: Sequence[Claim], analyses: AnalysisStore
) -> tuple[list[tuple[Claim, Document]], dict[UUID, pipeline.Result]]:
    """Each claimed item's document, or why it has none; tenants are asked one by one: no query ever spans two."""
    pairs: list[tuple[Claim, Document]] = []
    failures: dict[UUID, pipeline.Result] = {}
    for user_id in {claim.item.user_id for claim in claims}:
        own = [claim for claim in claims if claim.item.user_id == user_id]
        latest = analyses.latest(user_id, [claim.item.item_id for claim in own])
        for claim in own:
            try:
                pairs.append((claim, _document(claim.item, latest.get(claim.item.item_id))))
            except PermanentFailure as exc:
                failures[claim.item.item_id] = exc
    return pairs, failures


def _unchanged(
    pairs: Sequence[tuple[Claim, Document]], index: SearchStore, embedder: Callable[[], Embedder]
) -> dict[UUID, pipeline.Result]:
    """Those whose text was embedded before, by the same model: their rows are renewed around the vector."""
    embedded: dict[UUID, tuple[bytes, str]] = {}
    for user_id in {claim.item.user_id for claim, _ in pairs}:
        ids = [claim.item.item_id for claim, _ in pairs if claim.item.user_id == user_id]
        embedded |= index.embedded(user_id, ids)
    if not embedded:
        return {}
    model = embedder().model
    return {
        claim.item.item_id: partial(store.refresh, item=claim.item, document=document)
        for claim, document in pairs
        if embedded.get(claim.item.item_id) == (store.fingerprint(document), model)
    }


def _document(item: Item, analysis: Analysis | None) -> Document:
    if analysis is None:
        raise PermanentFailure("no_analysis", "There is no analysis to make this item findable by.")
    return documents.build(item, document_of(analysis))


def _embed(pairs: Sequence[tuple[Claim, Document]], embedder: Callable[[], Embedder]) -> dict[UUID, pipeline.Result]:
    """Embed all at once; if the provider will never take the batch, one by one, so that one bad item fails alone."""
    if not pairs:
        return {}
    try:
        started = time.perf_counter()
        provider = embedder()
        vectors = provider.embed_documents([document.text for _, document in pairs])
    except Unavailable as exc:
        return {claim.item.item_id: exc for claim, _ in pairs}
    except PermanentFailure as exc:
        if len(pairs) == 1:
            return {pairs[0][0].item.item_id: exc}
        return {key: result for pair in pairs for key, result in _embed([pair], embedder).items()}
    elapsed = round((time.perf_counter() - started) * 1000)
    ids = [str(claim.item.item_id) for claim, _ in pairs]
    logger.info("embedded", item_ids=ids, provider=provider.provider, provider_ms=elapsed)
    return {
        claim.item.item_id: _writes(claim, document, vector, provider.model)
        for (claim, document), vector in zip(pairs, vectors, strict=True)
    }


def _writes(claim: Claim, document: Document, vector: list[float], model: str) -> Callable[[Connection], None]:
    return partial(store.save, item=claim.item, document=document, vector=vector, model=model)
