"""Answers made of quotations, for the local model: it says what stands where, and nothing else. Pure functions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.analysis import glossary
from app.chat import extracts, places
from app.chat.extracts import Amount
from app.chat.grounding import mark
from app.chat.models import NOTHING_FOUND
from app.chat.questions import Intent, Wanted, beside_category

# From these on an item is taken to be about the question; docs/chat.md has the rates on the samples.
_ENOUGH_SUPPORT = 0.5
_NEAR_ENOUGH = 0.45
_NEAR_WITH_SUPPORT = 0.3
# More than any other sign: who asks on means what was spoken of, if it has all that is asked about.
_SPOKEN_OF = 2.0
_TOO_SHORT, _NAME_LENGTH = 12, 70
_QUOTE_LENGTH = 300
_LISTED = 10
# Items that a list, a sum or a choice is made from.
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class Found:
    """An item as a tool returned it."""

    item_id: UUID
    headline: str
    category: str
    day: date
    own_words: str
    summary: str
    lines: tuple[str, ...]
    similarity: float
    # Words of the question that the search found it by.
    matched: tuple[str, ...] = ()

    @classmethod
    def read(cls, item: Mapping[str, Any]) -> "Found":
        return cls(
            item_id=UUID(item["item_id"]),
            headline=item["headline"],
            category=item["category"],
            day=date.fromisoformat(item["date"]),
            own_words=item["own_words"],
            summary=item["summary"],
            lines=tuple(item["lines"]),
            similarity=item["similarity"] or 0.0,
            matched=tuple(item["matched_terms"]),
        )

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        parts = [part for part in self.headline.split(" · ") if not part.startswith("receipt")]
        name = parts[0]
        for part in parts[1:]:
            if len(name) < _TOO_SHORT:
                name = f"{name} · {part}"
        return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1].rsplit(' ', 1)[0]}…"

    @property
    def cite(self) -> str:
        return mark(self.item_id)

    @property
    def total(self) -> Amount | None:
        return extracts.total(self.lines)

    @property
    def days(self) -> list[date]:
        """The days it names, or the one it is from."""
        return extracts.dates([*self.own_words.splitlines(), *self.lines]) or [self.day]

    @property
    def texts(self) -> tuple[str, ...]:
        """All that it says."""
        return self.headline, self.own_words, self.summary, self.category, *self.lines

    def support(self, topic: Sequence[str]) -> float:
        return extracts.support(topic, *self.texts)

    def unnamed(self, words: Sequence[str]) -> tuple[str, ...]:
        """Those of these words that it neither says, in any language, nor was found by. A city says its country."""
        texts = (*self.texts, *self.matched, *glossary.in_english(self.texts), *extracts.machines(self.texts))
        missing = tuple(word for word in words if not extracts.names(word, *texts))
        asked = places.countries_in(words) if missing else {}
        said = {word for country in asked.keys() & self._countries() for word in asked[country]} if asked else set()
        return tuple(word for word in missing if word not in said)

    def _countries(self) -> set[str]:
        """Where its cities are; of a ticket's those that it leads to, not the first, where it begins."""
        lines = [part for line in self.lines for part in (line, *glossary.in_english([line]))]
        named = places.cities(lines)
        leads_to = named[1:] if self.category == "ticket" and len(named) > 1 else named
        return {places.country_of(city) for city in (*leads_to, *places.cities(self.own_words.splitlines()))}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer, and the items it is about, which a follow-up may point at; `among` those it was chosen from."""

    text: str
    about: tuple[UUID, ...] = ()
    among: tuple[UUID, ...] = ()


NOTHING = Said(NOTHING_FOUND)


def find(intent: Intent, found: Sequence[Found], *, before: Sequence[str] = (), meant: Collection[UUID] = ()) -> Said:
    """What the item that is most about the question says to it; of several that name all of it, each.

    Args:
        before: ids of the items that were spoken of last: where they answer, they are meant.
        meant: those that a search for what `unnamed` returned has found.
    """
    fitting = [item for item in _fitting(intent, found, before) if _is_meant(intent, item, meant)]
    if not fitting:
        return NOTHING
    told = [(item, _told(intent, item)) for item in fitting]
    answering = [(item, text) for item, text in told if text]
    if not answering:
        item = fitting[0]
        if intent.wanted is Wanted.SENDER and item.lines:
            top = f"Who that was it does not say; at its top stands {_quoted(item.lines[:1])} {item.cite}"
            return Said(top, (item.item_id,))
        if not intent.refers and item.support(intent.topic) < 1:
            return NOTHING
        return Said(f"I found this, but it does not say that: {item.headline} {item.cite}", (item.item_id,))
    chosen = answering[:3] if _is_about_each(intent, answering) else answering[:1]
    among = tuple(item.item_id for item, _ in answering)
    return Said(
        _lines(f"{text} {item.cite}" for item, text in chosen), tuple(item.item_id for item, _ in chosen), among
    )


def _is_about_each(intent: Intent, answering: Sequence[tuple[Found, str]]) -> bool:
    if intent.refers:
        return True
    is_open = intent.wanted in (Wanted.ANY, Wanted.WHO) and len(intent.topic) > 1
    return is_open and all(item.support(intent.topic) == 1 for item, _ in answering[:3])


def _fitting(intent: Intent, found: Sequence[Found], before: Sequence[str]) -> list[Found]:
    if intent.refers and before:
        return list(found)
    ranked = sorted(
        (
            (
                item.support(intent.topic)
                + item.similarity
                + 0.3 * (item.category == intent.category)
                + _SPOKEN_OF * (str(item.item_id) in before and item.support(intent.topic) == 1),
                item,
            )
            for item in found
        ),
        key=lambda pair: -pair[0],
    )
    return [item for _, item in ranked if is_supported(intent, item)]


def unnamed(intent: Intent, found: Sequence[Found], *, before: Sequence[str] = ()) -> tuple[str, ...]:
    """What the question narrows to ("tokyo" of a flight to Tokyo), if no item that is about its kind says it."""
    fitting = _fitting(intent, found, before)
    if not fitting or any(_is_meant(intent, item) for item in fitting):
        return ()
    return fitting[0].unnamed(intent.narrowed_to)


def is_found_by_meaning(item: Found, words: Sequence[str]) -> bool:
    """Whether a search for these words alone, which an item does not say, found it for good reason."""
    return item.similarity >= _NEAR_WITH_SUPPORT or len(item.matched) >= len(words)


def _is_meant(intent: Intent, item: Found, meant: Collection[UUID] = ()) -> bool:
    """Whether it is of the kind that is asked for and of what that is narrowed to: one of two words is not enough."""
    if intent.refers or not intent.narrowed_to:
        return True
    kind = [word for word in intent.topic if word not in intent.narrowed_to]
    is_of_kind = item.support(kind) >= _ENOUGH_SUPPORT or item.similarity >= _NEAR_ENOUGH
    return is_of_kind and (item.item_id in meant or not item.unnamed(intent.narrowed_to))


def is_supported(intent: Intent, item: Found) -> bool:
    """Whether an item is about the question at all: by its words, by its meaning, or by some of both.

    Half of the words is not enough where the meaning is another: a "flat white" is no "flat viewing".
    """
    if not intent.topic:
        # By its meaning alone; what was not looked for is what was given.
        return not item.similarity or item.similarity >= _NEAR_ENOUGH
    support = item.support(intent.topic)
    return (
        support > _ENOUGH_SUPPORT
        or item.similarity >= _NEAR_ENOUGH
        or (support > 0 and item.similarity >= _NEAR_WITH_SUPPORT)
        or (support == _ENOUGH_SUPPORT and len(item.unnamed(intent.topic)) < len(intent.topic) / 2)
    )


def _told(intent: Intent, item: Found) -> str:
    """A sentence with what the item says to the question; empty where it says nothing."""
    found = extracts.passages(item.own_words, item.lines)
    if intent.inherits and (named := _named_otherwise(intent, item, found)):
        return f"{item.name} says {_quoted([passage.text for passage in named])}"
    if intent.wanted is Wanted.PRICE:
        return _price(intent, item, found)
    best = extracts.best(found, intent.topic, intent.wanted, name=item.headline, aspect=intent.aspect)
    if best:
        if intent.wanted in (Wanted.INGREDIENTS, Wanted.STEPS):
            return f"{item.name}:\n" + "\n".join(f"- {_bare(passage.text)}" for passage in best)
        return f"{item.name} says {_quoted([passage.text for passage in best])}"
    return f"{item.name}. {item.summary}" if intent.wanted is Wanted.ANY else ""


def _named_otherwise(intent: Intent, item: Found, found: Sequence[extracts.Passage]) -> list[extracts.Passage]:
    """The line of a new subject, where it has not what was wanted of the subject before: that is what it says of it."""
    whole = [
        passage
        for passage in found
        if extracts.support(intent.topic, passage.text) == 1 and any(c.isdigit() for c in passage.text)
    ]
    if extracts.support(intent.topic, item.headline) or any(
        extracts.is_of(intent.wanted, passage.text) for passage in whole
    ):
        return []
    return whole[:1]


def _price(intent: Intent, item: Found, found: Sequence[extracts.Passage]) -> str:
    """The line of what was asked about; else the whole, and that it is the whole."""
    priced = [passage for passage in found if extracts.is_of(Wanted.PRICE, passage.text)]
    named = [passage for passage in priced if extracts.support(intent.topic, passage.text) > 0]
    if named and not intent.refers:
        best = extracts.best(named, intent.topic, Wanted.PRICE)
        return f"{item.name} says {_quoted([passage.text for passage in best])}"
    if item.total:
        whole = f"The total of {item.name} is {item.total.text}"
        is_of_all = intent.refers or extracts.support(intent.topic, item.headline, item.category) > 0
        return whole if is_of_all else f"A price for that alone does not stand there. {whole}"
    best = extracts.best(found, intent.topic, Wanted.PRICE)
    return f"{item.name} says {_quoted([passage.text for passage in best])}" if best else ""


def listing(intent: Intent, found: Sequence[Found]) -> Said:
    """The items that a list was asked for."""
    narrowed = [item for item in found if _is_in_period(intent, item)]
    topic = beside_category(intent)
    if topic:
        narrowed = [item for item in narrowed if is_supported(Intent(intent.text, topic=topic), item)]
    if not narrowed:
        return NOTHING
    shown = narrowed[:_LISTED]
    count = f"{len(narrowed)} item" + ("" if len(narrowed) == 1 else "s")
    head = f"I found {count}" + (f"; the first {_LISTED} are:" if len(narrowed) > _LISTED else ":")
    return Said(
        _lines([head, *(f"- {item.headline} {item.cite}" for item in shown), *_limits(found)]),
        tuple(item.item_id for item in shown),
        tuple(item.item_id for item in shown),
    )


def count(intent: Intent, overview: Mapping[str, Any]) -> Said:
    """How many there are, and the newest of them by name."""
    total, newest = overview["total"], [Found.read(item) for item in overview["items"]][:_LISTED]
    of_what = f"of category {intent.category}" if intent.category else "in your collection"
    if not total:
        return Said(f"You have no items {of_what}.")
    named = [f"- {item.headline} {item.cite}" for item in newest]
    newest_are = f", the newest {len(named)}:" if total > len(named) else ":"
    amount = f"You have {total} item{'' if total == 1 else 's'} {of_what}{newest_are}"
    return Said(_lines([amount, *named]), tuple(item.item_id for item in newest))


def overview(counted: Mapping[str, Any]) -> Said:
    """What the collection holds."""
    if not counted["total"]:
        return Said("Your collection is empty.")
    newest = [Found.read(item) for item in counted["items"]][:5]
    parts = [f"Your collection has {counted['total']} items."]
    for name, plural in (("categories", "Categories"), ("tags", "Tags"), ("months", "Months")):
        if counted[name]:
            told = ", ".join(f"{value} ({number})" for value, number in list(counted[name].items())[:12])
            parts.append(f"{plural}: {told}.")
    parts += ["The newest:", *(f"- {item.headline} {item.cite}" for item in newest)]
    return Said(_lines(parts), tuple(item.item_id for item in newest))


def choose(intent: Intent, found: Sequence[Found]) -> Said:
    """One of several: by price, by day, or by its place in the last answer."""
    if intent.choice == "other" or intent.choice.lstrip("-").isdigit():
        place = 0 if intent.choice == "other" else int(intent.choice)
        if not -len(found) <= place < len(found):
            return NOTHING
        chosen, asked = found[place], Intent(intent.text, wanted=intent.wanted, topic=intent.topic, refers=True)
        return replace(find(asked, [chosen], before=[str(chosen.item_id)]), among=tuple(item.item_id for item in found))
    if intent.choice in ("cheapest", "dearest"):
        return _by_price(intent, found)
    dated = sorted((item for item in found), key=lambda item: item.days[0], reverse=intent.choice == "latest")
    if not dated:
        return NOTHING
    first = dated[0]
    told = f"The {intent.choice} is {first.name}, of {first.days[0]:%-d %B %Y}. {first.cite}"
    return Said(_lines([told, *_limits(found)]), (first.item_id,), tuple(item.item_id for item in dated))


def _by_price(intent: Intent, found: Sequence[Found]) -> Said:
    priced = [(total, item) for item in found if (total := item.total)]
    if not priced:
        return NOTHING
    by_currency = _by_currency(priced)
    told, about = [], []
    for sums in by_currency.values():
        total, item = sorted(sums, key=lambda pair: pair[0].value)[0 if intent.choice == "cheapest" else -1]
        others = len(sums) - 1
        beside = f", among {len(sums)} with a price" if others else ""
        told.append(f"The {intent.choice} is {item.name} with {total.text}{beside}. {item.cite}")
        about.append(item.item_id)
    if len(by_currency) > 1:
        told.append("Different currencies are not compared.")
    return Said(_lines([*told, *_limits(found)]), tuple(about), tuple(item.item_id for _, item in priced))


def _limits(found: Sequence[Found]) -> list[str]:
    """There may be more than was looked at, and whoever asked is told."""
    return [f"I looked at the newest {LOOKED_AT} only."] if len(found) >= LOOKED_AT else []


def add_up(found: Sequence[Found]) -> Said:
    """The totals of items, added by currency."""
    priced = [(total, item) for item in found if (total := item.total)]
    if not priced:
        return NOTHING
    told = []
    for currency, sums in _by_currency(priced).items():
        whole = sum((total.value for total, _ in sums), Decimal(0))
        told.append(f"Together {currency} {whole:.2f}:".replace("  ", " "))
        told += [f"- {item.name}: {total.text} {item.cite}" for total, item in sums]
    return Said(_lines([*told, *_limits(found)]), tuple(item.item_id for _, item in priced))


def add_up_parts(parts: Sequence[str], found: Sequence[Sequence[Found]]) -> Said:
    """Several things by name: of each the item that is most about it and has a total, and which of them have none."""
    chosen, missing = [], []
    for part, items in zip(parts, found, strict=False):
        fitting = _fitting(Intent(part, topic=tuple(part.split())), items, ())
        if item := next((item for item in fitting if item.total), None):
            chosen.append(item)
        else:
            missing.append(part)
    if not chosen:
        return NOTHING
    said = add_up(list({item.item_id: item for item in chosen}.values()))
    without = f"I found no total for {', '.join(missing)}."
    return Said(_lines([said.text, *([without] if missing else [])]), said.about)


def _by_currency(priced: Sequence[tuple[Amount, Found]]) -> dict[str, list[tuple[Amount, Found]]]:
    grouped: dict[str, list[tuple[Amount, Found]]] = {}
    for total, item in priced:
        grouped.setdefault(total.currency, []).append((total, item))
    return grouped


def similar(found: Sequence[Found]) -> Said:
    if not found:
        return NOTHING
    shown = found[:5]
    return Said(
        _lines(["Most like it:", *(f"- {item.headline} {item.cite}" for item in shown)]),
        tuple(item.item_id for item in shown),
    )


def web(pages: Sequence[Mapping[str, str]] | None) -> Said:
    """What pages say, by their titles. Their addresses are nobody's here. None: nobody could be asked."""
    if pages is None:
        return Said("The web cannot be searched now.")
    if not pages:
        return Said("I found nothing on the web that answers this.")
    told = [f"- {page['title']}: {_quoted([page['content']])}" for page in pages[:3]]
    return Said(_lines(["On the web, not in your collection:", *told]))


def talk(offers_web: bool) -> Said:
    also = ", or say “search the web for …”" if offers_web else ""
    return Said(
        "Ask me about your collection: what something cost, when or where it is, how many there are of a kind, or what "
        f"goes into a recipe{also}. I answer with what stands in your pictures and notes."
    )


def _is_in_period(intent: Intent, item: Found) -> bool:
    if intent.period is None:
        return True
    year, month = intent.period
    return any((not year or day.year == year) and (not month or day.month == month) for day in item.days)


def _quoted(texts: Sequence[str]) -> str:
    return " and ".join(f"“{text if len(text) <= _QUOTE_LENGTH else f'{text[:_QUOTE_LENGTH]}…'}”" for text in texts)


def _bare(text: str) -> str:
    return text.lstrip("-–•*□☐ ")


def _lines(parts: Sequence[str] | Any) -> str:
    return "\n".join(parts)
