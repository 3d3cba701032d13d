"""A perceptual hash: 64 bits that stay the same when a picture is encoded anew, resized or lightly retouched."""

import math
from operator import mul

from PIL import Image
from PIL.Image import Image as PillowImage

_SIDE = 32
# Frequencies 1 to 8: the mean brightness (0) says nothing of what is in the picture.
_WAVES = [[math.cos(math.pi * k * (2 * n + 1) / (2 * _SIDE)) for n in range(_SIDE)] for k in range(1, 9)]


def perceptual_hash(image: PillowImage) -> int:
    """64 bits, as PostgreSQL's signed bigint; compare two by how many bits differ.

    Greys of 32 × 32, their discrete cosine transform, its 8 × 8 lowest frequencies: one bit each, set above the median
    (Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010; pHash.org's
    `ph_dct_imagehash`). imagehash computes the same with SciPy, which weighs four times as much as this whole bundle.
    """
    greys = _on_white(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).tobytes()
    rows = [[sum(map(mul, wave, greys[y : y + _SIDE])) for y in range(0, _SIDE**2, _SIDE)] for wave in _WAVES]
    frequencies = [sum(map(mul, wave, row)) for wave in _WAVES for row in rows]
    ordered = sorted(frequencies)
    median = (ordered[31] + ordered[32]) / 2
    bits = sum(1 << place for place, value in enumerate(frequencies) if value > median)
    return bits - (1 << 64) if bits >> 63 else bits


def _on_white(image: PillowImage) -> PillowImage:
    if image.mode != "RGBA":
        return image
    page = Image.new("RGB", image.size, "white")
    page.paste(image, mask=image.getchannel("A"))
    return page
