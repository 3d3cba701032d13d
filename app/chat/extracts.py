"""What a picture's text says to a question: quoted, never understood. Pure functions, for the local model."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from itertools import takewhile

from app.analysis import mentions
from app.chat.questions import Wanted, matches, stem

_PRICE_AT_END = re.compile(r"(?<![\d.,])\d{1,6}[.,]\d{2}(?:\s?(?:[A-Z]{3}|[€$£]))?\s*$")
_PHONE = re.compile(r"(?<!\w)\+?0\d[\d ()/-]{5,}\d")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_ADDRESS = re.compile(
    r"\b\d{4,5} [A-ZÄÖÜ]\w+|\w+(?:stra(?:ße|sse)|weg|platz|allee|gasse|markt|kai|ufer|steig|grube|mühle|wall)\b,? ?\d*|"
    r"\b\d+ [A-Z]\w+ (?:lane|street|road|avenue|square)\b|\b(?:room|platform|gate|floor|terminal|kiosk|hall)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(r"\b\d+(?:[.,]\d)? ?(?:years?|months?|weeks?|days?|hours?|h|min(?:utes?|s)?)\b", re.IGNORECASE)
_SOME_DAY = re.compile(
    r"\b(?:today|tonight|tomorrow|noon|midnight|(?:mon|tues|wednes|thurs|fri|satur|sun)days?)\b", re.IGNORECASE
)
_NAME = r"[A-ZÄÖÜ][\w’'-]+"
_NO_NAME = r"(?!(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\b)"
_PERSON = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herr|Frau|Gran(?:d(?:ma|pa|mother|father)|ny)|Mum|Mom|Dad|Aunt|Uncle|Oma|Opa|Tante|"
    rf"Onkel)\b\.? ?{_NAME}|\b(?:[Bb]y|[Ww]ith|[Ff]rom|[Aa]sk for|[Ss]igned|[Cc]all) {_NO_NAME}{_NAME}|"
    r"\b(?:PASSENGER|NAME|CUSTOMER|GUEST|OWNER|PATIENT|CONTACT|Passenger|Name|Customer|Guest|Owner|Patient|Contact)\b|"
    r"(?<!\w)@\w"
)
_SENDER = re.compile(
    rf"\b(?:SENDER|AUTHOR|DEALER|SELLER|Sender|Author|Dealer|Seller)\b|\b(?:[Bb]y|[Ff]rom|[Ss]igned) {_NO_NAME}{_NAME}|"
    r"^(?:[Yy]ours|[Bb]est wishes|[Kk]ind regards|[Bb]est regards|[Rr]egards|[Ss]incerely|[Ww]ith love|[Ll]ove,|"
    r"[Mm]it freundlichen|[Vv]iele Grüße|[Ll]iebe Grüße)|(?<!\w)@\w"
)
# Who is spoken to does not do what is told.
_SALUTATION = re.compile(r"^(?:hello|hi|hey|dear|sehr geehrte[rs]?|liebe[rs]?|hallo)\b", re.IGNORECASE)
_UNTIL = re.compile(
    r"\b(?:until|till|valid|expir\w+|best before|use by|bis|gültig|ends?|ending|kept|return by|due)\b", re.IGNORECASE
)
_ENDING = frozenset({"expire", "expires", "expiry", "valid", "end", "ends", "runs", "due"})
_BULLET = re.compile(r"^\s*[-–•*□☐]\s*\S")
_ROUTE = re.compile(r"^(?:head|turn|go|walk|take|follow|keep|cross|continue)\b|\bon foot\b|\(\d", re.IGNORECASE)
# Lines between what a question names and what it wants.
_NEAR = 2
# And between an hour and the day that it is of.
_SAME_DAY = 6
_LETTERS = re.compile(r"[^\W\d_]{5,}")
# "lisbn" is Lisbon, "dishwasher" no washing machine.
_SAME_WORD = 0.85
_MACHINE = re.compile(r"\b([^\W\d_]{2,})ing[ -](?:machine|appliance)s?\b")
_SENTENCE_END = re.compile(r"[.!?:]$")
_UNFINISHED = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|and|or|of|the|an?|to|for|with|from|by|at|in|on)$")
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY"}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class Passage:
    """A few lines that belong together; `place` counts from the top. `is_own`: the user wrote it."""

    text: str
    place: int
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum of money. `currency` is a code, or empty where none is written."""

    value: Decimal
    currency: str
    text: str


def passages(own_words: str, lines: Sequence[str]) -> list[Passage]:
    """The user's own words first; then the picture's, with labels beside their values and sentences whole."""
    own = own_words.splitlines()
    texts = [*own, *_joined(lines)]
    return [Passage(text, place, place < len(own)) for place, text in enumerate(texts) if text.strip()]


def _joined(lines: Sequence[str]) -> list[str]:
    """Label rows with the rows of their values ("DATE DEPARTS" over "8 May 12:34"), broken sentences in one."""
    joined: list[str] = []
    position = 0
    while position < len(lines):
        labels = _labels_from(lines, position)
        if labels:
            below = lines[position + labels : position + 2 * labels]
            values = list(takewhile(lambda line: not _is_label(line), below))
            names = [line.rstrip(":") for line in lines[position : position + labels]]
            joined.append(f"{' · '.join(names)}: {' · '.join(values)}")
            position += labels + len(values)
        else:
            end = position + 1
            while end < len(lines) and _goes_on(lines[end - 1], lines[end]):
                end += 1
            joined.append(" ".join(lines[position:end]))
            position = end
    return joined


def _labels_from(lines: Sequence[str], position: int) -> int:
    """How many labels stand in a row here, if a value follows them."""
    count = 0
    while position + count < len(lines) and _is_label(lines[position + count]):
        count += 1
    follows = position + count < len(lines)
    return count if count and follows and position else 0


def _is_label(line: str) -> bool:
    return (line.isupper() and not any(c.isdigit() for c in line) and len(line) <= 16) or line.endswith(":")


def _goes_on(line: str, following: str) -> bool:
    """Whether the next line is the rest of this one's sentence."""
    starts_low = following[:1].islower() or following[:1].isdigit() or bool(_UNFINISHED.search(line))
    is_sentence = len(line) >= 20 and not _SENTENCE_END.search(line) and not _PRICE_AT_END.search(line)
    return is_sentence and starts_low and not _BULLET.match(following) and not re.match(r"\d\d?[:.]\d\d", following)


def support(topic: Iterable[str], *texts: str) -> float:
    """The share of the topic's words that the texts hold, 0..1; 1 for a topic without words."""
    stems = {stem(word) for word in topic}
    return len(matches(stems, " ".join(texts))) / len(stems) if stems else 1.0


def names(word: str, *texts: str) -> bool:
    """Whether the texts have this word, also misspelt by a letter or two: what was typed, and what was read."""
    if support([word], *texts):
        return True
    return bool(get_close_matches(word, _LETTERS.findall(" ".join(texts).casefold()), n=1, cutoff=_SAME_WORD))


def machines(texts: Iterable[str]) -> list[str]:
    """What the machines in the texts are called for short, once each: a washing machine is a washer."""
    found = (match[1] for text in texts for match in _MACHINE.finditer(text.casefold()))
    return list(dict.fromkeys(f"{work}er" for work in found))


def best(
    found: Sequence[Passage], topic: Iterable[str], wanted: Wanted, *, name: str = "", aspect: Iterable[str] = ()
) -> list[Passage]:
    """The passages that answer, as they stand; none where nothing of the wanted kind is there.

    Args:
        name: what the item is called. Words of the topic that stand there tell which item; the others, which line.
        aspect: words that are asked of what is known; where a line has them, they alone count.
    """
    if wanted is Wanted.INGREDIENTS:
        return [passage for passage in found if _BULLET.match(passage.text)]
    if wanted is Wanted.STEPS:
        return [passage for passage in found if _is_step(passage.text)]
    stems = _telling(found, {stem(word) for word in topic}, name, {stem(word) for word in aspect})
    named = _most_named(found, stems)
    fitting = [passage for passage in found if is_of(wanted, passage.text)]
    if wanted is Wanted.ANY or (wanted is Wanted.WHO and not fitting):
        return [_with_value(passage, found) for passage in named[:2]]
    if wanted is Wanted.SENDER:
        return [_with_value(passage, found) for passage in fitting[:2]]
    if wanted is Wanted.WHEN and not _ENDING.isdisjoint(aspect) and not _most_named(fitting, set(aspect)):
        return _ending(found, fitting)
    # Addresses are told all: which of them a question means, their place does not tell.
    # And who does something is mostly named in another line than what is done.
    beside = _beside(named, _first_choice(wanted, fitting)) if wanted not in (Wanted.WHERE, Wanted.WHO) else []
    own = [passage for passage in named if passage.is_own]
    chosen = (_most_named(_first_choice(wanted, fitting), stems) or beside or own or _first_choice(wanted, fitting))[:2]
    if wanted is Wanted.WHERE and not _most_named(fitting, stems) and not matches(stems, name):
        # Below what is asked about, or in its own line: a bed, a hall.
        below = [_with_value(passage, found) for passage in named]
        return [each for each in below if each not in named][:1] or (chosen if fitting else named[:2])
    return _with_day(chosen, found) if wanted is Wanted.WHEN else chosen


def _ending(found: Sequence[Passage], fitting: Sequence[Passage]) -> list[Passage]:
    """Until when something holds: the line that says so; else how long it holds, and the first day that is named."""
    said = [passage for passage in fitting if _UNTIL.search(passage.text)]
    if said:
        return said[:2]
    lengths = [passage for passage in found if _DURATION.search(passage.text) and not mentions.times([passage.text])]
    days = [passage for passage in fitting if mentions.dates([passage.text])]
    return [_with_caption(passage, found) for passage in [*lengths[:1], *days[:1]]]


def _with_caption(passage: Passage, found: Sequence[Passage]) -> Passage:
    """A value with what stands above it ("3 November 2025" under "Date of purchase")."""
    above = next((other for other in found if other.place == passage.place - 1), None)
    is_caption = above and not above.is_own and _is_caption(above.text)
    return Passage(f"{above.text}: {passage.text}", passage.place) if above and is_caption else passage


def _is_caption(text: str) -> bool:
    return len(text.split()) <= 4 and not any(c.isdigit() for c in text)


def _telling(found: Sequence[Passage], stems: set[str], name: str, aspect: set[str]) -> set[str]:
    """The words that tell the lines of one item apart."""
    beside_name = stems - matches(stems, name)
    for telling in (aspect, beside_name):
        if telling and _most_named(found, telling):
            return telling
    return stems


def _first_choice(wanted: Wanted, fitting: Sequence[Passage]) -> list[Passage]:
    """Of several kinds that fit the better one: a length of time before a point in it."""
    lengths = [passage for passage in fitting if _DURATION.search(passage.text)]
    return lengths if wanted is Wanted.DURATION and lengths else list(fitting)


def _with_day(chosen: Sequence[Passage], found: Sequence[Passage]) -> list[Passage]:
    """An hour alone with the day that stands near it."""
    if len(chosen) != 1 or mentions.dates([chosen[0].text]):
        return list(chosen)
    place = chosen[0].place
    days = [each for each in found if mentions.dates([each.text]) and abs(each.place - place) <= _SAME_DAY]
    return [*chosen, *sorted(days, key=lambda each: abs(each.place - place))[:1]]


def _most_named(found: Sequence[Passage], stems: set[str]) -> list[Passage]:
    """Those that hold most of the topic's words, at least one."""
    counts = [len(matches(stems, passage.text)) for passage in found]
    most = max(counts, default=0)
    return [passage for count, passage in zip(counts, found, strict=True) if most and count == most]


def _beside(named: Sequence[Passage], fitting: Sequence[Passage]) -> list[Passage]:
    """Where what is asked about and what is wanted stand in different lines: the pair that is nearest, in one."""
    pairs = [
        (-_fullness(other.text), abs(one.place - other.place), other.place, one, other)
        for one in named
        for other in fitting
        if abs(one.place - other.place) <= _NEAR
    ]
    if not pairs:
        return []
    *_, one, other = min(pairs, key=lambda pair: pair[:3])
    return [Passage(f"{one.text}: {other.text}", one.place)]


def _fullness(text: str) -> int:
    """A day with its hour says more than either."""
    return bool(mentions.dates([text])) + bool(mentions.times([text]))


def is_of(wanted: Wanted, text: str) -> bool:
    """Whether a text has what is wanted."""
    match wanted:
        case Wanted.PRICE:
            return bool(mentions.amounts([text]) or _PRICE_AT_END.search(text))
        case Wanted.WHEN | Wanted.DURATION:
            return bool(
                mentions.dates([text])
                or mentions.times([text])
                or _SOME_DAY.search(text)
                or (wanted is Wanted.DURATION and _DURATION.search(text))
            )
        case Wanted.WHERE:
            return bool(_ADDRESS.search(text))
        case Wanted.PHONE:
            return bool(_PHONE.search(text))
        case Wanted.CONTACT:
            return bool(_PHONE.search(text) or _MAIL.search(text))
        case Wanted.WHO:
            return bool(_PERSON.search(text)) and not _SALUTATION.search(text)
        case Wanted.SENDER:
            return bool(_SENDER.search(text))
        case _:
            return True


def _is_step(text: str) -> bool:
    is_sentence = len(text) >= 30 and not _BULLET.match(text) and not is_of(Wanted.CONTACT, text)
    return bool(_ROUTE.search(text)) or is_sentence


def _with_value(passage: Passage, found: Sequence[Passage]) -> Passage:
    """A caption with what stands below it ("Serial number" over "2511-084")."""
    is_caption = not passage.is_own and _is_caption(passage.text) and ": " not in passage.text
    below = next((other for other in found if other.place == passage.place + 1), None)
    return Passage(f"{passage.text}: {below.text}", passage.place) if is_caption and below else passage


def total(lines: Sequence[str]) -> Amount | None:
    """What a receipt or a ticket comes to: its labelled total, or the only sum that it names."""
    written = mentions.total(lines)
    if written is None:
        named = mentions.amounts(lines)
        written = named[0] if len(named) == 1 else None
    return amount(written) if written else None


def amount(text: str) -> Amount | None:
    """A written sum of money as a number, in European and English spelling."""
    number = re.search(r"\d[\d.,' ]*", text)
    if number is None:
        return None
    digits = re.sub(r"[' ]", "", number[0]).rstrip(".,")
    whole, _, cents = digits.replace(",", ".").rpartition(".")
    plain = (
        f"{whole.replace('.', '')}.{cents}" if whole and len(cents) == 2 else digits.replace(",", "").replace(".", "")
    )
    code = re.search(r"[A-Z]{3}|[€$£¥]", text)
    try:
        return Amount(Decimal(plain), _CURRENCIES.get(code[0], code[0]) if code else "", text.strip())
    except InvalidOperation:
        return None


def dates(lines: Iterable[str]) -> list[date]:
    """The calendar days that a text names with their year, in order. `03.04.2026` is the third of April."""
    days = []
    for written in mentions.dates(lines):
        if day := _date(written):
            days.append(day)
    return days


def _date(written: str) -> date | None:
    numbers = [int(number) for number in re.findall(r"\d+", written)]
    month = re.search("|".join(_MONTH_NAMES), written.casefold())
    if month and len(numbers) == 2:
        day, year = sorted(numbers)
        parts = (year, _MONTH_NAMES.index(month[0]) + 1, day)
    elif len(numbers) == 3:
        parts = (numbers[0], numbers[1], numbers[2]) if numbers[0] > 31 else (numbers[2], numbers[1], numbers[0])
    else:
        return None
    try:
        return date(parts[0] + 2000 if parts[0] < 100 else parts[0], parts[1], parts[2])
    except ValueError:
        return None
