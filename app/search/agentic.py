"""Searching in several steps: a planner splits, narrows or rewords the question, and what its searches find is added.

The search for the question itself is the backbone. Every search scores its hits over its own best one's (0..1), and

    score = own + agentic_weight · max(planned)

so nothing passes a hit whose own score is more than `agentic_weight` higher, whatever was planned. Whose items are
searched was decided by whoever made `find`: no plan names a user.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field, fields, replace
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

from pydantic import TypeAdapter

from app.items.models import ItemFilter, Status
from app.items.store import ItemStore
from app.platform.errors import AppError, PermanentFailure, QuotaExceeded, Unavailable
from app.platform.logs import logger
from app.platform.settings import SearchSettings
from app.search.models import Found, Hit, SearchFilter, SearchType
from app.search.service import Question

ROUNDS = 3
QUERIES_PER_ROUND = 4
QUERY_LENGTH = 300
# How a search is called where steps are told: the chat's tool that does the same.
TOOL = "search_collection"


@dataclass(frozen=True, slots=True)
class Known:
    """The values that filters can have: those that the user's items really have, most frequent first."""

    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def known_values(items: ItemStore, user_id: UUID) -> Known:
    facets = items.facets(user_id, ItemFilter(status=Status.READY))
    return Known(*(tuple(each.value for each in facets if each.kind == kind) for kind in ("category", "tag")))


@dataclass(frozen=True, slots=True)
class SubQuery:
    """One search of a plan."""

    query: str
    narrow: SearchFilter = field(default_factory=SearchFilter)


@dataclass(frozen=True, slots=True)
class Plan:
    """Searches that do not depend on each other, and why; none: there is nothing more to look for.

    `is_hopeless`: nothing that was found by now answers the question.
    """

    why: str
    queries: tuple[SubQuery, ...] = ()
    is_hopeless: bool = False


@dataclass(frozen=True, slots=True)
class Tried:
    """A search, and what it found."""

    query: SubQuery
    found: Found


class Planner(Protocol):
    """Decides what else to search for."""

    def plan(self, query: str, known: Known, tried: Sequence[Tried]) -> Plan:
        """The next round. The first of `tried` is the search for the question itself.

        Raises:
            app.platform.errors.Unavailable, PermanentFailure, QuotaExceeded: nothing can be planned.
        """
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """A search that was made, as a tool that was used."""

    tool: str
    input: dict[str, Any]
    output: str


@dataclass(frozen=True, slots=True)
class Explored:
    """What was found, best first, and how."""

    hits: list[Hit]
    degraded: list[str]
    reasoning: list[str]
    tools_used: list[Step]


# Between the function that plans and whoever asked it.
EXPLORED = TypeAdapter(Explored)

# Searches one user's items.
Find = Callable[[Question], Found]


def explore(
    question: Question,
    *,
    find: Find,
    planner: Callable[[], Planner],
    known: Callable[[], Known],
    settings: SearchSettings,
    seconds: float,
    clock: Callable[[], float] = monotonic,
) -> Explored:
    """Search for the question, then for what is planned, at most `ROUNDS` times.

    No round begins after `seconds`. A planner that fails in a later round ends the search with what there is by then.
    Where the question itself finds nothing, planned searches do not override a planner that says nothing fits.

    Raises:
        AppError: nothing can be planned, or the question itself cannot be searched for.
    """
    until = clock() + seconds
    asked = replace(question, search_type=SearchType.HYBRID)
    own = Tried(SubQuery(asked.query, asked.narrow), find(asked))
    journal = _Journal()
    journal.began(own)
    chosen, values, is_hopeless = planner(), known(), False
    for number in range(ROUNDS):
        if number and clock() >= until:
            journal.says("There was no time for another round.")
            break
        try:
            plan = chosen.plan(asked.query, values, journal.tried)
        except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
            if not number:
                raise
            journal.gave_up(exc)
            break
        journal.says(plan.why)
        is_hopeless = plan.is_hopeless and not plan.queries
        queries = _allowed(plan, asked, values, journal)
        if not queries:
            break
        _run(queries, asked, find, journal)
    planned = [] if is_hopeless and not own.found.hits else [each.found.hits for each in journal.tried[1:]]
    hits = fused(own.found.hits, planned, weight=settings.agentic_weight)[: asked.top_k]
    journal.ended(own, hits)
    return Explored(hits, journal.degraded, journal.reasoning, journal.tools_used)


def fused(own: Sequence[Hit], planned: Sequence[Sequence[Hit]], *, weight: float) -> list[Hit]:
    """One ranking: the own scores, and of each item's best planned score `weight`; ties in the order of coming."""
    hits = {hit.item_id: hit for ranking in reversed([own, *planned]) for hit in ranking}
    base, added = _over_best(own), [_over_best(ranking) for ranking in planned]
    scores = {
        item_id: base.get(item_id, 0.0) + weight * max((scored.get(item_id, 0.0) for scored in added), default=0.0)
        for item_id in dict.fromkeys(hit.item_id for ranking in (own, *planned) for hit in ranking)
    }
    order = sorted(scores, key=lambda item_id: -scores[item_id])
    return [replace(hits[item_id], score=round(scores[item_id], 6)) for item_id in order]


def _over_best(ranking: Sequence[Hit]) -> dict[Any, float]:
    best = max((hit.score for hit in ranking), default=0.0)
    return {hit.item_id: hit.score / best if best > 0 else 0.0 for hit in ranking}


def _allowed(plan: Plan, asked: Question, known: Known, journal: "_Journal") -> list[SubQuery]:
    """What of a plan is run: within the limits and the user's own filters, by values that exist, and nothing twice."""
    before = {_same(each.query) for each in journal.tried}
    queries: dict[Any, SubQuery] = {}
    for planned in plan.queries:
        text = " ".join(planned.query.replace("\x00", " ").split())[:QUERY_LENGTH] or asked.query
        query = SubQuery(text, narrowed(asked.narrow, planned.narrow, known))
        if _same(query) not in before:
            queries.setdefault(_same(query), query)
    if len(queries) > QUERIES_PER_ROUND:
        journal.says(f"Of {len(queries)} searches that were planned the first {QUERIES_PER_ROUND} are made.")
    return [*queries.values()][:QUERIES_PER_ROUND]


def narrowed(own: SearchFilter, planned: SearchFilter, known: Known) -> SearchFilter:
    """The user's filter, narrowed further by a plan's, which can widen nothing. What no item has filters nothing."""
    category = planned.category if planned.category in known.categories else None
    tags = [*(own.tags or []), *(tag for tag in planned.tags or [] if tag in known.tags)]
    since = max((day for day in (own.occurred_from, planned.occurred_from) if day), default=None)
    until = min((day for day in (own.occurred_to, planned.occurred_to) if day), default=None)
    if since and until and since >= until:
        since, until = own.occurred_from, own.occurred_to
    return SearchFilter(own.category or category, [*dict.fromkeys(tags)] or None, since, until, own.favorite)


def _same(query: SubQuery) -> Any:
    narrow = query.narrow
    return (query.query.casefold(), narrow.category, tuple(narrow.tags or ()), narrow.occurred_from, narrow.occurred_to)


def _run(queries: Sequence[SubQuery], asked: Question, find: Find, journal: "_Journal") -> None:
    """Every search of a round at once, on the open bill and trace. One that fails finds nothing, and says so."""

    def search(query: SubQuery) -> Found | AppError:
        try:
            return find(replace(asked, query=query.query, narrow=query.narrow))
        except (Unavailable, PermanentFailure, QuotaExceeded) as exc:
            return exc

    with ThreadPoolExecutor(len(queries)) as threads:
        under_way = [threads.submit(copy_context().run, search, query) for query in queries]
        for query, work in zip(queries, under_way, strict=True):
            journal.searched(query, work.result())


class _Journal:
    """What was done, for whoever asks why."""

    def __init__(self) -> None:
        self.tried: list[Tried] = []
        self.reasoning: list[str] = []
        self.tools_used: list[Step] = []
        self.degraded: list[str] = []

    def says(self, words: str) -> None:
        if words:
            self.reasoning.append(words)

    def began(self, own: Tried) -> None:
        self._keep(own)
        self.says(f"The question as it stands finds {_items(len(own.found.hits))}.")

    def searched(self, query: SubQuery, found: Found | AppError) -> None:
        if isinstance(found, AppError):
            logger.warning("a planned search failed", reason=found.detail)
            self.tools_used.append(Step(TOOL, _input(query), "failed"))
            self.says(f"{_told(query)} could not be searched for.")
            return
        seen = {hit.item_id for each in self.tried for hit in each.found.hits}
        new = sum(hit.item_id not in seen for hit in found.hits)
        self._keep(Tried(query, found))
        self.says(f"{_told(query)} finds {_items(len(found.hits))}, {new} of them new.")

    def gave_up(self, exc: AppError) -> None:
        logger.warning("planning ended", reason=exc.detail)
        self.says(f"Planning ended: {exc.detail}")

    def ended(self, own: Tried, shown: Sequence[Hit]) -> None:
        if len(self.tried) > 1:
            first = {hit.item_id for hit in own.found.hits}
            added = sum(hit.item_id not in first for hit in shown)
            self.says(f"Together {_items(len(shown))}, {added} of them by the planned searches alone.")

    def _keep(self, tried: Tried) -> None:
        self.tried.append(tried)
        self.tools_used.append(Step(TOOL, _input(tried.query), _items(len(tried.found.hits))))
        self.degraded = [*dict.fromkeys([*self.degraded, *tried.found.degraded])]


def _items(count: int) -> str:
    return f"{count} item" if count == 1 else f"{count} items"


def _input(query: SubQuery) -> dict[str, Any]:
    """What was searched for, and the filters that narrowed it, as JSON has them."""
    named = ((each.name, getattr(query.narrow, each.name)) for each in fields(query.narrow))
    told = {"occurred_from": "from", "occurred_to": "to"}
    filters = {
        told.get(name, name): value.isoformat() if hasattr(value, "isoformat") else value
        for name, value in named
        if value is not None
    }
    return {"query": query.query, **filters}


def _told(query: SubQuery) -> str:
    narrow = query.narrow
    since = narrow.occurred_from and f"from {narrow.occurred_from:%Y-%m-%d}"
    until = narrow.occurred_to and f"before {narrow.occurred_to:%Y-%m-%d}"
    tags = narrow.tags and f"tagged {', '.join(narrow.tags)}"
    category = narrow.category and f"category {narrow.category}"
    filters = ", ".join(part for part in (category, tags, since, until) if part)
    return f"“{query.query}”" + (f" ({filters})" if filters else "")
