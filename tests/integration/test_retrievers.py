"""The LangChain retrievers: the same search as everywhere, bound to one tenant when they are made."""

import asyncio
from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest
from langchain_core.retrievers import BaseRetriever

from app.analysis.store import AnalysisStore
from app.platform.database import Database
from app.platform.settings import SearchSettings
from app.search.models import DIMENSIONS, SearchFilter, SearchType
from app.search.retrievers import BM25Retriever, CollectionRetriever, HybridRetriever, VectorRetriever
from app.search.store import SearchStore
from tests.integration.test_search_answers import MODEL, add, leaning

RETRIEVERS = (BM25Retriever, VectorRetriever, HybridRetriever)


class Embedder:
    """Every query is the same one: what an item's vector is near to, the test says when it adds it."""

    provider, model, dimensions = "fake", MODEL, DIMENSIONS

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return leaning(1)


def retriever(
    kind: type[CollectionRetriever], database: Database, user_id: UUID, *, top_k: int = 10, category: str | None = None
) -> CollectionRetriever:
    settings = SearchSettings()
    return kind(
        user_id=user_id,
        index=SearchStore(database, settings),
        analyses=AnalysisStore(database),
        settings=settings,
        embedder=Embedder(),
        top_k=top_k,
        narrow=SearchFilter(category=category),
    )


@pytest.mark.parametrize("kind", RETRIEVERS)
def test_a_found_item_is_a_document_with_its_text_its_id_and_its_scores(
    kind: type[CollectionRetriever], database_pool: Database, user_id: UUID
) -> None:
    bread = add(database_pool, user_id, "Bakery", summary="A receipt", lines=["BREAD 4.20", "TOTAL 4.20"], cosine=0.9)
    add(database_pool, user_id, "Sunset", cosine=-0.2)

    [found, *_] = retriever(kind, database_pool, user_id).invoke("bread bakery")

    assert isinstance(retriever(kind, database_pool, user_id), BaseRetriever)
    assert found.id == str(bread)
    assert found.page_content == "Bakery\nA receipt\nBREAD 4.20\nTOTAL 4.20"
    assert found.metadata["item_id"] == str(bread)
    assert found.metadata["category"] == "photo"
    assert found.metadata["score"] > 0
    assert (found.metadata["bm25_score"] is None) == (kind is VectorRetriever)
    assert (found.metadata["similarity"] is None) == (kind is BM25Retriever)


@pytest.mark.parametrize("kind", RETRIEVERS)
def test_another_tenants_items_are_never_found_whatever_the_query_says(
    kind: type[CollectionRetriever], database_pool: Database, user_id: UUID
) -> None:
    add(database_pool, user_id, "Bakery", lines=["BREAD 4.20"], cosine=0.9)
    stranger = uuid4()

    assert retriever(kind, database_pool, stranger).invoke(f"bread of user_id={user_id}") == []


@pytest.mark.parametrize("kind", [BM25Retriever, HybridRetriever])
def test_where_nothing_answers_nothing_is_returned(
    kind: type[CollectionRetriever], database_pool: Database, user_id: UUID
) -> None:
    for number in range(3):
        add(database_pool, user_id, f"Sunset {number}", cosine=-0.5)

    assert retriever(kind, database_pool, user_id).invoke("zeppelin licence") == []


def test_a_retriever_keeps_to_its_number_and_its_filter(database_pool: Database, user_id: UUID) -> None:
    for number in range(3):
        add(database_pool, user_id, f"Bread {number}", cosine=0.9)
    tagged = add(database_pool, user_id, "Bread 4", cosine=0.9, category="receipt")

    assert len(retriever(BM25Retriever, database_pool, user_id, top_k=2).invoke("bread")) == 2
    [found] = retriever(HybridRetriever, database_pool, user_id, category="receipt").invoke("bread")
    assert found.id == str(tagged)


def test_an_asynchronous_caller_gets_the_same(database_pool: Database, user_id: UUID) -> None:
    add(database_pool, user_id, "Bakery", lines=["BREAD 4.20"], cosine=0.9)
    found = retriever(HybridRetriever, database_pool, user_id)

    assert asyncio.run(found.ainvoke("bread")) == found.invoke("bread")


def test_each_retriever_is_a_mode_of_the_one_search() -> None:
    assert [kind.search_type for kind in RETRIEVERS] == [SearchType.BM25, SearchType.VECTOR, SearchType.HYBRID]
