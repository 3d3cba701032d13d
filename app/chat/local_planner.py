"""Planning searches by rules, for the local model: English, deterministic, and nothing that the question does not say.

What a question is made of is searched for on its own (its parts, its category, tags and days), and one that found
nothing in the words it is about.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from app.chat.questions import Intent, beside_category, stem, understand, words_of
from app.search.agentic import Known, Plan, SubQuery, Tried
from app.search.models import SearchFilter

_BETWEEN_PARTS = re.compile(
    r"\s*[,;]\s*(?:and\s+|or\s+)?|\s+(?:and|or|vs\.?|versus|plus|as well as|as opposed to|compared (?:to|with))\s+",
    re.IGNORECASE,
)
_COMPARING = re.compile(
    r"^\s*(?:please\s+)?(?:compare|(?:what(?:'s| is)\s+)?(?:the\s+)?differences? between|both)\s+", re.IGNORECASE
)
_COMPARED = re.compile(r"\s+(?:with|to)\s+", re.IGNORECASE)
_PARTS = 3
_AGO = (
    (r"\btoday\b", 0, 1),
    (r"\byesterday\b", 1, 1),
    (r"\b(?:this|past|last) week\b", 7, 8),
    (r"\b(?:past|last) (?:month|30 days)\b", 30, 31),
    (r"\b(?:past|last) year\b", 365, 366),
)
_ENOUGH = "Nothing else in the question can be searched for on its own."


class RulePlanner:
    """An `app.search.agentic.Planner`."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now

    def plan(self, query: str, known: Known, tried: Sequence[Tried]) -> Plan:
        if len(tried) == 1:
            return _first(query, known, tried[0], self._now().date())
        return _second(tried)


def _first(query: str, known: Known, own: Tried, today: date) -> Plan:
    if not own.found.hits:
        return _reworded(query)
    parts, filters = parts_of(query), _filters(query, known, today)
    if len(parts) > 1:
        shared = SearchFilter(None, filters.tags, filters.occurred_from, filters.occurred_to)
        told = ", ".join(f"“{part}”" for part in parts)
        queries = tuple(SubQuery(part, _of_category(part, filters, shared, known)) for part in parts)
        return Plan(f"It asks for {len(parts)} things: {told}.", queries)
    if filters != SearchFilter():
        words = _beside_filters(query, filters)
        return Plan("It names what the items can be narrowed to.", (SubQuery(words, filters),))
    return Plan(_ENOUGH)


def _reworded(query: str) -> Plan:
    """What finds nothing is not narrowed: among few items everything stands out, and nothing more would answer it."""
    parts, topic = parts_of(query), " ".join(words_of(query))
    if len(parts) > 1:
        return Plan("It finds nothing as it stands: its parts, each on its own.", tuple(map(SubQuery, parts)))
    if topic and topic != query.casefold():
        return Plan("It finds nothing as it stands: only the words it is about.", (SubQuery(topic),))
    return Plan(_ENOUGH)


def _second(tried: Sequence[Tried]) -> Plan:
    """A narrowed search that found nothing is made once more without what narrowed it."""
    asked, made = tried[0].query, {each.query for each in tried}
    empty = [each.query.query for each in tried[1:] if not each.found.hits and each.query.narrow != asked.narrow]
    wider = [query for query in map(SubQuery, empty) if replace(query, narrow=asked.narrow) not in made]
    return Plan("What found nothing is searched for without filters.", tuple(wider)) if wider else Plan("")


def parts_of(query: str) -> list[str]:
    """The things that a question names beside each other, each with a word of its own; one: it is not made of parts."""
    rest = _COMPARING.sub("", query)
    if rest != query:
        rest = _COMPARED.sub(" and ", rest)
    parts = [part.strip(" ?!.:") for part in _BETWEEN_PARTS.split(rest)]
    telling = [part for part in parts if words_of(part)]
    return telling if 1 < len(telling) <= _PARTS else [query]


def _filters(query: str, known: Known, today: date) -> SearchFilter:
    """What of the user's own categories and tags the question names, and the days."""
    since, until = _days(query, today)
    return SearchFilter(_category(query, known), _tags(query, known) or None, since, until)


def _category(query: str, known: Known) -> str | None:
    guessed = understand(query, None).category
    if guessed in known.categories:
        return guessed
    said = {stem(word) for word in words_of(query)}
    return next((name for name in known.categories if stem(name.casefold()) in said), None)


def _tags(query: str, known: Known) -> list[str]:
    """Tags whose every word is said, one after the other."""
    plain = " ".join(query.casefold().split())
    return [tag for tag in known.tags if re.search(rf"(?<!\w){re.escape(tag.casefold())}(?!\w)", plain)]


def _of_category(part: str, whole: SearchFilter, shared: SearchFilter, known: Known) -> SearchFilter:
    """A part's own category; or that of the whole, where no part names another."""
    return SearchFilter(_category(part, known) or whole.category, shared.tags, shared.occurred_from, shared.occurred_to)


def _beside_filters(query: str, filters: SearchFilter) -> str:
    intent = Intent(
        query, topic=words_of(query), category=filters.category or "", period=understand(query, None).period
    )
    return " ".join(beside_category(intent)) or query


def _days(query: str, today: date) -> tuple[datetime | None, datetime | None]:
    plain = " ".join(query.casefold().split())
    for pattern, days_ago, length in _AGO:
        if re.search(pattern, plain):
            return _moments(today - timedelta(days=days_ago), today - timedelta(days=days_ago - length))
    period = understand(query, None).period
    return _moments(*_span(*period, today=today)) if period else (None, None)


def _span(year: int, month: int, *, today: date) -> tuple[date, date]:
    """A year, or a month of it; without a year the last such month."""
    if not month:
        return date(year, 1, 1), date(year + 1, 1, 1)
    year = year or (today.year if month <= today.month else today.year - 1)
    return date(year, month, 1), date(year + month // 12, month % 12 + 1, 1)


def _moments(first: date, after: date) -> tuple[datetime, datetime]:
    return datetime.combine(first, time(), UTC), datetime.combine(after, time(), UTC)
