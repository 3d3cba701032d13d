"""Search over HTTP."""

import time
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.items import s3
from app.platform import wiring
from app.platform.http import PROBLEMS, CurrentCaller, printable
from app.search import service
from app.search.models import SCORE_TYPES, Hit, ScoreType, SearchFilter, SearchType

router = APIRouter(tags=["search"], responses=PROBLEMS)


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
    occurred_from: datetime | None = Field(default=None, alias="from")
    occurred_to: datetime | None = Field(default=None, alias="to")
    min_relevance_score: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    min_similarity_score: float | None = Field(default=None, ge=0, le=1, allow_inf_nan=False)

    def question(self) -> service.Question:
        return service.Question(
            query=self.query,
            search_type=self.search_type,
            top_k=self.top_k,
            narrow=SearchFilter(self.category_filter, self.tags or None, self.occurred_from, self.occurred_to),
            min_bm25=self.min_relevance_score,
            min_similarity=self.min_similarity_score,
        )


class SearchResult(BaseModel):
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
    highlights: list[str]
    thumbnail_url: str
    metadata: dict[str, Any]


class SearchOut(BaseModel):
    query: str
    search_type: SearchType
    results: list[SearchResult]
    total_results: int
    abstained: bool
    degraded: list[str]
    retrieval_time_ms: float


@router.post("/search", operation_id="search")
def search(caller: CurrentCaller, body: SearchIn) -> SearchOut:
    """Find the caller's items by words (`bm25`), by meaning (`vector`), or by both (`hybrid`)."""
    started = time.perf_counter()
    found = service.search(caller.user_id, body.question(), index=wiring.search_index(), embedder=wiring.embedder)
    elapsed = time.perf_counter() - started
    results = [_result(caller.user_id, rank, hit, body.search_type) for rank, hit in enumerate(found.hits, start=1)]
    return SearchOut(
        query=body.query,
        search_type=body.search_type,
        results=results,
        total_results=len(results),
        abstained=not results,
        degraded=found.degraded,
        retrieval_time_ms=round(elapsed * 1000, 2),
    )


def _result(user_id: UUID, rank: int, hit: Hit, search_type: SearchType) -> SearchResult:
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
        highlights=[],
        thumbnail_url=wiring.images().presign_get(s3.rendition_key(user_id, hit.item_id, "thumbnail")),
        metadata=hit.metadata,
    )
