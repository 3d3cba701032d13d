"""Searching a tenant's items, and the third stage: making them findable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from app.analysis.store import AnalysisStore
from app.items import pipeline
from app.items.models import EMBEDDING, Claim, ItemRef
from app.items.store import ItemStore
from app.platform.errors import NotFound, PermanentFailure, QuotaExceeded, Unavailable
from app.platform.events import EventPublisher
from app.platform.logs import logger, user_hash
from app.platform.settings import SearchSettings, StageSettings
from app.platform.tracing import NO_TRACING, Tracer
from app.search.abstention import is_unanswered, may_be_seen
from app.search.indexing import documents_of, embedded, unchanged
from app.search.models import Embedder, Found, Hit, SearchFilter, SearchType
from app.search.store import SearchStore
from app.usage.models import Quota


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
    tracer: Tracer = NO_TRACING,
) -> Found:
    """Find the tenant's items that answer the question, best first, or say that none does.

    While the embedding provider is down (or not configured) a hybrid search answers from the words and says so; a least
    similarity, which nothing has then, is not asked for.

    Raises:
        Unavailable, PermanentFailure: the search is purely by vector, and the provider does not answer.
        QuotaExceeded: it is purely by vector, and the user's share of them is used up.
    """
    traced = {
        "user": user_hash(user_id),
        "search_type": question.search_type.value,
        "top_k": question.top_k,
        "query_characters": len(question.query),
    }
    with tracer.span("retrieval", "retriever", traced) as span:
        found = _search(user_id, question, index=index, embedder=embedder, settings=settings)
        span.note(hits=len(found.hits), abstained=found.abstained, degraded=bool(found.degraded))
        return found


def _search(
    user_id: UUID,
    question: Question,
    *,
    index: SearchStore,
    embedder: Callable[[], Embedder],
    settings: SearchSettings,
) -> Found:
    vector, model, degraded = None, "", []
    if question.search_type is not SearchType.BM25:
        try:
            provider = embedder()
            vector, model = provider.embed_query(question.query), provider.model
        except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
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
    if is_unanswered(ranking.evidence, settings) and not may_be_seen(question.query, ranking.hits):
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
    quota: Quota | None = None,
) -> list[pipeline.Verdict]:
    """The third stage, for a batch: one provider call makes many items findable. Unchanged text is paid for once."""

    def work(claims: Sequence[Claim]) -> dict[UUID, pipeline.Result | pipeline.Used]:
        pairs, failures = documents_of([claim.item for claim in claims], analyses)
        same = unchanged(pairs, index, embedder)
        return failures | same | embedded([pair for pair in pairs if pair[0].item_id not in same], embedder)

    return pipeline.run_stage(
        refs,
        stage=EMBEDDING,
        work=work,
        items=items,
        events=events,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
        quota=quota,
    )
