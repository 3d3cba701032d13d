"""One user's collection, as the assistant's tools see it. Whose it is was decided by whoever made it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from app.analysis.models import Analysis
from app.analysis.store import AnalysisStore, document_of
from app.items.lists import ORDERS
from app.items.models import Item, ItemFilter, Status
from app.items.store import ItemStore
from app.platform.errors import NotFound
from app.platform.settings import SearchSettings
from app.search import service
from app.search.models import Embedder, Hit, SearchFilter
from app.search.store import SearchStore


@dataclass(frozen=True, slots=True)
class Entry:
    """An item with what it says. `own_words` are the user's title and notes; `lines` stand in the picture."""

    item_id: UUID
    headline: str
    category: str
    occurred_at: datetime
    own_words: str = ""
    summary: str = ""
    lines: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    matched_terms: tuple[str, ...] = ()
    similarity: float | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """How many items there are, by what; most frequent first, months newest first (`2026-04`)."""

    total: int
    categories: dict[str, int] = field(default_factory=dict)
    tags: dict[str, int] = field(default_factory=dict)
    months: dict[str, int] = field(default_factory=dict)
    # The newest of them, to name as examples.
    newest: tuple[Entry, ...] = ()


# What answers the question may be looked for among more than the selection: as many as a search has.
_SEARCHED_FOR_SELECTION = 50


@dataclass(frozen=True, slots=True)
class Collection:
    """Reads one user's items through the services that everybody uses."""

    user_id: UUID
    items: ItemStore
    analyses: AnalysisStore
    index: SearchStore
    embedder: Callable[[], Embedder]
    settings: SearchSettings
    # By another model than the configured one, for what that embedded.
    former: Callable[[str], Embedder] = service.nobody_embeds
    # What searches and lists keep to; none: everything.
    selection: tuple[UUID, ...] = ()

    def search(self, query: str, narrow: SearchFilter, *, top_k: int) -> list[Entry]:
        """What answers the query, best first; without a query the newest."""
        if self.selection:
            return self._selected(query, narrow)
        if not query.strip():
            return self.newest(_as_list_filter(narrow), limit=top_k)
        return self._found(query, narrow, top_k=top_k)

    def _selected(self, query: str, narrow: SearchFilter) -> list[Entry]:
        """All of the selection: first what answers the query and passes the filter, then the rest."""
        found = self._found(query, narrow, top_k=_SEARCHED_FOR_SELECTION) if query.strip() else []
        ids = list(self.selection)
        items, analyses = self.items.get_many(self.user_id, ids), self.analyses.latest(self.user_id, ids)
        first = {entry.item_id: entry for entry in found if entry.item_id in items}
        rest = [_entry(items[each], analyses.get(each)) for each in ids if each in items and each not in first]
        return [*first.values(), *rest]

    def _found(self, query: str, narrow: SearchFilter, *, top_k: int) -> list[Entry]:
        found = service.search(
            self.user_id,
            service.Question(query[:1000], top_k=top_k, narrow=narrow),
            index=self.index,
            embedder=self.embedder,
            former=self.former,
            settings=self.settings,
        )
        return self._entries(found.hits)

    def get(self, item_id: UUID) -> Entry:
        """Raises NotFound."""
        item = self.items.get(self.user_id, item_id)
        if item is None:
            raise NotFound("No such item.")
        return _entry(item, self.analyses.latest(self.user_id, [item_id]).get(item_id))

    def similar(self, item_id: UUID, *, top_k: int) -> list[Entry]:
        """The items that look or read most like one of them. Raises NotFound."""
        hits = service.similar(self.user_id, item_id, top_k=top_k, items=self.items, index=self.index)
        return self._entries(hits)

    def count(self, narrow: ItemFilter, *, examples: int) -> Counted:
        facets = self.items.facets(self.user_id, narrow)
        by_kind = {
            kind: {facet.value: facet.count for facet in facets if facet.kind == kind}
            for kind in ("category", "tag", "status")
        }
        return Counted(
            total=sum(by_kind["status"].values()),
            categories=by_kind["category"],
            tags=by_kind["tag"],
            months=self.items.months(self.user_id, narrow),
            newest=tuple(self.newest(narrow, limit=examples)),
        )

    def newest(self, narrow: ItemFilter, *, limit: int) -> list[Entry]:
        found, _ = self.items.list_page(self.user_id, narrow=narrow, order=ORDERS["-taken_at"], after=None, limit=limit)
        analyses = self.analyses.latest(self.user_id, [item.item_id for item in found])
        return [_entry(item, analyses.get(item.item_id)) for item in found]

    def _entries(self, hits: Sequence[Hit]) -> list[Entry]:
        ids = [hit.item_id for hit in hits]
        items, analyses = self.items.get_many(self.user_id, ids), self.analyses.latest(self.user_id, ids)
        return [
            replace(
                _entry(items[hit.item_id], analyses.get(hit.item_id)),
                matched_terms=tuple(hit.matched_terms),
                similarity=hit.similarity,
            )
            for hit in hits
            if hit.item_id in items
        ]


def _entry(item: Item, analysis: Analysis | None) -> Entry:
    document = document_of(analysis) if analysis else None
    return Entry(
        item_id=item.item_id,
        headline=item.title or (document.headline if document else item.original_filename),
        category=item.category or (document.category if document else ""),
        occurred_at=item.occurred_at,
        own_words="\n".join(words for words in (item.title, item.notes) if words),
        summary=document.summary if document else "",
        lines=tuple(document.image_details.extracted_text) if document else (),
        tags=tuple(item.tags),
    )


def _as_list_filter(narrow: SearchFilter) -> ItemFilter:
    """Lists know one tag at a time; of several the first."""
    return ItemFilter(
        status=Status.READY,
        category=narrow.category,
        tag=narrow.tags[0] if narrow.tags else None,
        occurred_from=narrow.occurred_from,
        occurred_to=narrow.occurred_to,
    )
