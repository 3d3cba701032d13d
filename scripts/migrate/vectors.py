"""Vectors from a ChromaDB collection: those that fit are kept, for the others the pipeline embeds anew.

A vector fits if the configured model made it, it is as long as that model's vectors are, and it stands for the whole
of the analysis that the item has. A kept vector counts as that of the item's text as it is put together here: it was
made of the same analysis in another order. An edit or a new analysis of the item has it embedded anew, as ever.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.analysis.models import HEADLINE_MAX_LENGTH, AnalysisDocument
from app.analysis.store import AnalysisStore, document_of
from app.items.models import Item, Status
from app.items.pipeline import resume_event
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.events import EventPublisher
from app.search import local, store
from app.search.indexing import Pair, documents_of
from app.search.models import DIMENSIONS
from app.search.rebuild import still_current
from app.search.store import SearchStore
from scripts.migrate import rows
from scripts.migrate.chroma import OldVectors, Vector
from scripts.migrate.previous import new_item_id
from scripts.migrate.report import Outcome, Rejected

# Items of one transaction: six statements each.
BATCH = 100
# Of models whose vectors are shorter than the column; theirs are padded with zeros, which changes no cosine.
_WIDTHS = {local.LocalEmbedder.model: local.WIDTH}


@dataclass(frozen=True, slots=True)
class Into:
    """Where vectors go: the stores of one cloud, and which model it embeds with."""

    database: Database
    items: ItemStore
    analyses: AnalysisStore
    index: SearchStore
    events: EventPublisher
    model: str


def migrate(
    found: Iterable[OldVectors],
    user_id: UUID,
    *,
    model: str,
    into: Into,
    outcome: Outcome,
    dry_run: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> None:
    """Keep what fits, batch by batch, and send what does not on its way to be embedded. Repeat it at any time.

    Args:
        model: what made the vectors.

    Raises:
        Unavailable: the database or the event bus does not answer; what was done stays done.
    """
    for batch in rows.batches(found, BATCH):
        _migrate_batch(batch, user_id, model=model, into=into, outcome=outcome, dry_run=dry_run)
        advance(len(batch))


def _migrate_batch(
    batch: Sequence[OldVectors], user_id: UUID, *, model: str, into: Into, outcome: Outcome, dry_run: bool
) -> None:
    items = into.items.get_many(user_id, [new_item_id(user_id, old.old_id) for old in batch])
    pairs, _ = documents_of(list(items.values()), into.analyses)
    of_item = {pair[0].item_id: pair for pair in pairs}
    latest = into.analyses.latest(user_id, list(of_item))
    done = _embedded(pairs, user_id, into)
    keep: list[tuple[Pair, list[float]]] = []
    anew: list[Item] = []
    for old in batch:
        item_id = new_item_id(user_id, old.old_id)
        if item_id not in items:
            if into.items.duplicate_of(user_id, item_id):
                outcome.counts["of an image that is there already"] += 1
            else:
                outcome.reject(Rejected("vector", old.old_id, "there is no such item: run migrate-db first"))
        elif item_id in done:
            outcome.counts["embedded already"] += 1
        elif item_id not in of_item:
            outcome.reject(Rejected("vector", old.old_id, "the item has no analysis that the vector could stand for"))
        elif why := misfit(old, document_of(latest[item_id]), model=model, wanted=into.model):
            outcome.reject(Rejected("vector", old.old_id, why))
            anew.append(items[item_id])
        else:
            keep.append((of_item[item_id], unit_vector(old.vectors[0])))
    outcome.counts["kept"] += len(keep)
    if not dry_run:
        _save(keep, user_id, into)
    _embed_anew(anew, into=into, outcome=outcome, dry_run=dry_run)


def misfit(old: OldVectors, latest: AnalysisDocument, *, model: str, wanted: str) -> str | None:
    """Why a vector cannot be kept; None: it can."""
    width = width_of(wanted)
    if model != wanted:
        return f"made by {model}, and {wanted} is configured: embedded anew"
    if len(old.vectors) != 1:
        return "the text was cut into pieces, each with a vector of its own: embedded anew"
    vector = old.vectors[0]
    if vector is None:
        return "the entry has no vector: embedded anew"
    if len(vector) != width:
        return f"{len(vector)} numbers, and {wanted} makes {width}: embedded anew"
    if not math.isfinite(norm := math.hypot(*vector)) or norm == 0:
        return "no direction (zeros, or what is no number): embedded anew"
    if not _is_of(old, latest):
        return "made of another analysis than the item's newest: embedded anew"
    return None


def width_of(model: str) -> int:
    """How many numbers a model's vectors have."""
    return _WIDTHS.get(model, DIMENSIONS)


def unit_vector(vector: Vector | None) -> list[float]:
    """(1024,), unit norm; of one that fits."""
    assert vector is not None
    norm = math.hypot(*vector)
    return [number / norm for number in vector] + [0.0] * (DIMENSIONS - len(vector))


def _is_of(old: OldVectors, latest: AnalysisDocument) -> bool:
    """Whether the entry was made of what the item's newest analysis says, as far as it remembers."""
    headline, summary = (old.headline or "").strip()[:HEADLINE_MAX_LENGTH], (old.summary or "").strip()
    return headline in ("", latest.headline) and summary in ("", latest.summary)


def _embedded(pairs: Sequence[Pair], user_id: UUID, into: Into) -> set[UUID]:
    """Those that have a vector of the configured model for the text they have now."""
    there = into.index.embedded(user_id, [item.item_id for item, _ in pairs])
    return {
        item.item_id for item, document in pairs if there.get(item.item_id) == (store.fingerprint(document), into.model)
    }


def _save(keep: Sequence[tuple[Pair, list[float]]], user_id: UUID, into: Into) -> None:
    if not keep:
        return
    vectors = {item.item_id: vector for (item, _), vector in keep}
    with into.database.tenant(user_id) as connection:
        connection.execute(rows.PLAN_ANEW)
        current = still_current(connection, [pair for pair, _ in keep])
        # Six statements an item, and none waits for the answer to the one before.
        with connection.pipeline():
            for item, document in current:
                store.save(connection, item, document, vectors[item.item_id], into.model)


def _embed_anew(items: Sequence[Item], *, into: Into, outcome: Outcome, dry_run: bool) -> None:
    """An item that is ready is sent through the last stage again; the others will come to it by themselves."""
    ready = [item for item in items if item.status is Status.READY]
    outcome.counts["embedded when their turn comes"] += len(items) - len(ready)
    outcome.counts["sent to be embedded anew"] += len(ready)
    if dry_run:
        return
    sent = [into.items.rework(item, starting_as=Status.EMBEDDING, reuse_analysis=True) for item in ready]
    into.events.publish([resume_event(Status.EMBEDDING, item.ref) for item in sent if item])
