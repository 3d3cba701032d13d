"""What the statements return, as hits and evidence; and how the matched words in a hit's texts are marked."""

from typing import Any

from app.search.models import MARK_END, MARK_START, Evidence, Hit, SearchType


def hit(row: dict[str, Any], search_type: SearchType) -> Hit:
    return Hit(
        item_id=row["item_id"],
        score=_score(row, search_type),
        bm25=row["bm25"],
        similarity=row["similarity"],
        category=row["category"],
        headline=row["headline"],
        summary=row["summary"],
        metadata={
            "original_filename": row["original_filename"],
            "mime_type": row["mime_type"],
            "width": row["width"],
            "height": row["height"],
            "tags": row["tags"],
            "favorite": row["favorite"],
            "taken_at": row["taken_at"],
            "created_at": row["created_at"],
        },
        matched_terms=row["matched_terms"],
        highlights=[marked(text) for text in row["highlights"]],
        near_duplicate=bool(row.get("near_duplicate")),
        rendition_generation=row["rendition_generation"],
    )


def evidence(rows: list[dict[str, Any]]) -> Evidence:
    """Every row carries it; without rows nothing was found, and there is none."""
    if not rows:
        return Evidence(known=None)
    first = rows[0]
    return Evidence(first["known"], first["compared"], first["nearest"], first["mean"], first["deviation"])


def marked(text: str) -> str:
    """A text from `ts_headline`, whose marks are characters that no text has, with the marks that front ends get."""
    for mark in (MARK_START, MARK_END):
        text = text.replace(mark, " ".join(mark))
    return text.replace(_RAW_START, MARK_START).replace(_RAW_END, MARK_END)


def _score(row: dict[str, Any], search_type: SearchType) -> float:
    """By meaning its similarity; what was found by words instead is as similar as its share of the best words says."""
    score = {SearchType.BM25: row["bm25"], SearchType.VECTOR: row["similarity"], SearchType.HYBRID: row["fused"]}
    if score[search_type] is not None:
        return float(score[search_type])
    mean, nearest = row["mean"] or 0.0, 1.0 if row["nearest"] is None else row["nearest"]
    return float(mean + row["fused"] * (nearest - mean))


# Unicode keeps these two for private use; the statement takes them out of the texts first.
_RAW_START, _RAW_END = "\ue000", "\ue001"
_HEADLINE_OPTIONS = f"StartSel={_RAW_START}, StopSel={_RAW_END}"
_WHOLE = f"{_HEADLINE_OPTIONS}, HighlightAll=true"
_PARTS = f'{_HEADLINE_OPTIONS}, MaxFragments=3, MinWords=4, MaxWords=14, FragmentDelimiter=" … "'
# What the statement that searches marks matched words with, and how.
MARKING = {"raw_marks": _RAW_START + _RAW_END, "whole": _WHOLE, "parts": _PARTS}
