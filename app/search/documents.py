"""The document that stands for an item in both arms, built here and nowhere else."""

from collections.abc import Iterable

from app.analysis.models import AnalysisDocument
from app.items.models import Item
from app.search.models import Document

# Far more than any picture says, and little enough for a tsvector (PostgreSQL: 1 MB of lexemes and positions).
_MAX_LENGTH = 100_000
# With as many characters read from it, a picture is embedded without its colours.
_WORDED = 40

# What people ask for who do not name the category. Words only: to a model they make all of a category alike.
_ALSO_CALLED = {
    "receipt": "bill, purchase",
    "recipe": "cooking, dish",
    "ticket": "admission, trip",
    "poster": "event, announcement",
    "document": "paper, letter",
    "clothing": "clothes to wear, fashion",
    "interior": "room, home, furniture",
    "food": "meal, eating",
    "place": "travel, outdoors, nature",
    "product": "shopping, something to buy",
}


def build(item: Item, analysis: AnalysisDocument) -> Document:
    """The user's own words come first and count in both arms; the analysis follows."""
    details, media = analysis.image_details, analysis.media_metadata
    category = item.category or analysis.category
    headline = _join([item.title, analysis.headline], "\n")
    labels = _join([category, *item.tags, *analysis.subcategories, *media.hashtags, *media.location_tags], " ")
    objects, themes, colors = (_join(words, ", ") for words in (details.objects, details.themes, details.colors))
    moods = _join([*details.emotions, *details.vibes], ", ")
    # Where there are words to go by, colours only make texts alike.
    seen = "" if sum(map(len, details.extracted_text)) >= _WORDED else colors
    source = [
        media.original_poster,
        *media.tagged_accounts,
        media.audio_source,
        details.likely_source,
        details.key_interest,
    ]
    return Document(
        headline=headline,
        labels=labels,
        body=_join(
            [
                item.notes,
                analysis.summary,
                *details.extracted_text,
                objects,
                themes,
                moods,
                colors,
                _join(source, " "),
                _ALSO_CALLED.get(category),
            ],
            "\n",
        ),
        essence=_join(
            [headline, labels, item.notes, analysis.summary, themes, objects, moods, seen, *_untold(analysis)], "\n"
        ),
    )


def _untold(analysis: AnalysisDocument) -> list[str]:
    """The lines on the picture that headline and summary do not quote already."""
    told = f"{analysis.headline} {analysis.summary}".lower()
    return [line for line in analysis.image_details.extracted_text if line.lower() not in told]


def _join(parts: Iterable[str | None], separator: str) -> str:
    """What is there, once each, in order, up to a length that can be indexed."""
    return separator.join(dict.fromkeys(part for part in parts if part))[:_MAX_LENGTH]
