"""Lines of text with their place in the picture: cleaning, reading order, paragraphs. Pure functions."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

_BIDI_CONTROLS = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0xFEFF])
_PRICE_ONLY = re.compile(
    r"^[-(]?(?:[A-Z]{3}|[¥$€£₩₹])?\s?\d{1,3}(?:[.,\s]?\d{3})*(?:[.,]\d{2})?\s?(?:[¥$€£₩₹]|[A-Z]{1,3})?\)?$"
)
PRICE_AT_END = re.compile(r"(?:[¥$€£₩₹]\s?\d[\d.,]*|\d[.,]\d{2})\s?(?:[¥$€£₩₹]|[A-Z]{1,3})?$")
_BULLET = re.compile(r"^(?:[-–—•·*●○▪✓☐□■>]|\d{1,2}[.)])\s*\S")
_LONGEST_PARAGRAPH = 1500  # characters; a book page has some 2000
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uff00-\uffef]")


@dataclass(frozen=True, slots=True)
class TextLine:
    """One piece of text, in pixels of the picture it was read from.

    `size` is the height of the letters (for vertical writing: their width); `confidence` lies in 0..1.
    """

    text: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    confidence: float = 1.0

    @property
    def middle(self) -> float:
        """The vertical centre."""
        return (self.top + self.bottom) / 2

    @property
    def centre(self) -> float:
        """The horizontal centre."""
        return (self.left + self.right) / 2

    @property
    def width(self) -> float:
        """From the left edge to the right edge."""
        return self.right - self.left


def clean_text(text: str) -> str:
    """`text` on one line, safe to store: no NUL, control or bidi-override characters; lone surrogates become U+FFFD."""
    kept = (_safe_character(character) for character in text.translate(_BIDI_CONTROLS))
    return " ".join("".join(kept).split())


def _safe_character(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cs":
        return "\ufffd"
    if category == "Cc":
        return " " if character.isspace() else ""
    return character


def letters(text: str) -> int:
    """How many letters of any script `text` has."""
    return sum(character.isalpha() for character in text)


def join_texts(first: str, second: str) -> str:
    """The two run together as their script does it: without a space between Chinese or Japanese characters."""
    if first and second and _CJK.match(first[-1]) and _CJK.match(second[0]):
        return first + second
    return f"{first} {second}".strip()


def reading_order(pieces: Iterable[TextLine]) -> list[TextLine]:
    """Top to bottom, then left to right; neighbours on one visual line become one line."""
    lines: list[TextLine] = []
    for row in _rows(pieces):
        lines.extend(_joined(row))
    return lines


def _rows(pieces: Iterable[TextLine]) -> list[list[TextLine]]:
    rows: list[list[TextLine]] = []
    for piece in sorted(pieces, key=lambda line: line.middle):
        if rows and _share_a_row(rows[-1][-1], piece):
            rows[-1].append(piece)
        else:
            rows.append([piece])
    return [sorted(row, key=lambda line: line.left) for row in rows]


def _share_a_row(first: TextLine, second: TextLine) -> bool:
    return abs(first.middle - second.middle) < 0.4 * min(first.bottom - first.top, second.bottom - second.top)


def _joined(row: Sequence[TextLine]) -> list[TextLine]:
    lines = [row[0]]
    for piece in row[1:]:
        if _belongs_to(lines[-1], piece):
            lines[-1] = merged(lines[-1], piece)
        else:
            lines.append(piece)
    return lines


def _belongs_to(line: TextLine, piece: TextLine) -> bool:
    if not 0.6 < piece.size / line.size < 1.7:
        return False
    # On a receipt the price of a thing stands at the other margin, however far that is.
    reads_as_price = bool(_PRICE_ONLY.match(piece.text) and PRICE_AT_END.search(piece.text))
    return reads_as_price or piece.left - line.right < 1.2 * line.size


def merged(first: TextLine, second: TextLine) -> TextLine:
    """Both as one, around both boxes, as sure as the less sure of them."""
    return TextLine(
        text=join_texts(first.text, second.text),
        left=min(first.left, second.left),
        top=min(first.top, second.top),
        right=max(first.right, second.right),
        bottom=max(first.bottom, second.bottom),
        size=max(first.size, second.size),
        confidence=min(first.confidence, second.confidence),
    )


def paragraphs(lines: Sequence[TextLine]) -> list[TextLine]:
    """Lines that wrap into each other, joined; one entry per paragraph, in order of their first lines."""
    open_paragraphs: list[tuple[TextLine, TextLine]] = []  # the whole so far, and its last line
    for line in lines:
        for index in range(len(open_paragraphs) - 1, max(-1, len(open_paragraphs) - 7), -1):
            whole, last = open_paragraphs[index]
            if len(whole.text) < _LONGEST_PARAGRAPH and _continues(last, line, lines):
                size = (whole.size + line.size) / 2
                open_paragraphs[index] = (replace(merged(whole, line), size=size), line)
                break
        else:
            open_paragraphs.append((line, line))
    return [whole for whole, _ in open_paragraphs]


def _continues(last: TextLine, line: TextLine, page: Iterable[TextLine]) -> bool:
    if _BULLET.match(line.text) or PRICE_AT_END.search(last.text):
        return False
    return _set_alike(last, line) and not _first_word_would_have_fit(last, line, page)


def _set_alike(last: TextLine, line: TextLine) -> bool:
    gap = line.top - last.bottom
    aligned = _flush(last, line) or abs(line.centre - last.centre) < last.size
    return aligned and 0.72 < line.size / last.size < 1.4 and -0.6 * last.size < gap < 0.45 * last.size


def _flush(first: TextLine, second: TextLine, tolerance: float = 1.5) -> bool:
    return abs(second.left - first.left) < tolerance * first.size


def _first_word_would_have_fit(last: TextLine, line: TextLine, page: Iterable[TextLine]) -> bool:
    """True when `last` ended by choice and not for want of room, so that `line` starts something new.

    The room of flush lines is that of the widest line on the page with their margin and letter size.
    """
    if _CJK.search(line.text[:1]):
        return False
    column = max(last.width, line.width)
    if _flush(last, line):
        alike = (other for other in page if _flush(last, other, 0.5) and 0.8 < other.size / last.size < 1.25)
        column = max(column, *(other.width for other in alike))
    character = line.width / max(1, len(line.text))
    first_word = line.text.split(" ", 1)[0]
    return column - last.width > character * (1.4 * len(first_word) + 2)
