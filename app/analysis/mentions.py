"""What a text mentions that has a recognisable shape: accounts, hashtags, dates, money, links, places. Pure."""

import itertools
import re
from collections.abc import Iterable, Sequence

_HANDLE = re.compile(r"(?<![\w@./])@([A-Za-z0-9_](?:[\w.]{0,28}\w))", re.ASCII)
_HASHTAG = re.compile(r"#(\w*[^\W\d_]\w*)(?!\w*(?:\.{2}|…))")
_URL = re.compile(
    r"https?://[^\s<>\"']+|\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|dev|app|jp|de|co|ai|uk|fr|eu|ch|at|nl|es|it|shop)\b"
    r"(?:/[^\s<>\"']*)?",
    re.IGNORECASE,
)
_NUMBER = r"\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{2})?|\d+(?:[.,]\d{1,2})?"
_CURRENCY_WORDS = r"JPY|USD|EUR|GBP|CAD|AUD|CHF|KRW|SGD|NZD|PLN|CZK|SEK|NOK|DKK|yen|won|euros?|dollars?|zł|kr|円|元"
_AMOUNT = re.compile(
    rf"(?:US|CA|A|S|HK)?[$¥€£₩₹￥]\s?(?:{_NUMBER})|\b[A-Z]{{3}}(?<=JPY|USD|EUR|GBP|CAD|AUD|CHF)\s(?:{_NUMBER})|(?<![\w.,])(?:{_NUMBER})\s?(?:[€£$¥₩]|(?:{_CURRENCY_WORDS})(?!\w))"
)
_TOTAL = re.compile(
    r"^\W*(?:grand\s|sum\s)?(?:total|amount due|balance due|to pay|summe|gesamt\w*|zu zahlen|合計)\b\D{0,12}?"
    r"((?:[A-Z]{3}\s|[¥$€£₩₹]\s?)?\d[\d.,]*(?:\s?(?:[A-Z]{3}|[¥$€£₩₹円]))?)$",
    re.IGNORECASE,
)
_MONTHS = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_DATE = re.compile(
    r"\b\d{4}[-./]\d{1,2}[-./]\d{1,2}\b|\b\d{1,2}[./]\d{1,2}[./](?:\d{4}|\d{2})\b|\d{4}年\d{1,2}月(?:\d{1,2}日)?|"
    rf"\b\d{{1,2}}(?:st|nd|rd|th|\.)?\s(?:of\s)?{_MONTHS}\b\.?(?:,?\s\d{{4}})?|"
    rf"\b{_MONTHS}\.?\s\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?\s\d{{4}})?|\b{_MONTHS}\s\d{{4}}\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\b(?:[01]?\d|2[0-3]):[0-5]\d\b|\b1?\d\s?[ap]m\b", re.IGNORECASE)
_POSTED_HERE = re.compile(r"\b(?:this place|featured here)\b", re.IGNORECASE)
_LABELLED_PLACE = re.compile(r"^\W*(?:location|address|venue|where|adresse|ort)\s?:\s?(.{3,80})$", re.IGNORECASE)
_AUDIO = re.compile(
    r"^\W*(?:\w?\W*Apple Music\W+)?((?:contains: .+)|(?:original (?:sound|audio).*)|(?:[^@#]{2,60} -\s?@.{2,}))$",
    re.IGNORECASE,
)


def handles(texts: Iterable[str]) -> list[str]:
    """Accounts written @so, without the sign, as first seen. E-mail addresses are none."""
    return _unique(match for text in texts if not audio([text]) for match in _HANDLE.findall(text))


def hashtags(texts: Iterable[str]) -> list[str]:
    """Without the sign, in lower case; one that is cut short by an ellipsis is left out."""
    return _unique(match.lower() for text in texts for match in _HASHTAG.findall(text))


def urls(texts: Iterable[str]) -> list[str]:
    """Web addresses, with or without a scheme; the host part of an e-mail address is none."""
    found = (match for text in texts for match in _URL.finditer(text) if not text[: match.start()].endswith("@"))
    return _unique(match.group().rstrip(".,;:)") for match in found)


def amounts(texts: Iterable[str]) -> list[str]:
    """Sums of money with their currency, as written."""
    return _unique(match.group().strip() for text in texts for match in _AMOUNT.finditer(text))


def total(texts: Iterable[str]) -> str | None:
    """What a receipt comes to: the last price on a line that is labelled so."""
    sums = [match.group(1) for text in texts if (match := _TOTAL.search(text))]
    return sums[-1].strip() if sums else None


def dates(texts: Iterable[str]) -> list[str]:
    """Calendar dates as written: numeric, with an English month, or Japanese."""
    return _unique(match.group().strip() for text in texts for match in _DATE.finditer(text))


def times(texts: Iterable[str]) -> list[str]:
    """Times of day as written."""
    return _unique(match.group().strip() for text in texts for match in _TIME.finditer(text))


def places(texts: Sequence[str]) -> list[str]:
    """Where it says so: what follows "Location:", or what stands above "… people posted about this place"."""
    labelled = (match.group(1) for text in texts if (match := _LABELLED_PLACE.match(text)))
    tagged = (above for above, text in itertools.pairwise(texts) if _POSTED_HERE.search(text))
    return _unique(place.strip(" .") for place in (*tagged, *labelled) if len(place) <= 80)


def audio(texts: Iterable[str]) -> str | None:
    """The music under a video, from the line that apps write as "title - @artist" or "Contains: …"."""
    return next((match.group(1).rstrip(" .-…") for text in texts if (match := _AUDIO.match(text))), None)


def _unique(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in found if text))
