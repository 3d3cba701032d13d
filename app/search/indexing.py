"""Making items findable: their documents, which of them stand there already, and the vectors of the others."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from uuid import UUID

from app.analysis.models import Analysis
from app.analysis.store import AnalysisStore, document_of
from app.items import pipeline
from app.items.models import EMBEDDING, Item
from app.platform import metrics
from app.platform.database import Connection
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.logs import logger
from app.platform.spending import collecting
from app.search import documents, store
from app.search.models import Document, Embedder
from app.search.store import SearchStore

Pair = tuple[Item, Document]


def documents_of(items: Sequence[Item], analyses: AnalysisStore) -> tuple[list[Pair], dict[UUID, pipeline.Result]]:
    """Each item's document, or why it has none; tenants are asked one by one: no query ever spans two."""
    pairs: list[Pair] = []
    failures: dict[UUID, pipeline.Result] = {}
    for user_id in {item.user_id for item in items}:
        own = [item for item in items if item.user_id == user_id]
        latest = analyses.latest(user_id, [item.item_id for item in own])
        for item in own:
            try:
                pairs.append((item, _document(item, latest.get(item.item_id))))
            except PermanentFailure as exc:
                failures[item.item_id] = exc
    return pairs, failures


def unchanged(
    pairs: Sequence[Pair], index: SearchStore, embedder: Callable[[], Embedder]
) -> dict[UUID, pipeline.Result]:
    """Those whose text was embedded before, by the same model: their rows are renewed around the vector."""
    there: dict[UUID, tuple[bytes, str]] = {}
    for user_id in {item.user_id for item, _ in pairs}:
        there |= index.embedded(user_id, [item.item_id for item, _ in pairs if item.user_id == user_id])
    if not there:
        return {}
    model = embedder().model
    return {
        item.item_id: partial(store.refresh, item=item, document=document)
        for item, document in pairs
        if there.get(item.item_id) == (store.fingerprint(document), model)
    }


def embedded(pairs: Sequence[Pair], embedder: Callable[[], Embedder]) -> dict[UUID, pipeline.Result | pipeline.Used]:
    """Embed all at once; if the provider will never take the batch, one by one, so that one bad item fails alone.

    Each text bears its share of the bill.
    """
    if not pairs:
        return {}
    with collecting() as bill:
        results = _embed_at_once(pairs, embedder)
    if isinstance(results, PermanentFailure) and len(pairs) > 1:
        return {key: result for pair in pairs for key, result in embedded([pair], embedder).items()}
    each = results if isinstance(results, list) else [results] * len(pairs)
    shares = bill.total.split([len(document.text) for _, document in pairs])
    return {
        item.item_id: pipeline.billed(result, share)
        for (item, _), result, share in zip(pairs, each, shares, strict=True)
    }


def _document(item: Item, analysis: Analysis | None) -> Document:
    if analysis is None:
        raise PermanentFailure("no_analysis", "There is no analysis to make this item findable by.")
    return documents.build(item, document_of(analysis))


def _embed_at_once(
    pairs: Sequence[Pair], embedder: Callable[[], Embedder]
) -> list[Callable[[Connection], None]] | PermanentFailure | Unavailable:
    """What to write, in the order of the pairs; or why there is nothing."""
    try:
        started = time.perf_counter()
        provider = embedder()
        vectors = provider.embed_documents([document.text for _, document in pairs])
    except (PermanentFailure, Unavailable) as exc:
        return exc
    elapsed = round((time.perf_counter() - started) * 1000)
    ids = [str(item.item_id) for item, _ in pairs]
    logger.info("embedded", item_ids=ids, provider=provider.provider, provider_ms=elapsed)
    metrics.publish({"provider_ms": elapsed, "texts": len(pairs)}, stage=EMBEDDING.name, provider=provider.provider)
    return [
        partial(store.save, item=item, document=document, vector=vector, model=provider.model)
        for (item, document), vector in zip(pairs, vectors, strict=True)
    ]
