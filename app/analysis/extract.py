"""From the lines on a picture to what is said of it: category, headline, summary, tags. Pure functions, no I/O.

Nothing is said that the lines, the colours, the file's name or its facts do not show: the text is quoted, not
understood, and nothing in it is ever an instruction.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log

from app.analysis import glossary, mentions, vocabulary
from app.analysis.models import HEADLINE_MAX_LENGTH, AnalysisDocument, ImageDetails, ImageFacts, MediaMetadata
from app.analysis.screen import Frame, frame_of, is_app_talk, poster_of, program_of, without_chrome
from app.analysis.text_lines import PRICE_AT_END, TextLine, clean_text, letters, paragraphs
from app.analysis.vocabulary import DOCUMENT, POSTER, RECEIPT, RECIPE, SUBJECTS, TICKET, Kind, Subject, Words

# With fewer letters than this a picture is described; its text is only quoted.
TEXT_POOR_LETTERS = 10
_QUOTE_LENGTH = 220
_LONGEST_NAME = 200
_WRITING_LETTERS = 60  # with as many on it, a photo is a photo of something written
_CAMERA_NAME = re.compile(
    r"^(?:img|image|dsc|dscn|dscf|pxl|mvimg|dji|gopr|vid|pano|photo|pic|picture|foto|bild|file|wa|scan|scanned|document|"
    r"screenshot|screen|shot|bildschirmfoto|capture|screencast|simulator|iphone|pixel|download|untitled|unnamed|"
    r"copy|edited|final|large|small|medium|original|full|export|upload|at|am|pm|jpg|jpeg|png|heic|heif|webp|of|the|and)$"
)
_CUT_SHORT = re.compile(r"\s*(?:[.,]{2,}|…)\s*(?:more|mehr)?$")
_HASHTAGS = re.compile(r"\s*[#＃][^#＃\s]+")
_SMALL_PRINT = re.compile(
    r"\bthis place\b|^(?:\S\s)?(?:capcut|effect|search|apple music|view all)\b|^#|^https?:", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reading:
    """All that is known of one picture before anything is said about it.

    `lines` is the content in reading order, `blocks` the same as paragraphs; chrome is in neither.
    """

    facts: ImageFacts
    frame: Frame
    program: str | None
    poster: str | None
    lines: tuple[TextLine, ...]
    blocks: tuple[TextLine, ...]
    colours: tuple[str, ...]
    name_words: tuple[str, ...]
    audio: str | None = None
    places: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The paragraphs' texts."""
        return [block.text for block in self.blocks]

    @property
    def is_text_poor(self) -> bool:
        """Too little text for a headline made of it."""
        return sum(letters(block.text) for block in self.blocks) < TEXT_POOR_LETTERS


def describe(
    lines: Sequence[TextLine],
    colours: Sequence[str],
    size: tuple[int, int],
    facts: ImageFacts,
    *,
    seen: Sequence[str] = (),
) -> AnalysisDocument:
    """The document for a picture of `size` (width, height; what `lines` refer to) in reading order.

    Args:
        seen: what its light shows (`app.analysis.sights`).
    """
    reading = replace(read(lines, colours, size, facts), seen=tuple(seen))
    words = Words([*reading.texts, *reading.name_words, *reading.seen])
    category = category_of(reading, words)
    headline = headline_of(reading, category)
    subjects = subjects_of(words, Words([headline, *reading.name_words]))
    return AnalysisDocument(
        category=category,
        subcategories=[subject.name for subject in subjects[:3]],
        headline=headline,
        summary=summary_of(reading, headline),
        media_metadata=MediaMetadata(
            original_poster=reading.poster,
            tagged_accounts=mentions.handles(reading.texts),
            location_tags=list(reading.places),
            audio_source=reading.audio,
            hashtags=mentions.hashtags(reading.texts),
        ),
        image_details=_details(reading, category, subjects),
    )


def _details(reading: Reading, category: str, subjects: Sequence[Subject]) -> ImageDetails:
    prominent = [] if reading.is_text_poor else [_shortened(block.text, 100) for block in prominent_blocks(reading)]
    return ImageDetails(
        extracted_text=[line.text for line in reading.lines],
        objects=[*Words(reading.name_words).found(vocabulary.OBJECTS), *reading.seen],
        themes=list(dict.fromkeys(subject.theme for subject in subjects))[:5],
        likely_source=source_of(reading, category),
        key_interest=prominent[0] if prominent else None,
        visual_hierarchy=prominent[:5],
        colors=list(reading.colours),
    )


def read(lines: Sequence[TextLine], colours: Sequence[str], size: tuple[int, int], facts: ImageFacts) -> Reading:
    """Sort out what is content, what is chrome, and which program the chrome belongs to."""
    frame = frame_of(lines, *size, facts.filename)
    program = program_of(lines, frame)
    content = without_chrome(lines, frame)
    audio = mentions.audio(line.text for line in content) if frame.is_screen else None
    told = [line for line in content if not (audio is not None and audio in line.text)]
    told = [line for line in told if not (frame.is_screen and is_app_talk(line))]
    return Reading(
        facts=facts,
        frame=frame,
        program=program,
        poster=poster_of(content, frame, program),
        lines=tuple(told),
        blocks=tuple(paragraphs(told)),
        colours=tuple(colours),
        name_words=tuple(filename_words(facts.filename)),
        audio=audio,
        places=tuple(mentions.places([line.text for line in content])),
    )


def filename_words(filename: str) -> list[str]:
    """The words a person gave the file; none for what cameras and screenshot tools call theirs."""
    stem = re.sub(r"\.\w{2,5}$", "", clean_text(filename).rsplit("/", 1)[-1][-_LONGEST_NAME:])
    if re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{16,}", stem, re.IGNORECASE):
        return []
    spaced = re.sub(r"(?<=[a-zäöü])(?=[A-ZÄÖÜ])", " ", stem)
    words = [word.lower() for word in re.split(r"[\W\d_]+", spaced)]
    return [word for word in words if len(word) > 2 and not _CAMERA_NAME.match(word)]


# --- category, subjects, source


def category_of(reading: Reading, words: Words) -> str:
    """One of `CATEGORIES`: by a form (receipt, recipe, ticket), then by what it is about, then by how it looks."""
    prices = sum(PRICE_AT_END.search(line.text) is not None for line in reading.lines)
    forms = [kind for kind in (RECIPE, TICKET) if _is_kind(kind, words, reading.name_words)]
    if (prices >= 2 and _is_kind(RECEIPT, words, ())) or _is_named(RECEIPT, reading.name_words):
        forms.append(RECEIPT)
    if forms:
        return max(forms, key=lambda kind: words.count(kind.words)).category
    if not reading.frame.is_screen and _is_poster(reading, words):
        return "poster"
    return _subject_category(reading, words) or _look(reading, words)


def _is_kind(kind: Kind, words: Words, name_words: Sequence[str]) -> bool:
    count, telling = words.count(kind.words), words.count(kind.telling)
    return _is_named(kind, name_words) or (count >= kind.needed and telling >= 1) or count >= kind.needed + 2


def _is_named(kind: Kind, name_words: Sequence[str]) -> bool:
    return kind.category in name_words


def _is_poster(reading: Reading, words: Words) -> bool:
    """A poster announces: few lines, at least one of them large, and a day or an hour."""
    if "poster" in reading.name_words or "flyer" in reading.name_words:
        return True
    when = mentions.dates(reading.texts) or mentions.times(reading.texts)
    large = any(block.size > 0.04 * reading.frame.height for block in reading.blocks)
    return bool(when) and large and len(reading.lines) <= 25 and _is_kind(POSTER, words, ())


def _subject_category(reading: Reading, words: Words) -> str | None:
    """The category whose subjects have the most evidence, if that is enough.

    A word in the file's name was put there to say what the picture is, and counts three times.
    """
    named = Words([" ".join(reading.name_words)])
    scores: dict[str, int] = {}
    for subject in SUBJECTS:
        if subject.category is not None:
            evidence = words.count(subject.words) + 2 * named.count(subject.words)
            scores[subject.category] = scores.get(subject.category, 0) + evidence
    best = max(scores, key=lambda category: scores[category])
    return best if scores[best] >= (3 if reading.lines else 1) else None


def _look(reading: Reading, words: Words) -> str:
    if reading.frame.is_screen:
        return "screenshot"
    letters_read = sum(letters(line.text) for line in reading.lines)
    if letters_read >= _WRITING_LETTERS or _is_kind(DOCUMENT, words, reading.name_words):
        return "document"
    return "photo"


def subjects_of(words: Words, title: Words) -> list[Subject]:
    """The subjects with at least two words of evidence, most first; a word of the title (or file name) is enough."""
    counted = [(words.count(subject.words) + title.count(subject.words), subject) for subject in SUBJECTS]
    return [subject for count, subject in sorted(counted, key=lambda pair: -pair[0]) if count >= 2]


def source_of(reading: Reading, category: str) -> str | None:
    """Where the picture comes from, as far as it shows; None where nothing tells."""
    if reading.program is not None:
        return reading.program
    if reading.frame.is_screen:
        return "phone screenshot" if reading.frame.height > reading.frame.width else "computer screenshot"
    if category == "receipt":
        return "scan/receipt"
    camera = re.match(r"(?i)(img|dsc|dscn|dscf|pxl|mvimg|dji|gopr|p)[_-]?\d{3}", reading.facts.filename)
    if camera or reading.facts.taken_at is not None:
        return "camera photo"
    return "scan" if category == "document" else None


# --- headline


def headline_of(reading: Reading, category: str) -> str:
    """At most 140 characters: the most prominent text, or for a picture without text what it looks like."""
    if reading.is_text_poor:
        return _shortened(_described(reading), HEADLINE_MAX_LENGTH)
    titles = _receipt_titles(reading) if category == "receipt" else _titles(reading)
    headline = _shortened(titles[0], HEADLINE_MAX_LENGTH)
    for title in titles[1:]:
        longer = f"{headline} · {_shortened(title, 90)}"
        if len(longer) <= HEADLINE_MAX_LENGTH and title.lower() not in headline.lower():
            headline = longer
    return headline


def _titles(reading: Reading) -> list[str]:
    """Up to three: the second always where the first is short, else those that are nearly as prominent."""
    first, *others = prominent_blocks(reading)[:3]
    least = _prominence(first, reading) / 4
    titles = [_as_title(first.text, reading)]
    for block in others:
        if _prominence(block, reading) >= least or len(titles[0]) + 30 * len(titles) < 60:
            titles.append(_as_title(block.text, reading))
    return titles


def _receipt_titles(reading: Reading) -> list[str]:
    texts = [line.text for line in reading.lines]
    total = mentions.total(texts)
    return [_titles(reading)[0], f"receipt, total {total}" if total else "receipt", *mentions.dates(texts)[:1]]


def _as_title(text: str, reading: Reading) -> str:
    """`text` without bullet, hashtags and the poster's name above it, unless that is all there is."""
    title = _HASHTAGS.sub("", _CUT_SHORT.sub("…", _without_poster(text, reading)))
    return re.sub(r"^[-–—•·*□☐]\s*", "", title).strip(" ,;:-") or text


def _without_poster(text: str, reading: Reading) -> str:
    return re.sub(r"^\s*Photo\b", "", text.removeprefix(reading.poster or "")).strip()


def prominent_blocks(reading: Reading) -> list[TextLine]:
    """Paragraphs fit for a headline, most prominent first; about equally prominent ones in reading order."""
    worded = [block for block in reading.blocks if letters(block.text) >= 3]
    return sorted(worded or reading.blocks, key=lambda block: -round(log(_prominence(block, reading), 1.3)))


def _prominence(block: TextLine, reading: Reading) -> float:
    """Letter size squared times the square root of the length, up to a title's; what is no title counts less."""
    # On paper the title is at the top, and the large writing at the bottom a signature.
    weight = 1.0 if reading.frame.is_screen else 1 - 0.6 * min(1.0, max(0.0, block.top / reading.frame.height))
    if len(block.text) > 100 or _CUT_SHORT.search(block.text):
        weight *= 0.6
    if letters(_without_poster(block.text, reading)) < 3 or re.fullmatch(r"@?[a-z0-9_.]+", block.text):
        weight *= 0.4
    if _SMALL_PRINT.search(block.text):
        weight *= 0.2
    return float(weight * max(block.confidence, 0.01) * block.size**2 * min(letters(block.text) + 1, 30) ** 0.5)


def _described(reading: Reading) -> str:
    name = " ".join(reading.name_words)
    look = f"{_form(reading)} in {_listed(reading.colours[:3])}" if reading.colours else _form(reading)
    quoted = " ".join(line.text for line in reading.lines if letters(line.text) >= 2)
    parts = [f"{name.capitalize()}: {look}" if name else look.capitalize(), *reading.seen]
    if quoted:
        parts.append(f"with the text “{quoted}”")
    if reading.facts.taken_at is not None:
        parts.append(f"taken on {_day(reading.facts)}")
    return ", ".join(parts)


def _form(reading: Reading) -> str:
    width, height = reading.frame.width, reading.frame.height
    # Not "landscape" and "portrait": whoever searches for these means what is in the picture.
    shape = "upright" if height > width else "wide"
    if abs(width - height) <= 0.03 * max(width, height):
        shape = "square"
    if reading.frame.is_screen:
        return f"{shape} screenshot"
    return f"{shape} photo" if source_of(reading, "photo") else f"{shape} picture"


# --- summary


def summary_of(reading: Reading, headline: str) -> str:
    """One to three sentences: what the text says beyond the headline, what it mentions; else what the picture is.

    Where there is something to tell, size and colours are left out: the same words in every summary make all pictures
    alike to an embedding (golden set from pixels, vector NDCG@10: .72 with them, .76 without).
    """
    sentences = [_quoted(text) for text in _informative(reading, headline)[:2]]
    sentences.append(_mentioned(reading))
    return " ".join(sentence for sentence in sentences if sentence) or _picture(reading)


def _informative(reading: Reading, headline: str) -> list[str]:
    """The paragraphs that say most and are not in the headline, in reading order."""
    shortened = {block: _CUT_SHORT.sub("…", block.text) for block in reading.blocks}
    fresh = [block for block, text in shortened.items() if text.rstrip("…").lower() not in headline.lower()]
    told = [block for block in fresh if letters(block.text) >= 12 and not _is_small_print(block.text, reading)]
    best = sorted(told, key=lambda block: -min(letters(block.text), _QUOTE_LENGTH))[:2]
    return [shortened[block] for block in reading.blocks if block in best]


def _is_small_print(text: str, reading: Reading) -> bool:
    return _SMALL_PRINT.search(text) is not None or (reading.poster is not None and text.startswith(reading.poster))


def _quoted(text: str) -> str:
    short = _shortened(text, _QUOTE_LENGTH).strip(" ,;:-")
    return short if short[-1] in ".!?…。！？" else f"{short}."


def _mentioned(reading: Reading) -> str:
    """Amounts, dates, places, links and who posted: one sentence, or nothing."""
    texts = [line.text for line in reading.lines]
    facts = (
        ("", [f"posted by {reading.poster}"] if reading.poster else []),
        ("place: ", reading.places),
        ("amounts: ", mentions.amounts(texts)),
        ("dates: ", mentions.dates(texts)),
        ("links: ", mentions.urls(texts)),
        ("in English: ", glossary.in_english(reading.texts)),
    )
    said = "; ".join(f"{label}{', '.join(found[:4])}" for label, found in facts if found)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def _picture(reading: Reading) -> str:
    facts = reading.facts
    source = f" from {reading.program}" if reading.program not in (None, "chat", "map", "web page", "email") else ""
    parts = [f"{_form(reading).capitalize()}{source}, {facts.width} × {facts.height} pixels"]
    if reading.colours:
        parts.append(f"mostly {_listed(reading.colours[:3])}")
    if reading.facts.taken_at is not None:
        parts.append(f"taken on {_day(facts)}")
    named = f"; named “{' '.join(reading.name_words)}”" if reading.name_words else ""
    return f"{', '.join(parts)}{named}."


def _day(facts: ImageFacts) -> str:
    return "" if facts.taken_at is None else f"{facts.taken_at.day} {facts.taken_at:%B %Y}"


def _listed(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def _shortened(text: str, length: int) -> str:
    """`text` in at most `length` characters, cut between words."""
    text = _CUT_SHORT.sub("…", text)
    if len(text) <= length:
        return text
    cut = text[: length - 1]
    return f"{cut.rsplit(' ', 1)[0].rstrip(' ,;:-') if ' ' in cut[length // 2 :] else cut}…"
