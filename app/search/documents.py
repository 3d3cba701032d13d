"""The document that stands for an item in both arms, built here and nowhere else."""

from collections.abc import Iterable

from app.analysis.models import AnalysisDocument
from app.items.models import Item
from app.search.models import Document

# Far more than any picture says, and little enough for a tsvector (PostgreSQL: 1 MB of lexemes and positions).
_MAX_LENGTH = 100_000


def build(item: Item, analysis: AnalysisDocument) -> Document:
    """The user's own words come first and count in both arms; the analysis follows."""
    details, media = analysis.image_details, analysis.media_metadata
    category = item.category or analysis.category
    headline = _join([item.title, analysis.headline], "\n")
    labels = _join([category, *item.tags, *analysis.subcategories, *media.hashtags, *media.location_tags], " ")
    objects, themes, colors = (_join(words, ", ") for words in (details.objects, details.themes, details.colors))
    moods = _join([*details.emotions, *details.vibes], ", ")
    source = [media.original_poster, *media.tagged_accounts, details.likely_source, details.key_interest]
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
            ],
            "\n",
        ),
        essence=_join(
            [headline, labels, item.notes, analysis.summary, themes, objects, moods, colors, *_untold(analysis)], "\n"
        ),
    )


def _untold(analysis: AnalysisDocument) -> list[str]:
    """The lines on the picture that headline and summary do not quote already."""
    told = f"{analysis.headline} {analysis.summary}".lower()
    return [line for line in analysis.image_details.extracted_text if line.lower() not in told]


def _join(parts: Iterable[str | None], separator: str) -> str:
    """What is there, once each, in order, up to a length that can be indexed."""
    return separator.join(dict.fromkeys(part for part in parts if part))[:_MAX_LENGTH]
