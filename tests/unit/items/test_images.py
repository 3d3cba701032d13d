"""Renditions of honest, odd and hostile files. Images are data, and carry nothing out."""

import io
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from app.items.images import FORMATS, render
from app.platform.errors import PermanentFailure
from app.platform.settings import ImageSettings

LIMITS = ImageSettings()
SECRET = b"52.3702N 4.8952E"


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def opened(rendition: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(rendition))
    image.load()
    return image


def pixel(rendition: bytes, x: float = 0.5, y: float = 0.5) -> tuple[int, ...]:
    """The colour at a place given in parts of the width and height, as RGBA."""
    image = opened(rendition).convert("RGBA")
    found = image.getpixel((int(x * image.width), int(y * image.height)))
    assert isinstance(found, tuple)
    return found


def is_near(found: tuple[int, ...], wanted: tuple[int, ...], *, by: int = 12) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=False))


def red_above_blue(size: tuple[int, int] = (60, 40)) -> Image.Image:
    image = Image.new("RGB", size, "blue")
    image.paste("red", (0, 0, size[0], size[1] // 2))
    return image


def exif(*, orientation: int | None = None, taken: str | None = None, offset: str | None = None) -> Image.Exif:
    made = Image.Exif()
    made[ExifTags.Base.Make] = "A camera"
    made[ExifTags.Base.ImageDescription] = SECRET.decode()
    if orientation:
        made[ExifTags.Base.Orientation] = orientation
    details = made.get_ifd(ExifTags.IFD.Exif)
    if taken:
        details[ExifTags.Base.DateTimeOriginal] = taken
    if offset:
        details[ExifTags.Base.OffsetTimeOriginal] = offset
    made.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = SECRET
    return made


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, pixels: bytes = b"") -> bytes:
    """A grey PNG that may lie about its size."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(pixels))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data + chunk(b"IEND", b"")


def refusal(original: bytes) -> str:
    with pytest.raises(PermanentFailure) as caught:
        render(original, LIMITS)
    return caught.value.code


# --- honest files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_picture_taken_sideways_is_shown_upright(image_format: str) -> None:
    sideways = red_above_blue().transpose(Image.Transpose.ROTATE_90)
    original = encoded(sideways, image_format, exif=exif(orientation=6))

    made = render(original, LIMITS)

    assert (made.width, made.height) == (60, 40)
    assert opened(made.display).size == (60, 40)
    assert is_near(pixel(made.display, y=0.1), (255, 0, 0), by=20)
    assert is_near(pixel(made.display, y=0.9), (0, 0, 255), by=20)


@pytest.mark.parametrize(
    ("orientation", "held"),
    [
        (2, Image.Transpose.FLIP_LEFT_RIGHT),
        (3, Image.Transpose.ROTATE_180),
        (4, Image.Transpose.FLIP_TOP_BOTTOM),
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_90),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_270),
    ],
)
def test_every_way_of_holding_a_camera_is_undone(orientation: int, held: Image.Transpose) -> None:
    upright = red_above_blue()
    upright.paste("lime", (0, 0, 15, 10))
    original = encoded(upright.transpose(held), "PNG", exif=exif(orientation=orientation))

    made = render(original, LIMITS)

    assert opened(made.display).size == (made.width, made.height) == (60, 40)
    assert is_near(pixel(made.display, 0.05, 0.05), (0, 255, 0), by=30)
    assert is_near(pixel(made.display, 0.9, 0.1), (255, 0, 0), by=30)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_renditions_carry_no_metadata(image_format: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    options: dict[str, object] = {"exif": exif(orientation=6), "icc_profile": profile}
    if image_format == "JPEG":
        options |= {"comment": SECRET, "xmp": b"<x:xmpmeta>" + SECRET}
    if image_format == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        options |= {"pnginfo": text}
    original = encoded(red_above_blue(), image_format, **options)
    assert SECRET in original

    made = render(original, LIMITS)

    for rendition in (made.display, made.thumbnail):
        assert SECRET not in rendition
        assert not dict(opened(rendition).getexif())
        assert not {"exif", "xmp", "icc_profile", "comment"} & opened(rendition).info.keys()
        assert not any(tag in rendition for tag in (b"EXIF", b"XMP ", b"ICCP"))


def test_what_hangs_behind_the_picture_is_left_behind() -> None:
    original = encoded(red_above_blue(), "JPEG") + SECRET

    made = render(original, LIMITS)

    assert SECRET not in made.display + made.thumbnail


@pytest.mark.parametrize(
    ("taken", "offset", "moment"),
    [
        ("2024:05:17 18:30:00", None, datetime(2024, 5, 17, 18, 30, tzinfo=UTC)),
        ("2024:05:17 18:30:00", "+02:00", datetime(2024, 5, 17, 18, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("2024:05:17 18:30:00", "not a zone", datetime(2024, 5, 17, 18, 30, tzinfo=UTC)),
        ("2024:05:17 18:30:00", "+99:00", datetime(2024, 5, 17, 18, 30, tzinfo=UTC)),
        ("0000:00:00 00:00:00", None, None),
        ("    :  :     :  :  ", None, None),
        ("yesterday", None, None),
        (None, None, None),
    ],
)
def test_when_it_was_taken_is_what_the_camera_noted(
    taken: str | None, offset: str | None, moment: datetime | None
) -> None:
    original = encoded(red_above_blue(), "JPEG", exif=exif(taken=taken, offset=offset))

    made = render(original, LIMITS)

    assert made.taken_at == moment
    assert made.taken_at is None or made.taken_at.tzinfo


@pytest.mark.parametrize(("taken", "offset"), [("0001:01:01 00:00:00", "+14:00"), ("9999:12:31 23:59:59", "-12:00")])
def test_a_date_outside_of_the_calendar_in_another_zone_is_no_date(taken: str, offset: str) -> None:
    original = encoded(red_above_blue(), "JPEG", exif=exif(taken=taken, offset=offset))

    made = render(original, LIMITS)

    assert made.taken_at is None


def test_transparency_is_kept() -> None:
    half = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    half.paste((0, 0, 255, 255), (0, 20, 40, 40))

    made = render(encoded(half, "PNG"), LIMITS)

    assert pixel(made.display, y=0.2)[3] == 0
    assert is_near(pixel(made.display, y=0.8), (0, 0, 255, 255))


def test_a_palette_s_transparent_colour_is_kept_transparent() -> None:
    palette = Image.new("P", (40, 40), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.paste(1, (0, 20, 40, 40))

    made = render(encoded(palette, "PNG", transparency=b"\x00\xff"), LIMITS)

    assert pixel(made.display, y=0.2)[3] == 0
    assert is_near(pixel(made.display, y=0.8), (0, 0, 255, 255))


def test_a_transparent_colour_and_a_colour_profile_go_together() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    original = encoded(red_above_blue(), "PNG", transparency=(255, 0, 0), icc_profile=profile)

    made = render(original, LIMITS)

    assert pixel(made.display, y=0.2)[3] == 0
    assert is_near(pixel(made.display, y=0.8), (0, 0, 255, 255))


@pytest.mark.parametrize(
    ("mode", "image_format", "value", "shown"),
    [
        ("I;16", "PNG", 30000, 117),
        ("I;16", "TIFF", 30000, 117),
        ("I;16B", "TIFF", 30000, 117),
        ("L", "PNG", 117, 117),
        ("1", "PNG", 0, 0),
    ],
)
def test_greys_of_any_depth_keep_their_brightness(mode: str, image_format: str, value: int, shown: int) -> None:
    original = encoded(Image.new(mode, (40, 40), value), image_format)

    made = render(original, LIMITS)

    assert is_near(pixel(made.display), (shown,) * 3, by=3)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_greys_without_a_range_span_what_is_in_them(mode: str) -> None:
    grey = Image.new(mode, (40, 40), 100_000)
    grey.paste(300_000, (0, 20, 40, 40))

    made = render(encoded(grey, "TIFF"), LIMITS)

    assert is_near(pixel(made.display, y=0.2), (0, 0, 0))
    assert is_near(pixel(made.display, y=0.8), (255, 255, 255))


def test_print_colours_become_screen_colours() -> None:
    original = encoded(Image.new("CMYK", (40, 40), (0, 255, 255, 0)), "JPEG")

    made = render(original, LIMITS)

    assert is_near(pixel(made.display), (255, 0, 0), by=20)


def test_a_broken_colour_profile_is_no_reason_to_refuse() -> None:
    original = encoded(red_above_blue(), "JPEG", icc_profile=b"nonsense" * 20)

    made = render(original, LIMITS)

    assert b"nonsense" not in made.display + made.thumbnail
    assert is_near(pixel(made.display, y=0.1), (255, 0, 0), by=20)


def test_nonsense_in_exif_is_no_reason_to_refuse() -> None:
    whole = encoded(red_above_blue(), "JPEG", exif=exif(orientation=6))
    make_as_text, resolution_as_text = b"\x01\x0f\x00\x02", b"\x01\x1a\x00\x02"
    nonsense = whole.replace(make_as_text, resolution_as_text)

    made = render(nonsense, LIMITS)

    assert nonsense != whole
    assert (made.width, made.height) == (40, 60)


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    original = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)

    made = render(original, LIMITS)

    assert made.mime_type == "image/gif"
    assert is_near(pixel(made.display), (255, 0, 0))


def test_a_phone_s_jpeg_with_a_second_frame_is_a_jpeg() -> None:
    original = encoded(red_above_blue(), "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40), "lime")])

    made = render(original, LIMITS)

    assert (made.mime_type, made.width, made.height) == ("image/jpeg", 60, 40)
    assert is_near(pixel(made.display, y=0.1), (255, 0, 0), by=20)


@pytest.mark.parametrize(
    ("image_format", "mime_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("GIF", "image/gif"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("AVIF", "image/avif"),
    ],
)
def test_a_file_is_what_its_bytes_say(image_format: str, mime_type: str) -> None:
    made = render(encoded(red_above_blue(), image_format), LIMITS)

    assert (made.mime_type, made.width, made.height) == (mime_type, 60, 40)
    assert opened(made.display).format == opened(made.thumbnail).format == "WEBP"


def test_an_iphone_s_picture_is_read() -> None:
    Image.init()
    if "HEIF" not in Image.SAVE:
        pytest.skip("the installed HEIF plug-in decodes only: no HEIC can be made here")

    made = render(encoded(red_above_blue(), "HEIF"), LIMITS)

    assert (made.mime_type, made.width, made.height) == ("image/heic", 60, 40)


@pytest.mark.parametrize(
    ("size", "display", "thumbnail"),
    [
        ((1, 1), (1, 1), (1, 1)),
        ((300, 200), (300, 200), (300, 200)),
        ((1000, 500), (1000, 500), (512, 256)),
        ((3000, 2000), (2048, 1365), (512, 341)),
        ((4000, 3000), (2000, 1500), (512, 384)),  # decoded at one half: within a sixteenth of the limit
        ((1, 20000), (1, 2048), (1, 512)),
        ((20000, 1), (2048, 1), (512, 1)),
    ],
)
def test_renditions_shrink_and_never_grow(
    size: tuple[int, int], display: tuple[int, int], thumbnail: tuple[int, int]
) -> None:
    made = render(encoded(Image.new("RGB", size, "red"), "JPEG"), LIMITS)

    assert (made.width, made.height) == size
    assert opened(made.display).size == display
    assert opened(made.thumbnail).size == thumbnail


# --- hostile files ----------------------------------------------------------------------------------------------------


def truncated(image_format: str) -> bytes:
    whole = encoded(Image.effect_noise((64, 64), 80).convert("RGB"), image_format)
    return whole[: len(whole) // 2]


def grey_with_scans(extra: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: a few bytes that cost one pass over all pixels each."""
    whole = encoded(Image.new("L", (64, 64), 128), "JPEG", progressive=True)
    end, last = whole.rindex(b"\xff\xd9"), whole.rindex(b"\xff\xda")
    return whole[:end] + whole[last:end] * extra + whole[end:]


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: b"", "empty_file"),
        (lambda: b"Dear diary", "not_an_image"),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image"),
        (lambda: b"%PDF-1.7\n", "not_an_image"),
        (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        (lambda: truncated("JPEG"), "broken_image"),
        (lambda: truncated("PNG"), "broken_image"),
        (lambda: truncated("AVIF"), "broken_image"),
        (lambda: png(60_000, 60_000), "too_many_pixels"),
        (lambda: png(7_100, 7_100), "too_many_pixels"),
        (lambda: png(50_000_001, 1), "too_many_pixels"),
        (lambda: png(2**31 - 1, 2**31 - 1), "too_many_pixels"),
        (lambda: b"GIF89a\xff\xff\xff\xff" + encoded(Image.new("P", (1, 1)), "GIF")[10:], "too_many_pixels"),
        (lambda: png(0, 0), "empty_image"),
        (lambda: png(5, 0), "empty_image"),
        (lambda: b"GIF89a" + bytes(40), "empty_image"),
        (lambda: b"\xff\xd8\xff", "broken_image"),
        (lambda: png(8, 8, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 9_000_000))), "broken_image"),
        (lambda: png(8, 8, chunk(b"zTXt", b"k\0\0" + zlib.compress(b"a" * 900_000)) * 90), "broken_image"),
        (lambda: png(8, 8, chunk(b"iCCP", b"k\0\0" + zlib.compress(b"a" * 9_000_000))), "broken_image"),
        (lambda: grey_with_scans(1000), "too_complex"),
    ],
    ids=[
        "empty",
        "text",
        "svg",
        "pdf",
        "postscript",
        "half a jpeg",
        "half a png",
        "half an avif",
        "3600 megapixels",
        "50.4 megapixels",
        "one line too long",
        "the largest png",
        "4294 megapixels of gif",
        "no pixels",
        "no lines",
        "no pixels of gif",
        "a jpeg's first bytes",
        "text bomb",
        "many texts",
        "profile bomb",
        "a thousand scans",
    ],
)
def test_a_hostile_file_is_refused_with_a_code(make: Callable[[], bytes], code: str) -> None:
    original = make()

    refused = refusal(original)

    assert refused == code


def test_a_file_over_the_limit_is_not_even_opened() -> None:
    with pytest.raises(PermanentFailure) as caught:
        render(b"x" * 11, ImageSettings(image_max_bytes=10))

    assert caught.value.code == "file_too_large"


def test_an_ordinary_progressive_picture_is_not_too_complex() -> None:
    noisy = Image.effect_noise((200, 200), 90).convert("RGB")

    made = render(encoded(noisy, "JPEG", progressive=True), LIMITS)

    assert (made.width, made.height) == (200, 200)


def test_scans_cannot_hide_behind_a_marker_without_a_length() -> None:
    first, *others = grey_with_scans(1000).split(b"\xff\xda")
    hiding = first + b"\xff\xda" + b"\xff\x01\xff\xda".join(others)

    assert refusal(hiding) == "too_complex"


def test_what_looks_like_scans_inside_other_data_does_not_count() -> None:
    original = encoded(red_above_blue(), "JPEG", comment=b"\xff\xda" * 500) + b"\xff\xda" * 500

    made = render(original, LIMITS)

    assert made.mime_type == "image/jpeg"


# --- anything at all --------------------------------------------------------------------------------------------------

SEEDS = [
    encoded(red_above_blue((12, 8)), "JPEG", exif=exif(orientation=6, taken="2024:05:17 18:30:00", offset="+02:00")),
    encoded(red_above_blue((12, 8)), "PNG", exif=exif(orientation=3)),
    encoded(red_above_blue((12, 8)), "WEBP", exif=exif(orientation=8)),
    encoded(red_above_blue((12, 8)), "JPEG", progressive=True),
    encoded(red_above_blue((12, 8)), "AVIF"),
    encoded(Image.new("P", (12, 8), 1), "GIF"),
    encoded(red_above_blue((12, 8)), "BMP"),
]

mutations = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=6)
quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def outcome(original: bytes) -> str:
    try:
        made = render(original, LIMITS)
    except PermanentFailure as refused:
        return refused.code
    assert min(made.width, made.height) >= 1
    return made.mime_type


LIMITED = {"too_many_pixels", "too_many_frames", "too_much_metadata", "too_complex"}
OUTCOMES = {*FORMATS.values(), "empty_file", "empty_image", "not_an_image", "broken_image", *LIMITED}
MAGIC = [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"II*\x00", b"BM", b"RIFF\x00\x02\x00\x00WEBP"]


@quickly
@given(st.binary(max_size=400), st.sampled_from(MAGIC))
def test_any_bytes_are_an_image_or_refused(noise: bytes, magic: bytes) -> None:
    assert outcome(magic + noise) in OUTCOMES


@quickly
@given(st.sampled_from(SEEDS), mutations)
def test_any_damage_to_an_image_leaves_an_image_or_a_refusal(
    seed: bytes, damages: list[tuple[int, int, bytes]]
) -> None:
    damaged = seed
    for where, removed, inserted in damages:
        start = where % (len(damaged) + 1)
        damaged = damaged[:start] + inserted + damaged[start + removed :]

    assert outcome(damaged) in OUTCOMES
