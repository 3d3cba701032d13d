"""The dominant colours of a picture, by name."""

import math
from collections import Counter
from functools import cache

from PIL import Image

MAX_COLOURS = 5
# Less of the picture than this is an accent and not a colour of the picture.
SLIVER = 0.06
_MIDDLE_AGAIN = 2
_VIVID_CHROMA = 25
_SAMPLE_SIDE = 96
_CLUSTERS = 24

# Twenty names people search by, each at one or more sRGB points where most people use the word: the XKCD colour survey
# (Munroe, "Color Survey Results", 2010) and the CSS named colours, moved where phone pictures were named badly.
COLOUR_NAMES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "black": ((0, 0, 0), (24, 24, 26)),
    "dark grey": ((70, 70, 72),),
    "grey": ((128, 128, 128),),
    "light grey": ((200, 200, 202),),
    "white": ((255, 255, 255), (242, 242, 240)),
    "red": ((229, 20, 20), (170, 20, 30)),
    "orange": ((249, 125, 20),),
    "brown": ((101, 55, 20), (140, 90, 55), (62, 40, 28)),
    "beige": ((222, 200, 165), (240, 225, 195)),
    "golden yellow": ((205, 160, 40),),
    "yellow": ((255, 235, 40), (250, 240, 130)),
    "olive green": ((110, 115, 40),),
    "green": ((30, 150, 45), (20, 90, 35), (120, 190, 90)),
    "mint green": ((165, 230, 200),),
    "teal": ((2, 140, 135),),
    "light blue": ((150, 205, 245),),
    "blue": ((20, 70, 220), (65, 125, 190)),
    "navy blue": ((0, 0, 128), (12, 25, 75), (30, 45, 70)),
    "purple": ((125, 35, 155), (165, 125, 205)),
    "pink": ((255, 130, 190), (245, 195, 210), (225, 60, 140)),
}

# The D65 white point of the 2° observer (CIE 15:2004), Y scaled to 1.
_WHITE = (0.95047, 1.0, 1.08883)

Lab = tuple[float, float, float]


def dominant_colours(image: Image.Image) -> list[str]:
    """Up to five of `COLOUR_NAMES`, most noticeable first; at least one.

    What is noticed: area, the middle twice, and vivid colours more. By area alone a red dress is a grey wall.
    """
    sample = image.convert("RGB")
    sample.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE), Image.Resampling.BOX)
    clusters = sample.quantize(_CLUSTERS, method=Image.Quantize.MEDIANCUT, kmeans=1).convert("RGB")
    weights: Counter[str] = Counter()
    for part, times in ((clusters, 1), (_middle(clusters), _MIDDLE_AGAIN)):
        for count, colour in part.getcolors(maxcolors=256) or []:
            if isinstance(colour, tuple):
                rgb = (colour[0], colour[1], colour[2])
                weights[colour_name(rgb)] += round(1000 * count * times * _vividness(rgb))
    ranked = weights.most_common(MAX_COLOURS)
    return [name for name, weight in ranked if weight >= SLIVER * weights.total()] or [ranked[0][0]]


def _middle(image: Image.Image) -> Image.Image:
    """Half of it each way."""
    width, height = image.size
    return image.crop((width // 4, height // 4, max(1, width - width // 4), max(1, height - height // 4)))


def _vividness(rgb: tuple[int, int, int]) -> float:
    """From 1 for greys to about 5 for the purest colours: grows with CIELAB chroma."""
    _, a, b = to_lab(rgb)
    return 1 + math.hypot(a, b) / _VIVID_CHROMA


def colour_name(rgb: tuple[int, int, int]) -> str:
    """The nearest of `COLOUR_NAMES` to an sRGB colour (0..255 each), by CIE76: Euclidean distance in CIELAB."""
    lab = to_lab(rgb)
    return min(_named_points(), key=lambda point: sum((a - b) ** 2 for a, b in zip(lab, point[1], strict=True)))[0]


@cache
def _named_points() -> tuple[tuple[str, Lab], ...]:
    return tuple((name, to_lab(point)) for name, points in COLOUR_NAMES.items() for point in points)


def to_lab(rgb: tuple[int, int, int]) -> Lab:
    """sRGB (0..255 each) as CIELAB: L in 0..100, a and b around 0.

    sRGB to linear light and XYZ by IEC 61966-2-1; XYZ to L*a*b* by CIE 15:2004, section 8.2.1, under D65.
    """
    red, green, blue = (_linear(channel / 255) for channel in rgb)
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    fx, fy, fz = (_lab_response(value / white) for value, white in zip((x, y, z), _WHITE, strict=True))
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _lab_response(ratio: float) -> float:
    return float(ratio ** (1 / 3)) if ratio > (6 / 29) ** 3 else ratio / (3 * (6 / 29) ** 2) + 4 / 29
