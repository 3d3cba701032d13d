"""One spelling for one thing: labels of a new analysis that the owner already has in another spelling."""

import re
from collections.abc import Mapping, Sequence

from app.analysis.models import AnalysisDocument, Labels

# Words that end in s and are no plural of what is left without it.
_NO_PLURALS = frozenset({"news", "goods", "works", "arms", "customs", "means"})


def unify(document: AnalysisDocument, labels: Labels) -> AnalysisDocument:
    """`document` with subcategories and themes in the owner's spelling, where only case, hyphens or a plural differ.

    Labels that are the same by that rule are kept once. What only means the same is left alone: that takes judgement.
    """
    # The most used spelling wins, so it comes last.
    known = {key(tag): tag for tag in reversed(labels.tags)}
    details = document.image_details
    return document.model_copy(
        update={
            "subcategories": _spelled(document.subcategories, known),
            "image_details": details.model_copy(update={"themes": _spelled(details.themes, known)}),
        }
    )


def key(label: str) -> str:
    """What two labels have in common if they differ in case, hyphens, spaces or a plain plural only."""
    words = re.split(r"[\s_‐-―-]+", label.casefold().strip())
    if len(words[-1]) > 3 and words[-1].endswith("s") and not words[-1].endswith("ss") and words[-1] not in _NO_PLURALS:
        words[-1] = words[-1][:-1]
    return " ".join(words)


def _spelled(values: Sequence[str], known: Mapping[str, str]) -> list[str]:
    unique: dict[str, str] = {}
    for value in values:
        unique.setdefault(key(value), known.get(key(value), value))
    return list(unique.values())
