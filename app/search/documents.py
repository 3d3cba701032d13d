"""The document that stands for an item in both arms, built here and nowhere else."""

from collections.abc import Iterable

from app.analysis.models import AnalysisDocument
from app.items.models import Item
from app.search.models import Document


def build(item: Item, analysis: AnalysisDocument) -> Document:
    """The user's own words come first and count in both arms; the analysis follows."""
    details, media = analysis.image_details, analysis.media_metadata
    category = item.category or analysis.category
    return Document(
        headline=_join([item.title, analysis.headline], "\n"),
        labels=_join([category, *item.tags, *analysis.subcategories, *media.hashtags, *media.location_tags], " "),
        body=_join(
            [
                item.notes,
                analysis.summary,
                *details.extracted_text,
                _join(details.objects, ", "),
                _join(details.themes, ", "),
                _join([*details.emotions, *details.vibes], ", "),
                _join(details.colors, ", "),
                _join(
                    [media.original_poster, *media.tagged_accounts, details.likely_source, details.key_interest], " "
                ),
            ],
            "\n",
        ),
    )


def _join(parts: Iterable[str | None], separator: str) -> str:
    """What is there, once each, in order."""
    return separator.join(dict.fromkeys(part for part in parts if part))
