"""The analyzer that needs no network and no key: it reads the text and names the colours, and claims no more."""

import struct
from io import BytesIO

from PIL import Image

from app.analysis.extract import describe
from app.analysis.models import ImageFacts, ProviderAnswer
from app.analysis.ocr import OCR_MODEL, TextReader
from app.analysis.palette import dominant_colours
from app.platform.errors import PermanentFailure

PROVIDER = "local"
MODEL = f"{OCR_MODEL}+palette"
PROMPT_VERSION = "local-1"
_FORMATS = ("WEBP", "JPEG", "PNG")
# Twice the contract's longest edge, squared: enough for any rendition, and a bound on memory for what is none.
_MAX_PIXELS = 4096 * 4096
_MAX_SIDE = 2048
# What Pillow's decoders raise for damaged files.
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


class LocalAnalyzer:
    """An `Analyzer`: optical character recognition, a palette, and rules. Safe to share between threads."""

    def __init__(self, reader: TextReader | None = None) -> None:
        self._reader = reader or TextReader()

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        """Read and describe `image`; about 1.5 s on one core, and under 1 GB with two at once.

        Raises:
            PermanentFailure: `unreadable_image`, for what is not a whole WebP, JPEG or PNG image.
        """
        picture = _decoded(image)
        lines = self._reader.read(picture)
        document = describe(lines, dominant_colours(picture), picture.size, facts)
        return ProviderAnswer(document=document, provider=PROVIDER, model=MODEL, prompt_version=PROMPT_VERSION)


def _decoded(image: bytes) -> Image.Image:
    """`image` in mode RGB, over white where it is transparent, at most 2048 pixels on its longer side."""
    try:
        with Image.open(BytesIO(image), formats=_FORMATS) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise PermanentFailure("unreadable_image", "The image is larger than a rendition may be.")
            picture = _on_white(opened)
    except _UNREADABLE as exc:
        raise PermanentFailure("unreadable_image", "The image cannot be decoded.") from exc
    picture.thumbnail((_MAX_SIDE, _MAX_SIDE))
    return picture


def _on_white(opened: Image.Image) -> Image.Image:
    if not opened.has_transparency_data:
        return opened.convert("RGB")
    translucent = opened.convert("RGBA")
    white = Image.new("RGBA", translucent.size, "white")
    return Image.alpha_composite(white, translucent).convert("RGB")
