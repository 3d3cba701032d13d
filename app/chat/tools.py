"""What the assistant can do: look into one user's collection, and into the web where that is set up.

No tool takes a user id: the collection that a call reads was bound to the verified user before the model saw anything
(`Turn`). What tools return are quotations: every text of items and pages is escaped, and stands between tags.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Annotated, Any
from uuid import UUID
from xml.sax.saxutils import escape, quoteattr

from langchain.tools import BaseTool, ToolRuntime, tool
from pydantic import Field

from app.chat.collection import Counted, Entry
from app.chat.turn import Turn, Web
from app.items.models import ItemFilter, Status
from app.platform.errors import NotFound, PermanentFailure, Unavailable
from app.platform.logs import logger
from app.search.models import SearchFilter

# What one item may take up in a list; `get_item` shows all of it.
_TEXT_LENGTH, _WHOLE_LENGTH = 700, 8000
_TOP_K_MAX = 20
_EXAMPLES = 10

Query = Annotated[str, Field(max_length=1000, description="What to look for, in words; empty: the newest items.")]
Category = Annotated[str, Field(max_length=64, description="Only this category, such as receipt; empty: all.")]
Tags = Annotated[list[str], Field(max_length=20, description="Only items with all of these tags.")]
From = Annotated[date | None, Field(description="Only from this day on.")]
To = Annotated[date | None, Field(description="Only up to and including this day.")]
TopK = Annotated[int, Field(ge=1, le=_TOP_K_MAX, description="How many at most.")]


Runtime = ToolRuntime[Turn]
Returned = tuple[str, dict[str, Any]]


@tool(response_format="content_and_artifact")
def search_collection(
    runtime: Runtime,
    query: Query = "",
    category: Category = "",
    tags: Tags = [],  # noqa: B006  # pydantic copies it, and `None` would be one more thing for models to get wrong
    date_from: From = None,
    date_to: To = None,
    top_k: TopK | None = None,
) -> Returned:
    """Find items of the user's collection by words and meaning, best first, or the newest ones.

    The filters narrow to a category, tags, and the days on which pictures were taken.
    """
    turn = runtime.context
    start, end = _days(date_from, date_to)
    narrow = SearchFilter(turn.question.category or category or None, tags or None, start, end)
    return _listed(turn, turn.collection.search(query, narrow, top_k=top_k or turn.question.top_k))


@tool(response_format="content_and_artifact")
def get_item(runtime: Runtime, item_id: UUID) -> Returned:
    """Read all of one item: its full text, title, notes, tags and dates."""
    turn = runtime.context
    try:
        entry = turn.collection.get(item_id)
    except NotFound:
        return _NO_SUCH_ITEM
    turn.saw([entry])
    return _described(entry, _WHOLE_LENGTH), {"items": [artifact(entry)]}


@tool(response_format="content_and_artifact")
def similar_items(runtime: Runtime, item_id: UUID, top_k: TopK = 5) -> Returned:
    """Find the items that are most like one item."""
    turn = runtime.context
    try:
        return _listed(turn, turn.collection.similar(item_id, top_k=top_k))
    except NotFound:
        return _NO_SUCH_ITEM


@tool(response_format="content_and_artifact")
def collection_overview(
    runtime: Runtime, category: Category = "", tag: str = "", date_from: From = None, date_to: To = None
) -> Returned:
    """Count the user's items by category, tag and month, all of them or those that the filters let through."""
    turn = runtime.context
    start, end = _days(date_from, date_to)
    narrow = ItemFilter(
        status=Status.READY,
        category=turn.question.category or category or None,
        tag=tag or None,
        occurred_from=start,
        occurred_to=end,
    )
    counted = turn.collection.count(narrow, examples=_EXAMPLES)
    turn.saw(counted.newest)
    return _counts(counted), {
        "total": counted.total,
        "categories": counted.categories,
        "tags": counted.tags,
        "months": counted.months,
        "items": [artifact(entry) for entry in counted.newest],
    }


@tool(response_format="content_and_artifact")
def search_web(runtime: Runtime, query: Annotated[str, Field(min_length=1, max_length=400)]) -> Returned:
    """Search the web. Only for what the collection cannot know; never put personal details into the query."""
    web = runtime.context.web
    try:
        pages = web.search(query) if web else []
    except (Unavailable, PermanentFailure) as exc:
        # The collection may answer all the same.
        logger.warning("web search failed", reason=exc.detail)
        return "The web cannot be searched now.", {}
    told = "\n".join(
        f"<page title={quoteattr(page.title)} from={quoteattr(page.url)}>{escape(page.content)}</page>"
        for page in pages
    )
    found = [{"title": page.title, "url": page.url, "content": page.content} for page in pages]
    return f"<web_pages count={quoteattr(str(len(pages)))}>\n{told}\n</web_pages>", {"pages": found}


_NO_SUCH_ITEM: Returned = ("There is no such item.", {"items": []})
OF_COLLECTION: tuple[BaseTool, ...] = (search_collection, get_item, similar_items, collection_overview)


def offered(web: Web | None) -> list[BaseTool]:
    """The tools; the web's only where there is one."""
    return [*OF_COLLECTION, *([search_web] if web else [])]


def artifact(entry: Entry) -> dict[str, Any]:
    """What a program reads of an item. It stays here: models see the text beside it."""
    return {
        "item_id": str(entry.item_id),
        "headline": entry.headline,
        "category": entry.category,
        "date": entry.occurred_at.date().isoformat(),
        "own_words": entry.own_words,
        "summary": entry.summary,
        "lines": list(entry.lines),
        "matched_terms": list(entry.matched_terms),
        "similarity": entry.similarity,
    }


def _listed(turn: Turn, entries: Sequence[Entry]) -> Returned:
    turn.saw(entries)
    described = "\n".join(map(partial(_described, length=_TEXT_LENGTH), entries))
    content = f"<items count={quoteattr(str(len(entries)))}>\n{described}\n</items>"
    return content, {"items": [artifact(entry) for entry in entries]}


def _described(entry: Entry, length: int) -> str:
    attributes = {
        "id": str(entry.item_id),
        "category": entry.category,
        "date": entry.occurred_at.date().isoformat(),
        "tags": ", ".join(entry.tags),
    }
    named = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items() if value)
    parts = {
        "headline": entry.headline,
        "users_own_words": entry.own_words,
        "summary": entry.summary,
        "text_in_picture": "\n".join(entry.lines),
    }
    told = "\n".join(f"<{name}>{escape(text[:length])}</{name}>" for name, text in parts.items() if text)
    return f"<item {named}>\n{told}\n</item>"


def _counts(counted: Counted) -> str:
    kinds = {"category": counted.categories, "tag": counted.tags, "month": counted.months}
    told = "\n".join(
        f"<{kind} name={quoteattr(name)} items={quoteattr(str(count))}/>"
        for kind, counts in kinds.items()
        for name, count in list(counts.items())[:40]
    )
    newest = "\n".join(
        f"<item id={quoteattr(str(entry.item_id))}>{escape(entry.headline)}</item>" for entry in counted.newest
    )
    return f'<collection items="{counted.total}">\n{told}\n<newest>\n{newest}\n</newest>\n</collection>'


def _days(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """From the first moment of one day to the last of another, in UTC."""
    start = datetime.combine(first, time(), UTC) if first else None
    end = datetime.combine(last + timedelta(days=1), time(), UTC) if last and last < date.max else None
    return start, end
