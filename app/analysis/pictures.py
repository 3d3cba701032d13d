"""What a vision model is shown of an image: no more pixels than it looks at, and no fewer than its text needs.

Claude looks at patches of 28 × 28 pixels and pays a token for each; up to 1568 pixels on the long edge every model
takes an image as it is, and what is larger the models before the high-resolution ones scale down themselves (Anthropic,
"Vision", image size). 1568 is also enough to read by: a phone's screenshot (1170 × 2532) comes to 725 × 1568, where its
body text is 31 pixels high, at 26 × 56 = 1456 tokens; a photo of 4:3 to 2352. The 2048 of the display rendition would
cost 1.7 times as much. OpenAI's models look at patches of 32 × 32, at 1.2 tokens each, and take up to 2048 pixels and
2500 patches as they are (OpenAI, "Images and vision", model sizing, `detail: high`): 49 × 49 = 2401 is our most, so
what Claude reads they read, and neither scales a picture of ours down.

An image whose long edge is more than 2.5 times the short one (a scrolled page, a panorama, a till receipt) would lose
its text that way: it keeps the rendition's resolution and is shown in up to four overlapping pieces, in order.

In bytes the least of the vendors' limits holds for all: 3.75 MB an image (Amazon Bedrock, "Anthropic Claude Messages
API"). Photographs and screenshots stay far below it; noise does not, and is compressed more.
"""

import struct
from dataclasses import dataclass
from io import BytesIO
from math import ceil

from PIL import Image

from app.platform.errors import PermanentFailure

LONG_EDGE = 1568
TALL = 2.5
MAX_PIECES = 4
# Of a piece's length, shown again in the next one: a line of text that is cut in one is whole in the other.
OVERLAP = 0.08

_FORMATS = ("WEBP", "JPEG", "PNG")
# Twice the contract's longest edge, squared: enough for any rendition, and a bound on memory for what is none.
_MAX_PIXELS = 4096 * 4096
MAX_BYTES = 3_750_000
# The first that fits. 88 is for text; the worst noise there is fits at the last.
_QUALITIES = (88, 60, 40)
# What Pillow's decoders raise for damaged files.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image to send."""

    data: bytes
    media_type: str


def decoded(image: bytes) -> Image.Image:
    """`image` (WebP, JPEG or PNG) in mode RGB, over white where it is transparent.

    Raises:
        PermanentFailure: `unreadable_image`.
    """
    try:
        with Image.open(BytesIO(image), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise PermanentFailure("unreadable_image", "The image is larger than a rendition may be.")
            return _on_white(opened)
    except _UNREADABLE as exc:
        raise PermanentFailure("unreadable_image", "The image cannot be decoded.") from exc


def pictures_of(image: bytes) -> list[Picture]:
    """What to show of a rendition: one JPEG, or the pieces of a tall or wide one from top to bottom or left to right.

    Raises:
        PermanentFailure: `unreadable_image`.
    """
    whole = decoded(image)
    if max(whole.size) > TALL * min(whole.size) and max(whole.size) > LONG_EDGE:
        return [_encoded(whole.crop(box)) for box in _pieces(*whole.size)]
    whole.thumbnail((LONG_EDGE, LONG_EDGE), Image.Resampling.LANCZOS, reducing_gap=None)
    return [_encoded(whole)]


def _pieces(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Boxes along the long edge, equally long, the least number of them that fit into LONG_EDGE (or MAX_PIECES)."""
    length = max(width, height)
    count = min(MAX_PIECES, ceil((length - OVERLAP * LONG_EDGE) / ((1 - OVERLAP) * LONG_EDGE)))
    piece = ceil(length / (count - (count - 1) * OVERLAP))
    starts = [round(number * (length - piece) / (count - 1)) for number in range(count)]
    if height >= width:
        return [(0, start, width, start + piece) for start in starts]
    return [(start, 0, start + piece, height) for start in starts]


def _encoded(picture: Image.Image) -> Picture:
    picture.thumbnail((LONG_EDGE, LONG_EDGE), Image.Resampling.LANCZOS, reducing_gap=None)
    data = b""
    for quality in _QUALITIES:
        out = BytesIO()
        # Chroma at full resolution: coloured text on colour is what subsampling blurs first.
        picture.save(out, "JPEG", quality=quality, subsampling=0)
        data = out.getvalue()
        if len(data) <= MAX_BYTES:
            break
    return Picture(data, "image/jpeg")


def _on_white(opened: Image.Image) -> Image.Image:
    if not opened.has_transparency_data:
        return opened.convert("RGB")
    translucent = opened.convert("RGBA")
    white = Image.new("RGBA", translucent.size, "white")
    return Image.alpha_composite(white, translucent).convert("RGB")
