"""Searching a tenant's items, and the third stage: making them findable."""

from collections.abc import Callable, Sequence, Set
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
from app.search.models import Embedder, Found, Hit, QueryVector, Ranking, SearchFilter, SearchType
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


def nobody_embeds(model: str) -> Embedder:
    """For those who have no other model than the configured one. Raises PermanentFailure."""
    raise PermanentFailure("provider_not_configured", f"Nobody embeds with {model} here.")


def search(
    user_id: UUID,
    question: Question,
    *,
    index: SearchStore,
    embedder: Callable[[], Embedder],
    settings: SearchSettings,
    former: Callable[[str], Embedder] = nobody_embeds,
    tracer: Tracer = NO_TRACING,
) -> Found:
    """Find the tenant's items that answer the question, best first, or say that none does.

    What another model than the configured one embedded is compared with the query as that model embeds it: `former`
    has it by its name. Where it is not to be had, its items are found by their words in every search, and that is said.

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
        found = _search(user_id, question, index=index, embedder=embedder, former=former, settings=settings)
        span.note(hits=len(found.hits), abstained=found.abstained, degraded=bool(found.degraded))
        return found


def _search(
    user_id: UUID,
    question: Question,
    *,
    index: SearchStore,
    embedder: Callable[[], Embedder],
    former: Callable[[str], Embedder],
    settings: SearchSettings,
) -> Found:
    asked, degraded = _Asked(), []
    if question.search_type is not SearchType.BM25:
        try:
            configured = embedder()
            asked = _Asked(configured.model, configured.embed_query(question.query))
        except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
            if question.search_type is SearchType.VECTOR:
                raise
            logger.warning("search without vectors", reason=exc.detail)
            degraded = ["vector"]
    asked, ranking = _ranked(user_id, question, asked, index, former)
    degraded += ["former_model"] if asked.missing else []
    if degraded:
        question = replace(question, min_similarity=None)
    if is_unanswered(ranking.evidence, settings) and not may_be_seen(question.query, ranking.hits):
        return Found([], degraded, abstained=True)
    hits = [hit for hit in _cut(ranking.hits, question, settings) if _is_relevant(hit, question)]
    return Found(hits, degraded, abstained=not hits)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query as it is embedded: by the configured model, by former ones, and by which it cannot be."""

    model: str = ""
    vector: list[float] | None = None
    former: tuple[QueryVector, ...] = ()
    missing: tuple[str, ...] = ()


def _ranked(
    user_id: UUID, question: Question, asked: _Asked, index: SearchStore, former: Callable[[str], Embedder]
) -> tuple[_Asked, Ranking]:
    """The best items, and with which vectors they were looked for.

    The configured model is asked even where it embedded none yet: by the time of the search it may have.
    """

    def look(asked: _Asked) -> Ranking:
        return index.search(
            user_id,
            query=question.query,
            vector=asked.vector,
            embedding_model=asked.model,
            former=asked.former,
            missing=asked.missing,
            search_type=question.search_type,
            narrow=question.narrow,
            top_k=question.top_k,
        )

    if asked.vector is None:
        return asked, look(asked)
    with index.at_once(user_id):
        others = index.models(user_id) - {asked.model}
        if not others:
            return asked, look(asked)
    # Nobody waits for a provider with a connection in hand.
    asked = _of_former_models(asked, question.query, others, former)
    return asked, look(asked)


def _of_former_models(asked: _Asked, query: str, models: Set[str], former: Callable[[str], Embedder]) -> _Asked:
    """The same, with the query once more by each other model that embedded items of the tenant."""
    vectors, missing = [], []
    for model in sorted(models):
        try:
            vectors.append(QueryVector(model, former(model).embed_query(query)))
        except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
            logger.warning("search without a former model", model=model, reason=exc.detail)
            missing.append(model)
    return replace(asked, former=tuple(vectors), missing=tuple(missing))


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
