"""The collection as LangChain retrievers, for chains, agents and LangSmith: the same search, one tenant's for good.

Imported by those who ask for it alone: LangChain takes a second to load, and the API never does.
"""

from collections.abc import Callable
from typing import ClassVar
from uuid import UUID

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, SkipValidation

from app.analysis.models import Analysis
from app.analysis.store import AnalysisStore, document_of
from app.platform.settings import SearchSettings
from app.search import service
from app.search.models import SCORE_TYPES, Embedder, Hit, SearchFilter, SearchType
from app.search.store import SearchStore


class CollectionRetriever(BaseRetriever):
    """Finds one tenant's items. The tenant is given here and nowhere else: no query, however worded, names another.

    Nothing is returned where nothing answers. Asynchronous calls run in a thread (LangChain's own way).
    """

    search_type: ClassVar[SearchType]

    user_id: UUID
    index: SearchStore
    analyses: AnalysisStore
    settings: SearchSettings
    embedder: SkipValidation[Embedder]
    # By another model than the embedder's, for what that embedded.
    former: SkipValidation[Callable[[str], Embedder]] = service.nobody_embeds
    top_k: int = Field(default=10, ge=1, le=50)
    narrow: SearchFilter = SearchFilter()

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        question = service.Question(query, self.search_type, self.top_k, self.narrow)
        found = service.search(
            self.user_id,
            question,
            index=self.index,
            embedder=lambda: self.embedder,
            former=self.former,
            settings=self.settings,
        )
        analyses = self.analyses.latest(self.user_id, [hit.item_id for hit in found.hits])
        return [self._document(hit, analyses.get(hit.item_id)) for hit in found.hits]

    def _document(self, hit: Hit, analysis: Analysis | None) -> Document:
        return Document(
            id=str(hit.item_id),
            page_content=content_of(hit, analysis),
            metadata={
                "item_id": str(hit.item_id),
                "score": hit.score,
                "score_type": SCORE_TYPES[self.search_type].value,
                "bm25_score": hit.bm25,
                "similarity": hit.similarity,
                "category": hit.category,
                "headline": hit.headline,
                "original_filename": hit.metadata["original_filename"],
                "tags": hit.metadata["tags"],
            },
        )


class BM25Retriever(CollectionRetriever):
    """By words."""

    search_type = SearchType.BM25


class VectorRetriever(CollectionRetriever):
    """By meaning."""

    search_type = SearchType.VECTOR


class HybridRetriever(CollectionRetriever):
    """By both."""

    search_type = SearchType.HYBRID


def content_of(hit: Hit, analysis: Analysis | None) -> str:
    """Headline, summary and every line that stands in the picture."""
    lines = document_of(analysis).image_details.extracted_text if analysis else []
    return "\n".join(part for part in (hit.headline, hit.summary, *lines) if part)
