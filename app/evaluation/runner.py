"""Puts a data set into a database as the pipeline would, and asks it every query in every mode."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID, uuid5

from app.analysis import store as analysis_store
from app.analysis.store import AnalysisStore
from app.chat.local_planner import RulePlanner
from app.evaluation.datasets import Dataset, Entry, Judged
from app.items import s3
from app.items.models import ANALYSIS, IMAGE_PROCESSING, Item, ItemRef, Stage
from app.items.store import ItemStore, NewItem
from app.platform.database import Connection, Database
from app.platform.errors import AppError
from app.platform.events import Event
from app.platform.settings import SearchSettings, StageSettings
from app.search import service
from app.search.agentic import Find, Planner, explore, known_values
from app.search.models import Embedder, Found, SearchType
from app.search.store import SearchStore

MODES = (SearchType.BM25, SearchType.VECTOR, SearchType.HYBRID)
# Planned searches too, which in a deployed cloud are paid for or counted: they are measured in process, with the rules.
ALL_MODES = (*MODES, SearchType.AGENTIC)
_TENANTS = UUID("0b6f3f1c-8f4e-4a55-9f0e-7a2f9c1d5e10")
_TOP_K = 10

# Asks one query in one mode: the names of what was found, best first. Another cloud is another function.
Ask = Callable[[Judged, SearchType], list[str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of one query. A query that failed found nothing, and says why."""

    query: Judged
    ranking: list[str]
    milliseconds: float
    error: str | None = None


class NoEvents:
    """Nobody listens: the runner takes every item through every stage itself."""

    def publish(self, events: Sequence[Event]) -> None:
        pass


def tenant_of(dataset: Dataset) -> UUID:
    return uuid5(_TENANTS, dataset.name)


def load(dataset: Dataset, *, database: Database, embedder: Embedder) -> None:
    """Make the data set the whole collection of its tenant, through the stores and stages of the application."""
    user_id = tenant_of(dataset)
    with database.tenant(user_id) as connection:
        connection.execute(DELETE_ITEMS, [user_id])
    items = ItemStore(database)
    refs = [_analyzed(entry, user_id, items) for entry in dataset.entries]
    for start in range(0, len(refs), 32):
        service.embed_items(
            refs[start : start + 32],
            items=items,
            analyses=AnalysisStore(database),
            index=SearchStore(database, SearchSettings()),
            embedder=lambda: embedder,
            events=NoEvents(),
            settings=StageSettings(queue_url="none"),
        )


def _analyzed(entry: Entry, user_id: UUID, items: ItemStore) -> ItemRef:
    key = s3.original_key(user_id, entry.item_id, "image/jpeg")
    item, _ = items.add(NewItem(user_id, entry.item_id, key, entry.filename, "image/jpeg", 1))
    advance(item, IMAGE_PROCESSING, items, lambda _: None)
    advance(item, ANALYSIS, items, partial(analysis_store.save, item=item, answer=entry.answer))
    return item.ref


def advance(item: Item, stage: Stage, items: ItemStore, write: Callable[[Connection], None]) -> None:
    """Take an item through one stage, with what the stage would have written."""
    claim = items.claim(item.ref, stage, lease_seconds=60)
    if claim is None:
        raise RuntimeError(f"{item.item_id} cannot enter {stage.name}")
    items.finish(claim, stage, write=write)


def in_process(dataset: Dataset, search: Callable[[UUID, service.Question], Sequence[UUID]]) -> Ask:
    """Asks the search service itself, without HTTP; in the mode `agentic`, `search` plans (`planned`)."""
    names = {entry.item_id: entry.name for entry in dataset.entries}
    user_id = tenant_of(dataset)

    def ask(query: Judged, mode: SearchType) -> list[str]:
        found = search(user_id, service.Question(query.text, mode, top_k=_TOP_K))
        return [names[item_id] for item_id in found]

    return ask


def planned(
    user_id: UUID,
    question: service.Question,
    *,
    find: Find,
    items: ItemStore,
    settings: SearchSettings,
    planner: Callable[[], Planner] = RulePlanner,
) -> Found:
    """A search in any mode; `agentic` by the rules of the local model unless told otherwise, without haste."""
    if question.search_type is not SearchType.AGENTIC:
        return find(question)
    explored = explore(
        question,
        find=find,
        planner=planner,
        known=lambda: known_values(items, user_id),
        settings=settings,
        seconds=math.inf,
    )
    return Found(explored.hits, explored.degraded, abstained=not explored.hits)


def over_http(names: Mapping[str, str], search: Callable[[str, SearchType], Sequence[str]]) -> Ask:
    """Asks a deployed collection.

    Args:
        names: of its items, by id; an item that no judgement knows keeps its id, and is a wrong answer.
        search: item ids, best first.
    """
    return lambda query, mode: [names.get(item_id, item_id) for item_id in search(query.text, mode)]


def run(queries: Sequence[Judged], mode: SearchType, ask: Ask) -> list[Asked]:
    """Ask every query, once each after a first one that only warms up. None is left out."""
    for query in queries[:1]:
        _ask(query, mode, ask)
    return [_ask(query, mode, ask) for query in queries]


def _ask(query: Judged, mode: SearchType, ask: Ask) -> Asked:
    started = time.perf_counter()
    try:
        ranking, error = ask(query, mode), None
    except (AppError, OSError) as exc:
        ranking, error = [], f"{type(exc).__name__}: {exc}"
    return Asked(query, ranking, (time.perf_counter() - started) * 1000, error)


DELETE_ITEMS = "DELETE FROM items WHERE user_id = %s"
