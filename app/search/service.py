"""Searching a tenant's items, and the third stage: making them findable."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from app.analysis.store import AnalysisStore, document_of
from app.items import pipeline
from app.items.models import EMBEDDING, Claim, ItemRef
from app.platform.database import Connection
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.events import EventPublisher
from app.platform.logs import logger
from app.platform.settings import StageSettings
from app.search import documents, store
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


def search(user_id: UUID, question: Question, *, index: SearchStore, embedder: Callable[[], Embedder]) -> Found:
    """Find the tenant's items that answer the question, best first.

    While the embedding provider is down (or not configured) a hybrid search answers from the words and says so.

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
            degraded = ["vector"]
    hits = index.search(
        user_id,
        query=question.query,
        vector=vector,
        embedding_model=model,
        search_type=question.search_type,
        narrow=question.narrow,
        top_k=question.top_k,
    )
    return Found([hit for hit in hits if _is_relevant(hit, question)], degraded)


def _is_relevant(hit: Hit, question: Question) -> bool:
    if question.search_type is SearchType.BM25:
        return question.min_bm25 is None or hit.score >= question.min_bm25
    return question.min_similarity is None or (hit.similarity or 0.0) >= question.min_similarity


def embed_items(
    refs: Sequence[ItemRef],
    *,
    items: pipeline.StageStore,
    analyses: AnalysisStore,
    embedder: Callable[[], Embedder],
    events: EventPublisher,
    settings: StageSettings,
) -> list[pipeline.Verdict]:
    """The third stage, for a batch: one provider call makes many items findable."""

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result]:
        pairs = _documents(claims, analyses)
        results: dict[UUID, pipeline.Result] = {
            claim.item.item_id: PermanentFailure("no_analysis", "There is no analysis to make this item findable by.")
            for claim in claims
        }
        return results | _embed(pairs, embedder)

    return pipeline.run_stage(
        refs,
        stage=EMBEDDING,
        work=work,
        items=items,
        events=events,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
    )


def _documents(claims: Sequence[Claim], analyses: AnalysisStore) -> list[tuple[Claim, Document]]:
    """Each claimed item's document; tenants are asked one by one, so that no query ever spans two."""
    pairs = []
    for user_id in {claim.item.user_id for claim in claims}:
        own = [claim for claim in claims if claim.item.user_id == user_id]
        latest = analyses.latest(user_id, [claim.item.item_id for claim in own])
        for claim in own:
            if analysis := latest.get(claim.item.item_id):
                pairs.append((claim, documents.build(claim.item, document_of(analysis))))
    return pairs


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
