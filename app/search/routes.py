"""Search over HTTP."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.chat.function import AnsweringFailed
from app.chat.schemas import SearchAsked, ToolUseOut
from app.items.s3 import thumbnail_link
from app.jobs import service as jobs
from app.jobs.models import Kind
from app.jobs.routes import JobStarted
from app.platform import wiring
from app.platform.errors import InvalidInput, PermanentFailure, QuotaExceeded, Unavailable
from app.platform.http import CurrentCaller, Moment, ThreadedRouter, printable
from app.platform.logs import logger
from app.platform.sigv4 import Signer
from app.search import service, suggestions
from app.search.agentic import EXPLORED, Explored
from app.search.models import SCORE_TYPES, Found, Hit, ScoreType, SearchFilter, SearchType

router = ThreadedRouter(tags=["search"])

# An answer is made from so many of the best results.
_ANSWERED_FROM = 20
# Seconds that a request waits for an answer, or for planned searches, and for each where both are wanted: with a hybrid
# search in place of the latter all of it ends within the gateway's 29. What is asked stops a little earlier.
_WAIT_S, _WAIT_PLANNED_S, _WAIT_ANSWERED_S, _ON_ITS_WAY_S = 20, 12, 10, 1


def _clean(text: str) -> str:
    """Text that PostgreSQL and JSON can carry; what they cannot is a space to a search."""
    return printable(text.replace("\x00", " "))


class SearchIn(BaseModel):
    """One search."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    query: Annotated[str, AfterValidator(_clean)] = Field(min_length=1, max_length=1000)
    search_type: SearchType = SearchType.HYBRID
    top_k: int = Field(default=10, ge=1, le=50)
    category_filter: Annotated[str, AfterValidator(_clean)] | None = Field(default=None, max_length=64)
    tags: list[Annotated[str, AfterValidator(_clean)]] | None = Field(default=None, max_length=20)
    favorite: bool | None = None
    occurred_from: Moment | None = Field(default=None, alias="from")
    occurred_to: Moment | None = Field(default=None, alias="to")
    min_relevance_score: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    min_similarity_score: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)
    # Say in words what the results say to it.
    include_answer: bool | None = None
    # Who answers, or plans (`agentic`): one of those that GET /search/config names.
    answer_model: str | None = Field(default=None, max_length=128)

    def question(self) -> service.Question:
        return service.Question(
            query=self.query,
            search_type=self.search_type,
            top_k=self.top_k,
            narrow=SearchFilter(
                self.category_filter, self.tags or None, self.occurred_from, self.occurred_to, self.favorite
            ),
            min_bm25=self.min_relevance_score,
            min_similarity=self.min_similarity_score,
        )


@dataclass(slots=True)
class SearchResult:
    """One found item. `bm25_score` and `similarity` are null where that arm did not return it."""

    item_id: UUID
    rank: int
    score: float
    score_type: ScoreType
    bm25_score: float | None
    similarity: float | None
    category: str | None
    headline: str
    summary: str
    # Plain text with matched words between [[ and ]]: title or headline, notes, summary, pieces of the extracted text.
    highlights: list[str]
    # The query's words that stand in the item, rarest first.
    matched_terms: list[str]
    near_duplicate: bool
    thumbnail_url: str
    metadata: dict[str, Any]


@dataclass(slots=True)
class SearchOut:
    query: str
    search_type: SearchType
    results: list[SearchResult]
    total_results: int
    abstained: bool
    # Arms of the search that could not take part; `answer` where one was wanted and could not be had; `agentic` where
    # nothing could be planned: then the results are those of a hybrid search.
    degraded: list[str]
    retrieval_time_ms: float
    # Only where an answer was wanted. `[1]` in it is the first of the citations.
    answer: str | None = None
    citations: list[UUID] | None = None
    answer_time_ms: float | None = None
    # Only where searches were planned: what was done and why, and every search that was made.
    agent_reasoning: list[str] | None = None
    tools_used: list[ToolUseOut] | None = None


@router.post("/search", operation_id="search")
def search(caller: CurrentCaller, body: SearchIn) -> SearchOut:
    """Find the caller's items by words (`bm25`), by meaning (`vector`), or by both (`hybrid`).

    `agentic` plans several hybrid searches, tells its steps, and counts as a question of the day. Where that cannot be
    done now it is a hybrid search, and `degraded` says so.
    """
    _refuse_unknown_model(body)
    started = time.perf_counter()
    explored = _explored(caller.user_id, body) if body.search_type is SearchType.AGENTIC else None
    found = _found(explored) if explored else wiring.finder(caller.user_id)(body.question())
    elapsed = time.perf_counter() - started
    results = _results(caller.user_id, found.hits, body.search_type)
    out = SearchOut(
        query=body.query,
        search_type=body.search_type,
        results=results,
        total_results=len(results),
        abstained=found.abstained,
        degraded=found.degraded,
        retrieval_time_ms=round(elapsed * 1000, 2),
        agent_reasoning=explored.reasoning if explored else None,
        tools_used=[ToolUseOut.model_validate(step) for step in explored.tools_used] if explored else None,
    )
    return _with_answer(caller.user_id, body, out) if body.include_answer else out


def _refuse_unknown_model(body: SearchIn) -> None:
    """Raises InvalidInput."""
    if body.answer_model is None:
        return
    offered = wiring.answer_model_settings().answer_models
    if body.answer_model not in offered:
        raise InvalidInput(f"Answers are offered by: {', '.join(('the default', *offered))}.")


def _explored(user_id: UUID, body: SearchIn) -> Explored:
    """What planned searches find, by the function that has the model; or what a hybrid search finds, and why."""
    waits_s, question = _WAIT_PLANNED_S if body.include_answer else _WAIT_S, body.question()
    asked = SearchAsked(
        user_id=user_id,
        query=question.query,
        top_k=question.top_k,
        narrow=question.narrow,
        min_similarity=question.min_similarity,
        model=body.answer_model,
        within_s=waits_s - _ON_ITS_WAY_S,
    )
    try:
        answered = wiring.chat_function(waits_s).ask("search", asked.model_dump(mode="json"))
        reason = "It took too long."
    except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
        answered, reason = None, exc.detail
    except AnsweringFailed:
        answered, reason = None, "Something went wrong on our side."
    if answered is not None:
        return EXPLORED.validate_python(answered)
    logger.warning("search without a plan", reason=reason)
    found = wiring.finder(user_id)(replace(question, search_type=SearchType.HYBRID))
    told = f"No searches could be planned: {reason} These are the results of a hybrid search."
    return Explored(found.hits, [*found.degraded, "agentic"], [told], [])


def _found(explored: Explored) -> Found:
    return Found(explored.hits, explored.degraded, abstained=not explored.hits)


def _with_answer(user_id: UUID, body: SearchIn, out: SearchOut) -> SearchOut:
    """The same, in words too, by the function that answers. Nothing found is never asked about."""
    from app.chat.models import NOTHING_FOUND

    if not out.results:
        return replace(out, answer=NOTHING_FOUND, citations=[], answer_time_ms=0.0)
    started = time.perf_counter()
    ids = [str(result.item_id) for result in out.results[:_ANSWERED_FROM]]
    waits_s = _WAIT_ANSWERED_S if body.search_type is SearchType.AGENTIC else _WAIT_S
    asked = {
        "user_id": str(user_id),
        "query": out.query,
        "item_ids": ids,
        "model": body.answer_model,
        "within_s": waits_s,
    }
    try:
        answered = wiring.chat_function(waits_s).ask("answer", asked)
    except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
        logger.warning("search without an answer", reason=exc.detail)
        answered = None
    if answered is None:
        return replace(out, degraded=[*out.degraded, "answer"])
    elapsed = round((time.perf_counter() - started) * 1000, 2)
    citations = [UUID(item_id) for item_id in answered["citations"]]
    return replace(out, answer=answered["answer"], citations=citations, answer_time_ms=elapsed)


class SuggestQuery(BaseModel):
    """What was typed so far; with `kind=tag` all of it is a part of a tag."""

    model_config = ConfigDict(extra="forbid")

    q: Annotated[str, AfterValidator(_clean)] = Field(min_length=1, max_length=200)
    kind: Literal["tag"] | None = None
    limit: int = Field(default=8, ge=1, le=20)


class SuggestionOut(BaseModel):
    """`text` is the whole query with its last word completed, or the tag; `count` says how many items have it."""

    text: str
    completion: str
    kind: Literal["tag", "category", "term"]
    count: int


class SuggestionsOut(BaseModel):
    query: str
    suggestions: list[SuggestionOut]


@router.get("/search/suggest", operation_id="suggest")
def suggest(caller: CurrentCaller, query: Annotated[SuggestQuery, Query()]) -> SuggestionsOut:
    """Complete the last word with the caller's own tags, categories and frequent words, most frequent first.

    With `kind=tag`, find the caller's tags that have all of `q` in them, those that begin with it first.
    """
    before, last = ("", query.q.strip().lower()) if query.kind == "tag" else suggestions.split(query.q)
    store = wiring.suggestions()
    find = store.tags if query.kind == "tag" else store.complete
    found = find(caller.user_id, last, limit=query.limit) if last else []
    return SuggestionsOut(
        query=query.q,
        suggestions=[
            SuggestionOut(text=f"{before}{each.text}", completion=each.text, kind=each.kind, count=each.count)
            for each in found
        ],
    )


class QueryCacheOut(BaseModel):
    """The query embeddings that this container remembers; `hit_rate` is in 0..1."""

    size: int
    entries: int
    hits: int
    misses: int
    hit_rate: float


class SearchConfigOut(BaseModel):
    """The values in force. `retrieval` has every setting of SearchSettings by its name."""

    search_types: list[SearchType]
    # What `answer_model` may be.
    answer_models: list[str]
    default_search_type: SearchType
    default_top_k: int
    max_top_k: int
    embedding_provider: str
    embedding_model: str
    dimensions: int
    retrieval: dict[str, float | int | str]
    query_cache: QueryCacheOut


@router.get("/search/config", operation_id="getSearchConfig")
def get_search_config(caller: CurrentCaller) -> SearchConfigOut:
    """What searches run with, read from the settings."""
    provider, cache = wiring.embedder(), wiring.query_vectors().report()
    top_k = SearchIn.model_json_schema()["properties"]["top_k"]
    return SearchConfigOut(
        search_types=list(SearchType),
        answer_models=list(wiring.answer_model_settings().answer_models),
        default_search_type=SearchIn.model_fields["search_type"].default,
        default_top_k=top_k["default"],
        max_top_k=top_k["maximum"],
        embedding_provider=provider.provider,
        embedding_model=provider.model,
        dimensions=provider.dimensions,
        retrieval=wiring.search_settings().model_dump(),
        query_cache=QueryCacheOut(
            size=cache.size, entries=cache.entries, hits=cache.hits, misses=cache.misses, hit_rate=cache.hit_rate
        ),
    )


@router.post("/vector-index/rebuild", status_code=202, operation_id="rebuildVectorIndex")
def rebuild_vector_index(caller: CurrentCaller, response: Response) -> JobStarted:
    """Embed anew what another model embedded, or another text; while that is under way, the same job again.

    Search finds everything meanwhile. `GET /jobs/{job_id}` tells how far it is, and at the end how many were embedded;
    `stopped_by` says so where a limit was met: a later rebuild goes on from there.
    """
    per_day = wiring.usage_settings().rebuilds_per_day
    job = jobs.request(caller.user_id, Kind.REBUILD, jobs=wiring.jobs(), events=wiring.events(), per_day=per_day)
    response.headers["Location"] = f"/jobs/{job.job_id}"
    return JobStarted(job_id=job.job_id)


class FormerModelOut(BaseModel):
    """A model that is not the configured one, and how its `items` are found by meaning."""

    model: str
    items: int
    # `vector`: the query is embedded by that model too. `words`: nobody has it any more, so their words stand in.
    found_by: Literal["vector", "words"]


class IndexStatusOut(BaseModel):
    """`items` are those `embedded` by the model, those `pending`, and those that `failed`."""

    items: int
    embedded: int
    # On their way, or embedded by another model: a rebuild does these.
    pending: int
    failed: int
    model: str
    dimensions: int
    last_rebuild: datetime | None
    rebuilding: bool
    # Empty once everything is embedded by the model: then each query is embedded once, by that model.
    former_models: list[FormerModelOut]


@router.get("/vector-index/status", operation_id="getVectorIndexStatus")
def get_vector_index_status(caller: CurrentCaller) -> IndexStatusOut:
    """How many of the caller's items are embedded by the configured model, and how those of others are found."""
    provider = wiring.embedder()
    status = wiring.rebuilds().status(caller.user_id, provider.model)
    return IndexStatusOut(
        items=status.items,
        embedded=status.embedded,
        pending=status.pending,
        failed=status.failed,
        model=provider.model,
        dimensions=provider.dimensions,
        last_rebuild=status.last_rebuild,
        rebuilding=status.is_rebuilding,
        former_models=[
            FormerModelOut(
                model=former.model, items=former.items, found_by="vector" if _is_had(former.model) else "words"
            )
            for former in status.former
        ],
    )


def _is_had(model: str) -> bool:
    """Whether anybody here embeds with it. Nobody is asked: a provider that is down now is one that is had."""
    try:
        wiring.former_embedder(model)
    except PermanentFailure:
        return False
    return True


@dataclass(slots=True)
class SimilarOut:
    results: list[SearchResult]


@router.get("/items/{item_id}/similar", operation_id="getSimilarItems")
def get_similar(caller: CurrentCaller, item_id: UUID, top_k: Annotated[int, Query(ge=1, le=50)] = 10) -> SimilarOut:
    """The items nearest to this one by vector. Those that look the same are marked `near_duplicate`."""
    hits = service.similar(caller.user_id, item_id, top_k=top_k, items=wiring.items(), index=wiring.search_index())
    return SimilarOut(results=_results(caller.user_id, hits, SearchType.VECTOR))


def _results(user_id: UUID, hits: Sequence[Hit], search_type: SearchType) -> list[SearchResult]:
    signer = wiring.images().signer()
    return [_result(user_id, rank, hit, search_type, signer) for rank, hit in enumerate(hits, start=1)]


def _result(user_id: UUID, rank: int, hit: Hit, search_type: SearchType, signer: Signer) -> SearchResult:
    return SearchResult(
        item_id=hit.item_id,
        rank=rank,
        score=hit.score,
        score_type=SCORE_TYPES[search_type],
        bm25_score=hit.bm25,
        similarity=hit.similarity,
        category=hit.category,
        headline=hit.headline,
        summary=hit.summary,
        highlights=hit.highlights,
        matched_terms=hit.matched_terms,
        near_duplicate=hit.near_duplicate,
        thumbnail_url=thumbnail_link(signer, user_id, hit.item_id, hit.rendition_generation),
        metadata=hit.metadata,
    )
