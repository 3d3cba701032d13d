"""What a question asks for, by its words and by what was asked before. English; pure functions, for the local model.

A follow-up ("the cheaper one", "and in Kyoto?", "when was that?") is completed from the question before it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """What is to be done."""

    TALK = "talk"
    FIND = "find"
    LIST = "list"
    COUNT = "count"
    OVERVIEW = "overview"
    CHOOSE = "choose"
    SUM = "sum"
    SIMILAR = "similar"
    WEB = "web"


class Wanted(StrEnum):
    """Which part of an item answers."""

    ANY = "any"
    PRICE = "price"
    WHEN = "when"
    DURATION = "duration"
    WHERE = "where"
    PHONE = "phone"
    CONTACT = "contact"
    WHO = "who"
    SENDER = "sender"
    INGREDIENTS = "ingredients"
    STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Intent:
    """A question, understood.

    `topic` are the words it is about; `aspect` what it asks of them ("is it kept"); `refers` says that it is about the
    items of the answer before; `choice` is which of several (`cheapest`, `dearest`, `earliest`, `latest`, `other`, or a
    place in the list from 0); `parts` are several things asked about at once; `inherits` says that what is wanted was
    said in the question before; `period` is (year, month), either of them 0 where it is not said.
    """

    text: str
    kind: Kind = Kind.FIND
    wanted: Wanted = Wanted.ANY
    topic: tuple[str, ...] = ()
    aspect: tuple[str, ...] = ()
    category: str = ""
    refers: bool = False
    choice: str = ""
    parts: tuple[str, ...] = ()
    inherits: bool = False
    period: tuple[int, int] | None = None

    @property
    def query(self) -> str:
        """What to search for."""
        return (" ".join(self.topic) if self.refers else "") or self.text

    @property
    def narrowed_to(self) -> tuple[str, ...]:
        """Which of its kind is meant ("tokyo" of a flight to Tokyo), where there is a kind beside it ("flight").

        Whoever says more describes: no single word of that has to be there.
        """
        said = set(_narrowing(self.text)) if len(self.topic) <= _FEW_WORDS else set()
        which = tuple(word for word in self.topic if word in said)
        return which if len(which) < len(self.topic) else ()

    def as_dict(self) -> dict[str, Any]:
        """To be kept with the answer, for the next question."""
        return {
            "text": self.text,
            "kind": self.kind.value,
            "wanted": self.wanted.value,
            "topic": list(self.topic),
            "category": self.category,
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> "Intent":
        return cls(
            text=kept["text"],
            kind=Kind(kept["kind"]),
            wanted=Wanted(kept["wanted"]),
            topic=tuple(kept["topic"]),
            category=kept["category"],
        )


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_CATEGORIES = {
    "receipt": "receipts? bills? invoices?",
    "ticket": "tickets? boarding.pass(?:es)?",
    "recipe": "recipes?",
    "poster": "posters? flyers?",
    "screenshot": "screenshots?",
    "document": "documents?",
    "clothing": "clothes clothing garments?",
    "interior": "rooms? interiors?",
    "food": "meals? dishes",
    "place": "places?",
    "product": "products?",
    "photo": "photos? photographs?",
}
_CATEGORY_PATTERNS = {name: re.compile(rf"\b(?:{'|'.join(words.split())})\b") for name, words in _CATEGORIES.items()}
_EVERYTHING = re.compile(r"\b(?:items?|things?|pictures?|images?|everything|collection)\b")

# Of things that were bought there are receipts.
_BOUGHT = re.compile(r"\b(?:items?|things?|everything)\b.*\b(?:bought|purchased|paid)\b")

_WANTED = (
    (
        Wanted.INGREDIENTS,
        r"\bingredients?\b|what (?:do i|will i|i) need (?:for|to (?:make|bake|cook))|goes? (?:in|into)\b",
    ),
    (
        Wanted.STEPS,
        r"how (?:do|can|should) i (?:make|bake|cook|prepare|get|go|reach)\b|\bdirections\b|\bthe way to\b|"
        r"how (?:is|are) .*\b(?:made|baked|cooked|prepared)\b",
    ),
    (Wanted.PHONE, r"\b(?:phone|telephone) ?numbers?\b|\btelephone\b|\bnumber (?:to|can i|do i|should i) call\b"),
    (
        Wanted.CONTACT,
        r"\b(?:e-?mail|contact)\b|\b(?:call|reach) (?:him|her|them)\b|"
        r"\bwhom? (?:should|can|do|must|could|may) (?:i|we) (?:call|ask|reach|write|ring|phone)\b",
    ),
    (
        Wanted.SENDER,
        r"\bwho (?:has |had )?(?:wrote|written|writes|sent|sends|signed|signs|issued|posted|published|sold|sells)\b|"
        r"\b(?:from|by) whom?\b|\bwho(?: is|'s| was) .*\b(?:from|by)\W*$|\b(?:sender|author|writer)\b|\bwritten by\b",
    ),
    (Wanted.WHO, r"^(?:and |but )?who(?:m|se|'s)?\b"),
    # "How much space" asks for no money.
    (
        Wanted.PRICE,
        r"how much(?=\W*$| (?:is|was|are|were|did|does|do|for|will|would|money|the|an?|my|it|that)\b)"
        r"|\bcosts?\b|\bprices?\b|\b(?:paid|pay|spend|spent)\b|\btotals?\b|\bfee\b|\brent\b",
    ),
    (
        Wanted.WHEN,
        r"\bwhen\b|what (?:time|date|day)\b|which (?:day|date)\b|\bhow late\b|\b(?:until|till) when\b",
    ),
    (Wanted.DURATION, r"\bhow (?:long|early)\b"),
    (
        Wanted.WHERE,
        r"\bwhere\b|\baddress\b|which (?:room|platform|gate|street|place|city)\b|what (?:room|platform|gate)\b",
    ),
)
_TALK = re.compile(
    r"^(?:hi|hello|hey|good (?:morning|evening|day)|thanks?(?: you)?|thank you.*|ok(?:ay)?|bye|who are you|help|"
    r"what can you do.*|how do you work.*)\W*$"
)
_WEB = re.compile(
    r"\b(?:search|look\w*(?: it)?(?: up)?|find\w*|check) (?:.* )?(?:on |in )?(?:the )?(?:web|internet|online)\b"
)
_COUNT = re.compile(
    r"\bhow many\s+(?:different\s+|of\s+(?:my|the)\s+)?(\w+)|\bnumber of (\w+)|\bcount (?:my|the|all)\b"
)
_OVERVIEW = re.compile(
    r"\boverview\b|what(?:'s| is| do you have| do i have)? (?:all )?in (?:my|the) collection|"
    r"which (?:categories|tags)\b|^what (?:do|have) i (?:have|got|saved?)\W*$"
)
_LIST = re.compile(
    r"^(?:please )?(?:show|list|give)\b|\bdo i have\b|\bhave i got\b|\bdid i save\b|\bare there any\b|\bwhich of my\b|"
    r"^(?:all )?my \w+\W*$|^find\b|\bmentions?\b"
)
# One thing of something is asked for, no list: "which seat do I have".
_ONE = re.compile(r"^(?:and )?(?:which|what) (?!\w+s\b)\w+ (?:do|have) i\b")
_SIMILAR = re.compile(r"\b(?:similar|alike)\b|\b(?:more|something|anything|others?|looks?) like (?:this|that|it)\b")
_TOGETHER = re.compile(r"\b(?:altogether|in total|in all|overall|combined|(?:all )?together|add up|sum of)\b")
_ALL_OF = re.compile(r"\ball (?:my|the) \w+")
_AND = re.compile(r"\s*,\s*(?:and )?|\s+(?:and|plus|&)\s+")
_CHOICES = (
    ("cheapest", r"\b(?:cheap(?:er|est)|less expensive|least expensive|lowest)\b"),
    ("dearest", r"\b(?:dear(?:er|est)|(?:more|most) expensive|pric(?:ier|iest)|highest)\b"),
    ("earliest", r"\b(?:earl(?:ier|iest)|old(?:er|est))\b"),
    ("latest", r"\b(?:lat(?:er|est)|new(?:er|est)|most recent)\b"),
    ("0", r"\bfirst(?: one)?\b"),
    ("1", r"\bsecond one\b|^(?:and )?the second\b"),
    ("other", r"\b(?:the other|another)(?: one)?\W*$"),
    ("2", r"\bthird one\b|^(?:and )?the third\b"),
    ("-1", r"\blast one\b"),
)
_COMPARED = ("cheapest", "dearest")
_REFERENCE = re.compile(
    r"\b(?:it|its|that|this|these|those|they|them|there|one|ones|both|him|her|he|she|the (?:first|second|third|last))\b"
)
_LEAD_IN = re.compile(
    r"^(?:(?:and|or|also|but|so)\s+|(?:what|how) about\s+|same (?:for|with)\s+|"
    r"(?:no|sorry|actually)[,.]?\s+(?:not \S+(?: \S+)?[,.]\s*)?|(?:i )?(?:meant?|mean)\s+)+"
)
_SLOT = re.compile(r"\b(in|at|for|from|to|on|with|about|of|by)\s+(?:the |my |a |an )?[\w'’-]+(?: [\w'’-]+)?")
_MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
_MONTH = re.compile(rf"\b({'|'.join(_MONTHS)})\b(?:\s+(20\d\d))?")
_YEAR = re.compile(r"\bin (20\d\d)\b")

# What stands behind these says which of its kind is meant: the flight to Tokyo, the code of the safe.
_BEHIND = r"\b(?:at|for|from|in|of|to|with(?= (?:the|my|our|your|an?)\b))"
_NARROWED = re.compile(
    rf"{_BEHIND} (?:(?:the|my|our|your|an?) )?([\w'’-]+(?: (?!{_BEHIND}\b|(?:on|by|and|or)\b)[\w'’-]+)?)"
)
# "What do I have to bring": no place.
_TO_DO = re.compile(r"\b(?:need|want|have|has|had|going|able|allowed|supposed|how|what|where|when|whom?) to\b")
# A name is one wherever it stands ("the Tokyo flight"); at the beginning of a sentence everything is capital.
_NAME = re.compile(r"(?<![.!?:] )(?<!^)\b[A-ZÄÖÜ][\w'’-]*")
_FEW_WORDS = 3
# In small letters it is "us", which is nobody's name.
_THE_US = re.compile(r"\b((?i:the|to|in|from)) (?:US|U\.S\.)(?!\w)")
_TIMES = _words("""
    monday tuesday wednesday thursday friday saturday sunday today tonight tomorrow morning afternoon evening night
    noon midnight week weekend month year
""")

_STOP = _words("""
    a about after again all already also am an and any anything are as at be been before being both but by can
    come could day did do does doing done each else ever every everything few find for from get give go goes got
    had has have he her here him his how i if in into is it its just know last like list look many may me mean
    meant more most much my need no not now of off on one ones or other our out over own page please say says
    search see she should show since so some something still such tell than thank thanks that the their them then
    there these they thing things this those till time to too under until up us use very want was way we web
    well were what when where which while who whom whose why will with would yes you your collection item items
    picture pictures image images internet online long late early first second third cost costs price prices
    paid pay spend spent total totals fee address date cheaper cheapest dearer dearest expensive earlier
    earliest later latest newer newest older oldest overview phone telephone email contact call ingredients
    ingredient altogether sum combined overall saved save called cheap let lot sorry actually yet whats wheres
    whens dont im ive mention mentions mentioned name names another
""")
_WORD = re.compile(r"[^\W_]+(?:[-'’&][^\W_]+)*")


def understand(text: str, before: Intent | None) -> Intent:
    """The intent of `text`, completed by that of the question before where it needs it."""
    text = _THE_US.sub(r"\1 USA", text)
    plain = " ".join(text.casefold().split())
    if _TALK.match(plain):
        return Intent(text, Kind.TALK)
    own = _alone(text, plain)
    if before is None or before.kind is Kind.TALK:
        return own
    rest = _LEAD_IN.sub("", plain)
    if _refers(plain, own):
        return _about_the_same(own, before)
    return _completed(own, before, rest) if rest != plain or not own.topic else own


def aspects_of(text: str) -> tuple[str, ...]:
    """What is asked of things that are known: that they are kept, come, arrive."""
    words = _WORD.findall(text.casefold())
    ends_with_from = words[-1:] == ["from"]
    return tuple(dict.fromkeys(word for word in words if word in _ASPECTS or (ends_with_from and word == "from")))


def words_of(text: str) -> tuple[str, ...]:
    """The words that a question is about; what is only asked of it (does it leave, its number) is none of them."""
    found = (word.removesuffix("'s").removesuffix("’s") for word in _WORD.findall(text.casefold()))
    said = tuple(dict.fromkeys(word for word in found if word.replace("'", "").replace("’", "") not in _STOP))
    return tuple(word for word in said if word not in _ASKED_OF_ITEMS) or said


def _narrowing(text: str) -> tuple[str, ...]:
    """The words that say which of its kind is meant. A day says when, and a kind of item ("on the ticket") is none."""
    plain = _TO_DO.sub(" ", " ".join(text.casefold().split()))
    said = (*_NARROWED.findall(plain), *_NAME.findall(text))
    return tuple(word for part in said for word in words_of(part) if not _is_general(word))


def _is_general(word: str) -> bool:
    is_time = word in _TIMES or word in _MONTHS or word[0].isdigit()
    return is_time or any(pattern.fullmatch(word) for pattern in _CATEGORY_PATTERNS.values())


def _alone(text: str, plain: str) -> Intent:
    wanted = next((wanted for wanted, pattern in _WANTED if re.search(pattern, plain)), Wanted.ANY)
    category = next((name for name, pattern in _CATEGORY_PATTERNS.items() if pattern.search(plain)), "")
    if not category and _BOUGHT.search(plain):
        category = "receipt"
    choice = next((choice for choice, pattern in _CHOICES if re.search(pattern, plain)), "")
    intent = Intent(
        text, Kind.FIND, wanted, words_of(plain), aspects_of(plain), category, choice=choice, period=_period(plain)
    )
    intent = replace(intent, kind=_kind(plain, intent))
    return replace(intent, parts=_parts(plain)) if intent.kind is Kind.SUM and not category else intent


def _parts(plain: str) -> tuple[str, ...]:
    """The things that are to be added up, in the words that tell them."""
    told = (" ".join(words_of(part)) for part in _AND.split(_TOGETHER.sub(" ", plain)))
    return tuple(dict.fromkeys(part for part in told if part))


def _kind(plain: str, intent: Intent) -> Kind:
    counted = _COUNT.search(plain)
    is_of_items = bool(intent.category or _EVERYTHING.search(plain))
    is_together = bool(_TOGETHER.search(plain))
    is_of_several = is_together and not _names_one(plain, intent.category)
    is_priced = intent.wanted is Wanted.PRICE
    is_compared = intent.choice in _COMPARED and intent.wanted in (Wanted.ANY, Wanted.PRICE)
    rules: Sequence[tuple[bool, Kind]] = (
        (bool(_WEB.search(plain)), Kind.WEB),
        (bool(counted) and is_of_items, Kind.COUNT),
        (bool(_OVERVIEW.search(plain)), Kind.OVERVIEW),
        (bool(_SIMILAR.search(plain)), Kind.SIMILAR),
        (bool(intent.category) and is_priced and (is_of_several or bool(_ALL_OF.search(plain))), Kind.SUM),
        (is_priced and is_together and len(_parts(plain)) > 1, Kind.SUM),
        (bool(intent.choice) and bool(intent.category), Kind.CHOOSE),
        (is_compared and bool(_EVERYTHING.search(plain)), Kind.CHOOSE),
        (intent.wanted is Wanted.ANY and bool(_LIST.search(plain)) and not _ONE.search(plain), Kind.LIST),
        (intent.wanted is Wanted.ANY and not beside_category(intent) and bool(intent.category), Kind.LIST),
    )
    return next((kind for applies, kind in rules if applies), Kind.FIND)


def _names_one(plain: str, category: str) -> bool:
    """Whether it is about one item of the category: the total of "the ticket" is no sum of tickets."""
    pattern = _CATEGORY_PATTERNS.get(category)
    named = pattern.search(plain) if pattern else None
    is_singular = named is not None and not named[0].endswith("s")
    return named is not None and is_singular and bool(re.search(rf"\b(?:the|this|that) {named[0]}\b", plain))


def beside_category(intent: Intent) -> tuple[str, ...]:
    """What narrows a list further: its topic without category and period."""
    pattern = _CATEGORY_PATTERNS.get(intent.category)
    said = _ASKED_OF_ITEMS | ({*_MONTHS, str(intent.period[0])} if intent.period else set())
    return tuple(word for word in intent.topic if word not in said and not (pattern and pattern.fullmatch(word)))


def _period(plain: str) -> tuple[int, int] | None:
    month = _MONTH.search(plain)
    # "may" is a verb far more often than a month.
    if month and (month[1] != "may" or month[2] or re.search(r"\b(?:in|of|from|since|during) may\b", plain)):
        return int(month[2] or 0), _MONTHS.index(month[1]) + 1
    year = _YEAR.search(plain)
    return (int(year[1]), 0) if year else None


def _refers(plain: str, own: Intent) -> bool:
    """Whether it is about the items of the answer before: it points at them, or at nothing, and names none itself."""
    beside = set(own.topic) - _ASKED_OF_ITEMS
    points = _REFERENCE.search(plain) or own.choice or own.kind is Kind.FIND
    return bool(points) and not beside and not own.category


# Said of items that are known already; none of these is something to look for.
_ASKED_OF_ITEMS = _words("""
    happen happened start starts begin begins end ends open opens close closes cost leave leaves depart departs
    arrive arrives valid expire expires written text details detail similar alike exactly located location
    happening kept number numbers take takes due scheduled made buy bought purchased purchase sent send sends wrote
    write writes signed sign signs issued posted sender author writer expiry runs
""")
# Some of these are too common to look for, and yet tell which line of an item answers.
_ASPECTS = _ASKED_OF_ITEMS - _words("details detail similar alike exactly") | _words("come comes go goes")


def _about_the_same(own: Intent, before: Intent) -> Intent:
    kind = Kind.SIMILAR if own.kind is Kind.SIMILAR else Kind.CHOOSE if own.choice else Kind.FIND
    wanted = own.wanted if own.wanted is not Wanted.ANY or kind is not Kind.CHOOSE else before.wanted
    return replace(own, kind=kind, wanted=wanted, refers=True, topic=before.topic, category=before.category)


def _completed(own: Intent, before: Intent, rest: str) -> Intent:
    """The question before, with what this one says in place of what that one said."""
    merged = _merged(before.text, rest)
    kind = before.kind if own.kind in (Kind.FIND, Kind.LIST) else own.kind
    return Intent(
        text=merged,
        kind=kind,
        wanted=own.wanted if own.wanted is not Wanted.ANY else before.wanted,
        topic=words_of(merged),
        aspect=own.aspect,
        # A count or a list stays one of its category, also with another word in it.
        category=own.category or (before.category if kind in _OF_A_CATEGORY else ""),
        choice=own.choice,
        inherits=own.wanted is Wanted.ANY and before.wanted is not Wanted.ANY,
        period=own.period or _period(merged.casefold()),
    )


_OF_A_CATEGORY = (Kind.COUNT, Kind.LIST, Kind.SUM, Kind.CHOOSE)


def _merged(before: str, rest: str) -> str:
    """The earlier question with `rest` in the place where it belongs; or `rest` alone, as the new subject."""
    rest = rest.strip(" ?!.")
    slot = _SLOT.match(rest)
    if slot and (same := _slot_of(before, {slot[1]})):
        return f"{before[: same.start()]}{rest}{before[same.end() :]}"
    if slot and slot[1] not in _OF_SUBJECTS:
        return f"{before.strip(' ?!.')} {rest}"
    subject = rest.removeprefix(f"{slot[1]} ") if slot else rest
    if place := _slot_of(before, _OF_SUBJECTS):
        return f"{before[: place.start()]}{place[1]} {subject}{before[place.end() :]}"
    return subject


# What follows these is what a question is about; what follows others narrows it.
_OF_SUBJECTS = frozenset({"for", "about", "of"})


def _slot_of(text: str, prepositions: Iterable[str]) -> re.Match[str] | None:
    """The last place where one of these prepositions stands with its words."""
    found = [slot for slot in _SLOT.finditer(text.rstrip(" ?!.")) if slot[1] in prepositions]
    return found[-1] if found else None


def stem(word: str) -> str:
    """Enough of a word to know its other forms by: a plain English ending is cut off."""
    for ending in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def matches(stems: Iterable[str], text: str) -> set[str]:
    """Which stems begin a word of the text."""
    words = [word for found in _WORD.findall(text.casefold()) for word in (found, *re.split(r"[-'’&]", found))]
    return {
        each
        for each in stems
        if any(stem(word) == each or (len(each) >= 4 and word.startswith(each)) for word in words)
    }
