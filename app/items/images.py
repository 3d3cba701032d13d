"""From an original to its renditions. Everything an attacker controls passes here: limits come before decoding."""

import io
import struct
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime

from pi_heif import register_heif_opener
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.Image import Image as PillowImage

from app.platform.errors import PermanentFailure
from app.platform.settings import ImageSettings

# By content, never by name or header; Pillow tries only these parsers.
FORMATS = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}

register_heif_opener()

_WEBP_QUALITY = {"display": 82, "thumbnail": 78}
_SRGB = ImageCms.createProfile("sRGB")


@dataclass(frozen=True, slots=True)
class Renditions:
    """What an original looks like, without anything else that was in the file."""

    mime_type: str
    width: int
    height: int
    taken_at: datetime | None
    display: bytes
    thumbnail: bytes


def render(original: bytes, limits: ImageSettings) -> Renditions:
    """Make both renditions from one decode.

    Args:
        original: the file, whatever it turns out to be.

    Returns:
        WebP renditions without metadata, long edges at most `limits.display_long_edge` and
        `limits.thumbnail_long_edge`; width and height of the original as displayed (orientation applied).

    Raises:
        PermanentFailure: not an image, broken, or over a limit; the code says which.
    """
    if not original:
        raise PermanentFailure("empty_file", "The file is empty.")
    if len(original) > limits.image_max_bytes:
        raise PermanentFailure("file_too_large", f"The file is larger than {limits.image_max_bytes >> 20} MiB.")
    image = _open(original)
    _check_size(image, limits)
    try:
        return _render(image, limits)
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as exc:
        raise PermanentFailure("broken_image", "The image is damaged or incomplete and cannot be read.") from exc


def _open(original: bytes) -> PillowImage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is lower and comes next
        try:
            return Image.open(io.BytesIO(original), formats=tuple(FORMATS))
        except UnidentifiedImageError as exc:
            raise PermanentFailure("not_an_image", "The file is not an image of a kind we read.") from exc
        except Image.DecompressionBombError as exc:
            raise PermanentFailure("too_many_pixels", "The image has too many pixels.") from exc
        except (OSError, ValueError, SyntaxError, EOFError, struct.error) as exc:
            raise PermanentFailure("broken_image", "The image is damaged and cannot be read.") from exc


def _check_size(image: PillowImage, limits: ImageSettings) -> None:
    if image.width < 1 or image.height < 1:
        raise PermanentFailure("empty_image", "The image has no pixels.")
    if image.width * image.height > limits.image_max_pixels:
        raise PermanentFailure(
            "too_many_pixels",
            f"The image has {image.width} × {image.height} pixels; "
            f"{limits.image_max_pixels / 1e6:.0f} megapixels is the most.",
        )


def _render(image: PillowImage, limits: ImageSettings) -> Renditions:
    mime_type = FORMATS[image.format or ""]
    exif = image.getexif()
    taken_at = _taken_at(exif)
    turned = exif.get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    width, height = (image.height, image.width) if turned else image.size

    # JPEG decodes at 1/2, 1/4 or 1/8 for less than the price of throwing the pixels away afterwards.
    image.draft("RGB", (limits.display_long_edge, limits.display_long_edge))
    display = _shrink(_to_srgb(ImageOps.exif_transpose(image)), limits.display_long_edge)
    thumbnail = _shrink(display, limits.thumbnail_long_edge)
    return Renditions(
        mime_type=mime_type,
        width=width,
        height=height,
        taken_at=taken_at,
        display=_webp(display, _WEBP_QUALITY["display"]),
        thumbnail=_webp(thumbnail, _WEBP_QUALITY["thumbnail"]),
    )


def _to_srgb(image: PillowImage) -> PillowImage:
    """RGB or RGBA in sRGB: profiles applied, 16-bit greys scaled (a plain convert would whiten them)."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    target = "RGBA" if has_alpha else "RGB"
    if profile and image.mode in ("RGB", "RGBA", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = target if image.mode in ("RGB", "RGBA") else "RGB"
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode=mode)
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile is no reason to refuse the picture: its numbers are read as sRGB
    return image.convert(target)


def _shrink(image: PillowImage, long_edge: int) -> PillowImage:
    """A copy whose long edge is at most `long_edge`; never enlarged, never below one pixel."""
    scale = long_edge / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _webp(image: PillowImage, quality: int) -> bytes:
    """Encode pixels and nothing else: Pillow would copy what it finds in `info`."""
    image.info = {}
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def _taken_at(exif: Image.Exif) -> datetime | None:
    """DateTimeOriginal, in the zone that the camera noted, else read as UTC."""
    details = exif.get_ifd(ExifTags.IFD.Exif)
    text = details.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime)
    offset = details.get(ExifTags.Base.OffsetTimeOriginal)
    for value, form in ((f"{text}{offset}", "%Y:%m:%d %H:%M:%S%z"), (f"{text}", "%Y:%m:%d %H:%M:%S")):
        try:
            moment = datetime.strptime(value.strip("\x00 "), form)  # noqa: DTZ007  # the zone is set below
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
