"""From what a model says to what its reader gets: citations that hold, and no link that is not the reader's own.

Models cite as `[cite:<item id>]`. Items that no tool returned in this turn cannot be cited; the rest is numbered in the
order of first mention. The text is cleaned piece by piece as it streams in, so what was streamed is what is kept.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from app.chat.models import Citation, Cited, Event

LINK_REMOVED = "(link removed)"
_LONGEST_CONSTRUCT, _LONGEST_WORD = 600, 2000

_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_MARK = re.compile(r"\s?\[\s*cite\s*:([^\[\]]*)\]", re.IGNORECASE)
_ITEM_ID = re.compile(_UUID)
# What could be taken for one of our numbers.
_NUMBER = re.compile(r"\[(\d{1,3})\]")
_IMAGE_OR_LINK = re.compile(r"!?\[([^\[\]]*)\]\(\s*<?([^)\s>]*)>?[^)]*\)")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
# With a scheme, with www, or with a path: what programs make clickable. A bare name (`kupferhalle.example`) is a word.
_ADDRESS = re.compile(
    r"\b(?:[a-z][a-z0-9+.-]{1,20}://|www\.|(?:mailto|javascript):|data:[a-z]+/)[^\s<>\"'\]}]+"
    r"|\b(?:[a-z0-9-]{1,63}\.){1,9}[a-z]{2,24}/[^\s<>\"'\]}]*",
    re.IGNORECASE,
)
# A beginning that may go on in the next piece: an open bracket, a link before its address, a tag.
_UNFINISHED = re.compile(r"\[[^\[\]]*$|!?\[[^\[\]]*\](?:\([^)]*)?$|<[^<>]*$")
_TRAILING = ".,;:!?"


class Grounding:
    """One answer's text on its way to the reader."""

    def __init__(self, headlines: Mapping[UUID, str], own_text: Callable[[], Iterable[str]]) -> None:
        """Args:
        headlines: of the items that tools have returned in this turn; it grows while the answer is made.
        own_text: what the user wrote: links that stand there may be repeated.
        """
        self._headlines = headlines
        self._own_text = own_text
        self._pending = ""
        self._events: list[Event] = []
        self.citations: list[Citation] = []
        self.removed_citations = 0
        self.removed_links = 0

    def feed(self, text: str) -> str:
        """More of the answer; returns what of it can be shown by now."""
        self._pending += text
        cut = self._safe_end()
        ready, self._pending = self._pending[:cut], self._pending[cut:]
        return self._clean(ready)

    def close(self) -> str:
        """The rest."""
        ready, self._pending = self._pending, ""
        return self._clean(ready)

    def new_citations(self) -> list[Event]:
        """What was cited since this was last asked."""
        events, self._events = self._events, []
        return events

    def _safe_end(self) -> int:
        """Up to the last gap between words, unless something is open there. Nothing stays open for ever."""
        gap = max(self._pending.rfind(" "), self._pending.rfind("\n")) + 1
        unfinished = _UNFINISHED.search(self._pending[:gap].rstrip())
        if unfinished and len(self._pending) - unfinished.start() < _LONGEST_CONSTRUCT:
            gap = unfinished.start()
        if not gap and len(self._pending) > _LONGEST_WORD:
            return len(self._pending)
        # A mark takes the space before it along.
        return len(self._pending[:gap].rstrip())

    def _clean(self, text: str) -> str:
        text = _IMAGE_OR_LINK.sub(self._link, text)
        text = _TAG.sub(self._tag, text)
        text = _ADDRESS.sub(self._address, text)
        text = _NUMBER.sub(r"(\1)", text)
        return _MARK.sub(self._mark, text)

    def _link(self, found: re.Match[str]) -> str:
        words, address = found.groups()
        if self._is_own(address):
            return f"{words} {address}".strip()
        self.removed_links += 1
        return words or LINK_REMOVED

    def _tag(self, _: re.Match[str]) -> str:
        self.removed_links += 1
        return ""

    def _address(self, found: re.Match[str]) -> str:
        address = found[0].rstrip(_TRAILING)
        while address.endswith(")") and address.count(")") > address.count("("):
            address = address[:-1].rstrip(_TRAILING)
        if self._is_own(address):
            return found[0]
        self.removed_links += 1
        return LINK_REMOVED + found[0][len(address) :]

    def _is_own(self, address: str) -> bool:
        """Letter by letter, and to its end: one that only begins like the user's may carry anything behind it."""
        whole = re.compile(rf"(?<![^\s<(\[\"']){re.escape(address)}(?![^\s>)\]\"'{re.escape(_TRAILING)}])")
        return bool(address) and any(whole.search(text) for text in self._own_text())

    def _mark(self, found: re.Match[str]) -> str:
        named = _ITEM_ID.findall(found[1])
        numbers = [number for name in named if (number := self._number(UUID(name)))]
        self.removed_citations += max(1, len(named)) - len(numbers)
        gap = found[0][: len(found[0]) - len(found[0].lstrip())] if numbers else ""
        return gap + "".join(f"[{number}]" for number in dict.fromkeys(numbers))

    def _number(self, item_id: UUID) -> int | None:
        headline = self._headlines.get(item_id)
        if headline is None:
            return None
        known = [citation.item_id for citation in self.citations]
        if item_id not in known:
            citation = Citation(item_id, headline)
            self.citations.append(citation)
            self._events.append(Cited(len(self.citations), citation))
            return len(self.citations)
        return known.index(item_id) + 1


def mark(item_id: UUID) -> str:
    """How a model cites an item."""
    return f"[cite:{item_id}]"
