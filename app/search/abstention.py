"""Whether anything the tenant owns answers a query: two kinds of evidence, added up. docs/search.md has the rates.

    support = known + z_weight · z        abstain when support < threshold

`known` is the share of the query's idf mass whose words some item holds: a collection that lacks the query's telling
words has them nowhere. `z` says how far the nearest item stands out from all others, in standard deviations of this
query's cosines with them, less what the nearest of so many unrelated items reaches by chance: √(2 ln n), the expected
maximum of n normal variables (Cramér, "Mathematical Methods of Statistics", 28.6). Neither needs to be high where the
other is.

Few items tell little about what is normal: the model's general background counts as a few more of them.

A picture without words is the exception: what is in it nobody wrote down, so that a word is missing says nothing. If
the query names colours and such a picture has them all, it may be the one.
"""

import math
import re
from collections.abc import Sequence

from app.platform.settings import SearchSettings
from app.search.models import Evidence, Hit

_COLOURS = frozenset(
    {
        "black", "grey", "gray", "white", "red", "orange", "brown", "beige", "gold", "golden", "yellow", "olive",
        "green", "mint", "teal", "blue", "navy", "purple", "pink",
    }
)  # fmt: skip
# The category of what is a picture and nothing more.
_PICTURE = "photo"
# How far down such a picture is looked for.
_LOOKED_AT = 3


def is_unanswered(evidence: Evidence, settings: SearchSettings) -> bool:
    """Whether to say that there is nothing. By words alone, `known` has a threshold of its own."""
    known = evidence.known or 0.0
    z = standing_out(evidence, settings)
    if z is None:
        return known < settings.abstain_known_below
    return known + settings.abstain_z_weight * z < settings.abstain_below


def may_be_seen(query: str, hits: Sequence[Hit]) -> bool:
    """Whether one of the first hits is a mere picture that has every colour the query names, and it names one."""
    colours = _COLOURS.intersection(re.findall(r"\w+", query.lower()))
    return bool(colours) and any(
        hit.category == _PICTURE and colours.issubset(hit.matched_terms) for hit in hits[:_LOOKED_AT]
    )


def standing_out(evidence: Evidence, settings: SearchSettings) -> float | None:
    """Standard deviations by which the nearest item is nearer than chance has it; None: no vectors were compared."""
    if not evidence.compared or evidence.nearest is None or evidence.mean is None:
        return None
    n, prior = evidence.compared, settings.background_items
    # The others: sums without the nearest, and with the background's.
    total = n * evidence.mean - evidence.nearest + prior * settings.background_mean
    squares = (
        n * ((evidence.deviation or 0.0) ** 2 + evidence.mean**2)
        - evidence.nearest**2
        + prior * (settings.background_deviation**2 + settings.background_mean**2)
    )
    others = n - 1 + prior
    mean = total / others
    deviation = math.sqrt(max(squares / others - mean**2, 1e-9))
    return (evidence.nearest - mean) / deviation - math.sqrt(2 * math.log(n + prior))
