"""Whether what was migrated is what there was: counts, every image's checksum, rows field by field, and searches.

Each check reads its source from the beginning to the end and remembers no more than its sample.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from app.analysis.models import AnalysisDocument
from app.analysis.store import AnalysisStore
from app.items.models import Item, Status
from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform.database import Database
from app.search.models import DIMENSIONS, Embedder, SearchFilter, SearchType
from app.search.store import SearchStore
from scripts.migrate import images as image_files
from scripts.migrate.chroma import OldVectors
from scripts.migrate.images import OldIdOf, files, resolved
from scripts.migrate.previous import OldAnalysis, OldItem
from scripts.migrate.report import Rejected
from scripts.migrate.rows import batches, stored_analyses
from scripts.migrate.vectors import width_of

TOP = 10
LEAST_OVERLAP = 0.6
# Items compared field by field, and searches asked twice.
SAMPLE, SEARCHES = 200, 20
_BATCH, _AT_ONCE = 100, 4
# Found problems that a check names; it counts them all.
_SHOWN = 10
# The same sample every time: a failed check can be looked into.
_SEED = 20260101

T = TypeVar("T")


@dataclass(slots=True)
class Check:
    """One comparison: how much of it there was, what was found different, and what else there is to say."""

    name: str
    compared: int = 0
    wrong: int = 0
    first: list[str] = field(default_factory=list)
    note: str = ""

    def differs(self, words: str) -> None:
        self.wrong += 1
        if len(self.first) < _SHOWN:
            self.first.append(words)

    @property
    def is_good(self) -> bool:
        return not self.wrong


@dataclass(frozen=True, slots=True)
class Against:
    """The collection that was migrated into."""

    database: Database
    items: ItemStore
    analyses: AnalysisStore
    images: ImageBucket
    index: SearchStore
    embedder: Callable[[], Embedder]


class Sample:
    """So many of a stream of unknown length, each as likely as any (Vitter, "Random Sampling with a Reservoir")."""

    def __init__(self, size: int) -> None:
        self._size, self._seen = size, 0
        self._random = random.Random(_SEED)  # noqa: S311 - a sample, no secret
        self.chosen: list[Any] = []

    def offer(self, entry: Any) -> None:
        self._seen += 1
        if len(self.chosen) < self._size:
            self.chosen.append(entry)
        elif (place := self._random.randrange(self._seen)) < self._size:
            self.chosen[place] = entry


def rows(
    found: Iterable[OldItem | Rejected],
    user_id: UUID,
    against: Against,
    *,
    sample: int = SAMPLE,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Check, Check, list[OldItem]]:
    """Whether every usable item and analysis is there, and a sample of them is the same. Returns that sample, too."""
    counts, fields, drawn = Check("counts"), Check("fields"), Sample(sample)
    rejected = 0
    for batch in batches(found, _BATCH):
        usable = [row for row in batch if isinstance(row, OldItem)]
        rejected += len(batch) - len(usable)
        _count(usable, user_id, against, counts)
        for item in usable:
            drawn.offer(item)
        advance(len(usable))
    counts.note = f"{rejected} rows of the source are none that can be migrated"
    for item in drawn.chosen:
        _compare(item, user_id, against, fields)
    return counts, fields, drawn.chosen


def _count(batch: Sequence[OldItem], user_id: UUID, against: Against, check: Check) -> None:
    there = resolved(user_id, [item.old_id for item in batch], against.items)
    # Of an item that is the same image as another one, the other's analyses count.
    own = [item for item in batch if item.old_id in there and there[item.old_id].item_id == item.new_id(user_id)]
    wanted = {analysis.new_id(user_id): (item, analysis) for item in own for analysis in item.analyses}
    check.compared += len(batch) + len(wanted)
    for old in batch:
        if old.old_id not in there:
            check.differs(f"item {old.old_id} is missing")
    for missing in wanted.keys() - stored_analyses(user_id, list(wanted), against.database):
        item, analysis = wanted[missing]
        check.differs(f"analysis {analysis.old_id} of item {item.old_id} is missing")


def _compare(old: OldItem, user_id: UUID, against: Against, check: Check) -> None:
    item = against.items.get(user_id, old.new_id(user_id))
    if item is None:
        return  # counted above; or the same image as another item, whose fields are its own
    check.compared += 1
    pairs: list[tuple[str, Any, Any]] = [
        ("original_filename", old.original_filename, item.original_filename),
        ("created_at", old.created_at, item.created_at),
    ]
    versions = {version.version: version for version in against.analyses.versions(user_id, item.item_id)}
    for analysis in old.analyses:
        pairs += _analysis_pairs(analysis, versions.get(analysis.version))
    for name, before, now in pairs:
        if before != now:
            check.differs(f"{name} of item {old.old_id}: {_brief(before)} became {_brief(now)}")


def _analysis_pairs(old: OldAnalysis, now: Any) -> list[tuple[str, Any, Any]]:
    if now is None:
        return []  # counted already
    name = f"analysis {old.version}"
    documents = AnalysisDocument.model_validate(now.raw_response).model_dump()
    return [
        *((f"{name}, {key}", value, documents[key]) for key, value in old.document.model_dump().items()),
        (f"{name}, provider", old.provider, now.provider_used),
        (f"{name}, model", old.model, now.model_used),
        (f"{name}, trace", old.trace_id, now.trace_id),
        (f"{name}, created_at", old.created_at, now.created_at),
    ]


def checksums(
    folder: Path,
    user_id: UUID,
    against: Against,
    *,
    old_id_of: OldIdOf = image_files.by_id,
    advance: Callable[[int], None] = lambda _: None,
) -> Check:
    """Whether every file of the folder is its item's image: by SHA-256, and still the object that this was taken of."""
    check = Check("images")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for batch in batches(files(folder), _BATCH):
            old_ids = [old_id_of(file) for file in batch]
            known = resolved(user_id, [old_id for old_id in old_ids if old_id], against.items)
            found = [known.get(old_id) if old_id else None for old_id in old_ids]
            for file, item, said in zip(batch, found, pool.map(_image(against), batch, found), strict=True):
                check.compared += 1
                if said:
                    check.differs(f"{file.name}{f' of item {item.item_id}' if item else ''}: {said}")
            advance(len(batch))
    return check


def _image(against: Against) -> Callable[[Path, Item | None], str | None]:
    def compare(file: Path, item: Item | None) -> str | None:
        if item is None:
            return "there is no such item"
        if item.status is Status.FAILED:
            return f"the pipeline refused it: {item.error_code}"
        if item.sha256 is None:
            return "the pipeline has not looked at it yet"
        with file.open("rb") as opened:
            if hashlib.file_digest(opened, "sha256").digest() != item.sha256:
                return "its bytes are others"
        found = against.images.head(item.object_key)
        if found is None or found.etag != item.object_etag:
            return "its object is missing, or was replaced"
        return None

    return compare


def vectors(entries: Iterable[OldVectors], user_id: UUID, against: Against) -> Check:
    """Whether every item that could be found by its meaning still can be, by the configured model's vectors."""
    check = Check("vectors")
    model, skipped = against.embedder().model, 0
    for batch in batches(entries, _BATCH):
        there = resolved(user_id, [old.old_id for old in batch], against.items)
        embedded = against.index.embedded(user_id, [item.item_id for item in there.values()])
        skipped += len(batch) - len(there)
        for old_id, item in there.items():
            check.compared += 1
            if embedded.get(item.item_id, (b"", ""))[1] != model:
                check.differs(f"item {old_id} has no vector of {model} (yet)")
    check.note = f"{skipped} entries are of no item" if skipped else ""
    return check


def searches(
    read: Callable[[], Iterator[OldVectors]],
    user_id: UUID,
    against: Against,
    *,
    model: str,
    asked: Sequence[OldItem],
    least: float = LEAST_OVERLAP,
) -> Check:
    """How much of each sample search's first ten is still among its first ten, on average.

    Where the configured model made the old vectors, it is asked for the headlines of a sample of items, as somebody
    who looks for them would; where another one did, each sample item is asked for what is like it.
    """
    check = Check("searches")
    embedder = against.embedder()
    if embedder.model == model:
        texts = [item.analyses[-1].document.headline for item in asked if item.analyses][:SEARCHES]
        asked_for = [embedder.embed_query(text)[: width_of(model)] for text in texts]
        now = [_found(user_id, text, vector, model, against) for text, vector in zip(texts, asked_for, strict=True)]
        before = _nearest(read(), asked_for)
    else:
        wanted = {item.old_id for item in asked[:SEARCHES]}
        own = [(old.old_id, list(old.vectors[0])) for old in read() if old.old_id in wanted and old.vectors[0]]
        now = [_alike(user_id, old_id, against) for old_id, _ in own]
        before = [
            [old_id for old_id in ids if old_id != own_id][:TOP]
            for (own_id, _), ids in zip(own, _nearest(read(), [vector for _, vector in own], TOP + 1), strict=True)
        ]
    shares = [_share(user_id, old, new, against) for old, new in zip(before, now, strict=True) if old]
    check.compared = len(shares)
    mean = sum(shares) / len(shares) if shares else 0.0
    check.note = f"overlap of the first {TOP}: {mean:.0%} on average, {min(shares, default=0.0):.0%} at least"
    if mean < least:
        check.differs(f"{mean:.0%} is less than {least:.0%}")
    return check


def _found(user_id: UUID, text: str, vector: list[float], model: str, against: Against) -> set[UUID]:
    ranking = against.index.search(
        user_id,
        query=text,
        vector=vector + [0.0] * (DIMENSIONS - len(vector)),
        embedding_model=model,
        search_type=SearchType.VECTOR,
        narrow=SearchFilter(),
        top_k=TOP,
    )
    return {hit.item_id for hit in ranking.hits}


def _alike(user_id: UUID, old_id: str, against: Against) -> set[UUID]:
    known = resolved(user_id, [old_id], against.items).get(old_id)
    return {hit.item_id for hit in against.index.similar(user_id, known.item_id, top_k=TOP)} if known else set()


def _share(user_id: UUID, before: Sequence[str], now: set[UUID], against: Against) -> float:
    there = resolved(user_id, before, against.items)
    return sum(old_id in there and there[old_id].item_id in now for old_id in before) / len(before)


def _nearest(entries: Iterable[OldVectors], queries: Sequence[Sequence[float]], top: int = TOP) -> list[list[str]]:
    """Of each query the old ids nearest by cosine, best first, as ChromaDB compared them: one pass, in pieces."""
    import numpy as np

    asked = np.asarray(queries, dtype=np.float32).reshape(len(queries), -1)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    best: list[list[tuple[float, str]]] = [[] for _ in queries]
    for batch in batches(entries, 1000):
        fitting = [old for old in batch if old.vectors[0] and len(old.vectors[0]) == asked.shape[1]]
        if not fitting:
            continue
        matrix = np.array([old.vectors[0] for old in fitting], dtype=np.float32)
        norms = np.linalg.norm(matrix, axis=1)
        cosines = (asked @ matrix.T) / np.where(norms > 0, norms, np.inf)
        for place, row in enumerate(cosines.tolist()):
            candidates = [*best[place], *((cosine, old.old_id) for cosine, old in zip(row, fitting, strict=True))]
            best[place] = heapq.nlargest(top, candidates)
    return [[old_id for _, old_id in ranked] for ranked in best]


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
