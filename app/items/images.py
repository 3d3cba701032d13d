"""From an original to its renditions. Everything an attacker controls passes here: limits come before decoding.

One engine decodes, Pillow: JPEG at the size that is needed (draft mode), the rest in full. libvips, a second one, reads
large WebP alone, where Pillow would hold four copies of the picture; its PNG reader is twice as fast but takes broken
files for whole ones. Figures: docs/benchmarks.md. The pipeline calls this inside `app.items.sandbox`.
"""

import io
import re
import struct
import warnings
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import TYPE_CHECKING, cast

import pi_heif
import pyvips
from PIL import (  # noqa: F401  # the parsers register themselves; without their import Pillow loads all it has, late
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)
from PIL.Image import Image as PillowImage

from app.items.cicp import icc_profile, nclx_of_avif
from app.items.models import Renditions
from app.items.phash import perceptual_hash
from app.items.structure import check_structure, too_much_metadata
from app.platform.errors import PermanentFailure

if TYPE_CHECKING:
    # At run time the sandbox brings the numbers alone: pydantic would double the start of its process.
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

pi_heif.register_heif_opener()
# One vCPU: more threads only take more memory.
pi_heif.options.DECODE_THREADS = 1
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# libvips reads many formats; this one is let in.
pyvips.operation_block_set("VipsForeignLoad", True)
pyvips.operation_block_set("VipsForeignLoadWebp", False)

_WEBP_QUALITY = {"display": 82, "thumbnail": 78}
# libwebp's effort, 0 to 6. Over the samples 2 takes 2.4 times less than 4, its default, for 5 % more bytes at the same
# PSNR (41.2 dB) and an SSIM of .9811 instead of .9818; 1 takes a quarter less than 2 and 13 % more bytes.
_WEBP_METHOD = 2
_SRGB = ImageCms.createProfile("sRGB")
_LAB = ImageCms.createProfile("LAB")
# What Pillow's parsers and libvips raise on damaged files.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    TypeError,
    OverflowError,
    RuntimeError,
    struct.error,
    Image.DecompressionBombError,
    pyvips.Error,
)
# How the libraries below say it when they do not raise MemoryError.
_OUT_OF_MEMORY = re.compile(r"out of memory|memory allocation|bad_alloc|cannot allocate", re.IGNORECASE)

# Where the formats that Pillow refuses for their size alone declare it: width and height, side by side.
_HEADS = (
    re.compile(rb"\x89PNG\r\n\x1a\n.{4}IHDR(.{8})", re.DOTALL),
    re.compile(rb"GIF8[79]a(.{4})", re.DOTALL),
    re.compile(rb"BM.{16}(.{8})", re.DOTALL),
)

# How a camera was held (EXIF, tag 274), and what brings its picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def render(original: bytes, limits: "ImageSettings") -> Renditions:
    """Make both renditions from one decode.

    Args:
        original: the file, whatever it turns out to be.

    Returns:
        WebP renditions without metadata, long edges at most `limits.display_long_edge` and
        `limits.thumbnail_long_edge` (of a larger original at least 15/16 of it); width and height of the original as
        displayed (orientation applied).

    Raises:
        PermanentFailure: not an image, broken, or over a limit; the code says which.
    """
    if not original:
        raise PermanentFailure("empty_file", "The file is empty.")
    if len(original) > limits.image_max_bytes:
        raise PermanentFailure("file_too_large", f"The file is larger than {limits.image_max_bytes >> 20} MiB.")
    check_structure(original, limits)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks on odd metadata and on sizes that our own limit refuses
        try:
            return _render(_open(original, limits), original, limits)
        except MemoryError as exc:
            raise _too_much_memory() from exc
        except _DAMAGED as exc:
            if _OUT_OF_MEMORY.search(str(exc)):
                raise _too_much_memory() from exc
            raise PermanentFailure("broken_image", "The image is damaged or incomplete and cannot be read.") from exc


def _too_much_memory() -> PermanentFailure:
    return PermanentFailure("too_much_memory", "The image needs more memory to decode than it is given.")


def _open(original: bytes, limits: "ImageSettings") -> PillowImage:
    """What kind of image it is, and how large: headers and metadata are read, pixels are not."""
    try:
        image = Image.open(io.BytesIO(original), formats=tuple(FORMATS))
    except UnidentifiedImageError as exc:
        raise _unreadable(original) from exc
    except Image.DecompressionBombError as exc:
        raise PermanentFailure("too_many_pixels", "The image has too many pixels.") from exc
    _check_size(image, limits)
    _check_extras(image, limits)
    return image


def _unreadable(original: bytes) -> PermanentFailure:
    """What to say of a file that no parser takes: it may still begin like an image."""
    declared = next((match[1] for head in _HEADS if (match := head.match(original))), None)
    if declared is not None and not (any(declared[: len(declared) // 2]) and any(declared[len(declared) // 2 :])):
        return PermanentFailure("empty_image", "The image has no pixels.")
    if any(accept and accept(original[:16]) is True for _, accept in (Image.OPEN[kind] for kind in FORMATS)):
        return PermanentFailure("broken_image", "The image is damaged and cannot be read.")
    return PermanentFailure("not_an_image", "The file is not an image of a kind we read.")


def _check_size(image: PillowImage, limits: "ImageSettings") -> None:
    if image.width < 1 or image.height < 1:
        raise PermanentFailure("empty_image", "The image has no pixels.")
    if image.width * image.height > limits.image_max_pixels:
        raise PermanentFailure(
            "too_many_pixels",
            f"The image has {image.width} × {image.height} pixels; "
            f"{limits.image_max_pixels / 1e6:.0f} megapixels is the most.",
        )


def _check_extras(image: PillowImage, limits: "ImageSettings") -> None:
    """Metadata and frames that only the format's own reader finds."""
    if sum(len(value) for value in image.info.values() if isinstance(value, bytes)) > limits.image_max_metadata_bytes:
        raise too_much_metadata(limits)
    frames = getattr(image, "n_frames", 1) if image.format in ("AVIF", "HEIF") else 1
    if frames > limits.image_max_frames:
        raise PermanentFailure("too_many_frames", f"The image has more than {limits.image_max_frames} frames.")


def _mime_type(image: PillowImage) -> str:
    # A JPEG with a second frame or a depth map behind it, as phones make them, is "MPO"; the first frame is the photo.
    return FORMATS["JPEG" if image.format == "MPO" else image.format or ""]


def _render(image: PillowImage, original: bytes, limits: "ImageSettings") -> Renditions:
    exif = image.getexif()
    # Pillow turns TIFFs by itself, their size included.
    orientation = 1 if image.format == "TIFF" else exif.get(ExifTags.Base.Orientation, 1)
    width, height = (image.height, image.width) if orientation in _SIDEWAYS else image.size
    mime_type, profile = _mime_type(image), image.info.get("icc_profile") or _profile_by_numbers(image, original)

    small = _shrink(_resizable(_decode(image, original, limits.display_long_edge)), limits.display_long_edge)
    display = _turn(_to_srgb(small, profile), orientation)
    thumbnail = _shrink(display, limits.thumbnail_long_edge)
    return Renditions(
        mime_type=mime_type,
        width=width,
        height=height,
        taken_at=_taken_at(exif),
        phash=perceptual_hash(thumbnail),
        display=_webp(display, _WEBP_QUALITY["display"]),
        thumbnail=_webp(thumbnail, _WEBP_QUALITY["thumbnail"]),
    )


def _profile_by_numbers(image: PillowImage, original: bytes) -> bytes | None:
    """The profile of a picture that names its colours by numbers alone, if these are not sRGB's."""
    if image.format == "AVIF":
        nclx = nclx_of_avif(original)
    else:
        found = image.info.get("nclx_profile")  # HEIC
        nclx = (found["color_primaries"], found["transfer_characteristics"]) if found else None
    return icc_profile(*nclx) if nclx else None


def _decode(image: PillowImage, original: bytes, long_edge: int) -> PillowImage:
    """The pixels, made smaller on the way where that is cheaper than throwing them away afterwards."""
    if image.format == "WEBP" and max(image.size) > long_edge:
        return _decode_webp(original, long_edge)
    for parts in (8, 4, 2):
        # What comes out within a sixteenth of the limit is kept as it is: 4032 pixels at one half are 2016. Resampling
        # from full size to 2048 costs four times as much and looks the same (SSIM .993 and more over the samples).
        if max(image.size) / parts >= long_edge * 15 / 16:
            image.draft(None, (max(1, image.width // parts), max(1, image.height // parts)))  # JPEG only
            break
    return image


def _decode_webp(original: bytes, long_edge: int) -> PillowImage:
    small = pyvips.Image.thumbnail_buffer(
        original, long_edge, height=long_edge, size="down", no_rotate=True, fail_on="error"
    )
    mode = "RGBA" if small.hasalpha() else "RGB"
    return Image.frombuffer(mode, (small.width, small.height), small.write_to_memory(), "raw", mode, 0, 1)


def _turn(image: PillowImage, orientation: object) -> PillowImage:
    """The picture upright. Pixels only: `exif_transpose` would write the EXIF anew, which damaged EXIF makes fail."""
    method = _UPRIGHT.get(orientation)  # type: ignore[call-overload]  # a file may say anything here
    return image.transpose(method) if method is not None else image


def _resizable(image: PillowImage) -> PillowImage:
    """RGB, RGBA, CMYK, LAB, L or LA, 8 bits deep: deep greys scaled, transparent colours made a channel."""
    image.load()
    image = _to_8_bits(image)
    if "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "RGBA", "CMYK", "LAB", "L", "LA") else image.convert("RGB")


def _to_srgb(image: PillowImage, profile: bytes | None) -> PillowImage:
    """RGB or RGBA in sRGB. A profile that is broken, or for another kind of colours, leaves the numbers as they are."""
    if image.mode == "LA":
        opaque = _to_srgb(image.getchannel("L"), profile)
        opaque.putalpha(image.getchannel("A"))
        return opaque
    target = "RGBA" if image.mode == "RGBA" else "RGB"
    if profile or image.mode == "LAB":
        try:
            source = _LAB if image.mode == "LAB" else ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
            converted = ImageCms.profileToProfile(image, source, _SRGB, outputMode=target)
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass  # a broken profile is no reason to refuse the picture: its numbers are read as sRGB
    return image.convert(target)


def _to_8_bits(image: PillowImage) -> PillowImage:
    """Greys deeper than 8 bits, scaled: a plain convert would whiten them. 32-bit ones span what is in them."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("I", "F"):
        darkest, lightest = cast(tuple[float, float], image.getextrema())
        scale = 255 / ((lightest - darkest) or 1)
        return image.point(lambda value: value * scale - darkest * scale).convert("L")
    return image


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
    image.save(out, "WEBP", quality=quality, method=_WEBP_METHOD)
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
        # The calendar's first and last year leave it in another zone, and no driver reads them back.
        if MINYEAR < moment.year < MAXYEAR:
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
