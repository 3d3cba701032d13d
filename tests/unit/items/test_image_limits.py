"""Files made to hurt, decoded where the pipeline decodes: each is shown, or refused with a code."""

import io
import signal
import struct
import time
import zlib
from collections.abc import Callable, Iterator

import pillow_heif
import psutil
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from app.items.images import render as render_here
from app.items.models import Renditions
from app.items.sandbox import Sandbox
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.settings import ImageSettings

LIMITS = ImageSettings()
SECRET = b"52.3702N 4.8952E"
TOO_MUCH = 17 * 1024 * 1024


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    opened = Sandbox(LIMITS)
    yield opened
    opened.close()


@pytest.fixture
def sandbox_with() -> Iterator[Callable[..., Sandbox]]:
    opened: list[Sandbox] = []

    def open_with(**limits: int) -> Sandbox:
        opened.append(Sandbox(ImageSettings(**limits)))
        return opened[-1]

    yield open_with
    for one in opened:
        one.close()


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if image_format == "HEIC":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, image_format, **options)
    return buffer.getvalue()


def picture(size: tuple[int, int] = (64, 48)) -> Image.Image:
    return Image.merge("RGB", [Image.radial_gradient("L").resize(size), *[Image.linear_gradient("L").resize(size)] * 2])


def refusal(box: Sandbox, original: bytes) -> str:
    with pytest.raises(PermanentFailure) as caught:
        box.render(original)
    return caught.value.code


def shown_or_refused(box: Sandbox, original: bytes) -> tuple[int, int] | str:
    try:
        made = box.render(original)
    except PermanentFailure as refused:
        return refused.code
    return made.width, made.height


# --- files, made by hand ----------------------------------------------------------------------------------------------


def segment(marker: int, data: bytes) -> bytes:
    return b"\xff" + bytes((marker,)) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(*segments: bytes) -> bytes:
    whole = encoded(picture(), "JPEG")
    return whole[:2] + b"".join(segments) + whole[2:]


def jpeg_with_scans(size: tuple[int, int], extra: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: a few bytes that cost one pass over all pixels each."""
    whole = encoded(Image.new("L", size, 128), "JPEG", progressive=True)
    end, last = whole.rindex(b"\xff\xd9"), whole.rindex(b"\xff\xda")
    return whole[:end] + whole[last:end] * extra + whole[end:]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *extra: bytes, bits: int = 8) -> bytes:
    """A grey PNG, black all over: a thousand pixels to a byte."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    squeeze, row = zlib.compressobj(1), bytes(1 + width * bits // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def gif_with(frames: int, comment: bytes = b"") -> bytes:
    whole = encoded(Image.new("P", (8, 8), 1), "GIF")
    start = whole.index(b"\x2c", 13 + 3 * 2 ** ((whole[10] & 7) + 1))
    blocks = b"".join(bytes((len(part),)) + part for part in pieces(comment, 255))
    return whole[:start] + b"\x21\xfe" + blocks + b"\0" + whole[start:-1] * frames + b"\x3b"


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def webp_with(kind: bytes, data: bytes) -> bytes:
    whole = encoded(picture(), "WEBP") + kind + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(whole) - 8) + whole[8:]


def tiff_that_never_ends() -> bytes:
    whole = encoded(picture(), "TIFF")
    start = struct.unpack_from("<I", whole, 4)[0]
    end = start + 2 + 12 * struct.unpack_from("<H", whole, start)[0]
    return whole[:end] + struct.pack("<I", start) + whole[end + 4 :]


def tiff_with_entries(count: int, values: int) -> bytes:
    """A directory as long as it can be, each entry claiming many bytes."""
    entries = b"".join(struct.pack("<HHII", 40000, 1, values, 8) for _ in range(count))
    return b"II*\0" + struct.pack("<IH", 8, count) + entries + bytes(4)


def behind_ftyp(box: bytes, image_format: str) -> bytes:
    whole = encoded(picture(), image_format)
    end = struct.unpack_from(">I", whole)[0]
    return whole[:end] + box + whole[end:]


def free_box() -> bytes:
    return struct.pack(">I4s", 8 + TOO_MUCH, b"free") + bytes(TOO_MUCH)


# --- refused before decoding ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda: bytes(LIMITS.image_max_bytes + 1), "file_too_large", id="bytes"),
        pytest.param(lambda: png(7072, 7072)[:100], "too_many_pixels", id="pixels"),
        pytest.param(lambda: jpeg_with_scans((64, 64), 100), "too_complex", id="scans"),
        pytest.param(lambda: b"\xff\xd8\xff" + b"\xff\x01" * 300_000, "too_complex", id="segments"),
        pytest.param(lambda: gif_with(10_001), "too_many_frames", id="gif frames"),
        pytest.param(
            lambda: png(8, 8, chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))), "too_many_frames", id="apng frames"
        ),
        pytest.param(tiff_that_never_ends, "too_many_frames", id="a tiff that leads back to itself"),
        pytest.param(lambda: tiff_with_entries(65_000, 2**32 - 1), "too_much_metadata", id="tiff entries"),
        pytest.param(lambda: jpeg_with(*[segment(0xE1, bytes(65_000))] * 300), "too_much_metadata", id="exif"),
        pytest.param(lambda: jpeg_with(*[segment(0xFE, bytes(65_000))] * 300), "too_much_metadata", id="jpeg comments"),
        pytest.param(lambda: png(8, 8, chunk(b"iTXt", bytes(TOO_MUCH))), "too_much_metadata", id="png text"),
        pytest.param(lambda: png(8, 8, chunk(b"iCCP", bytes(TOO_MUCH))), "too_much_metadata", id="png profile"),
        pytest.param(lambda: webp_with(b"XMP ", bytes(TOO_MUCH)), "too_much_metadata", id="webp xmp"),
        pytest.param(lambda: gif_with(1, bytes(TOO_MUCH)), "too_much_metadata", id="gif comment"),
        pytest.param(lambda: behind_ftyp(free_box(), "AVIF"), "too_much_metadata", id="avif box"),
        pytest.param(lambda: behind_ftyp(free_box(), "HEIC"), "too_much_metadata", id="heic box"),
    ],
)
def test_a_file_over_a_limit_is_refused_with_a_code(sandbox: Sandbox, make: Callable[[], bytes], code: str) -> None:
    original = make()
    started = time.process_time()

    refused = refusal(sandbox, original)

    assert refused == code
    assert time.process_time() - started < 1


def test_an_explanation_says_which_limit_it_was(sandbox: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="more than 10000 frames"):
        sandbox.render(gif_with(10_001))


# --- refused while decoding -------------------------------------------------------------------------------------------


def test_a_picture_that_takes_too_long_is_stopped(sandbox_with: Callable[..., Sandbox]) -> None:
    box = sandbox_with(image_decode_cpu_seconds=1)
    original = jpeg_with_scans((7000, 7000), 90)

    refused = refusal(box, original)

    assert len(original) < 200_000
    assert refused == "too_slow"


def test_a_picture_that_needs_too_much_memory_is_refused(sandbox_with: Callable[..., Sandbox]) -> None:
    box = sandbox_with(image_decode_memory_bytes=192 * 1024 * 1024)

    refused = refusal(box, png(7000, 7000, bits=16))
    shown = box.render(png(70, 70))

    assert refused == "too_much_memory"
    assert shown.width == 70


def test_a_decoder_that_cannot_even_start_is_no_crash_of_ours(sandbox_with: Callable[..., Sandbox]) -> None:
    box = sandbox_with(image_decode_memory_bytes=1024 * 1024)

    refused = refusal(box, png(2000, 2000))

    assert refused in ("too_much_memory", "broken_image")


def test_a_process_that_hangs_is_ended_and_the_image_tried_again(sandbox_with: Callable[..., Sandbox]) -> None:
    box = sandbox_with(image_decode_wall_seconds=5)
    before = set(psutil.Process().children())
    box.render(png(8, 8))
    (warm,) = set(psutil.Process().children()) - before
    warm.send_signal(signal.SIGSTOP)

    with pytest.raises(Unavailable):
        box.render(png(8, 8))

    assert not warm.is_running()
    assert box.render(png(8, 8)).width == 8


def test_a_process_that_was_killed_is_replaced(sandbox_with: Callable[..., Sandbox]) -> None:
    box = sandbox_with()
    before = set(psutil.Process().children())
    box.render(png(8, 8))
    (warm,) = set(psutil.Process().children()) - before
    warm.kill()

    with pytest.raises(Unavailable):
        box.render(png(8, 8))

    assert box.render(png(8, 8)).width == 8


def test_the_process_that_decodes_knows_no_secret(
    sandbox_with: Callable[..., Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    box = sandbox_with()
    before = set(psutil.Process().children())

    box.render(png(8, 8))

    (warm,) = set(psutil.Process().children()) - before
    assert "AWS_SECRET_ACCESS_KEY" not in warm.environ()


# --- odd, but honest --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIC"])
def test_decoding_there_and_here_is_the_same(sandbox: Sandbox, image_format: str) -> None:
    original = encoded(picture(), image_format)

    there = sandbox.render(original)

    assert there == render_here(original, LIMITS)
    assert isinstance(there, Renditions)


def test_the_moment_survives_the_way_between_processes(sandbox: Sandbox) -> None:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2024:05:17 18:30:00"
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.OffsetTimeOriginal] = "+02:00"

    made = sandbox.render(encoded(picture(), "HEIC", exif=exif.tobytes()))

    assert made.taken_at is not None
    assert made.taken_at.isoformat() == "2024-05-17T18:30:00+02:00"


def test_thousands_of_frames_cost_no_more_than_one(sandbox: Sandbox) -> None:
    original = gif_with(9_000)

    made = sandbox.render(original)

    assert (made.width, made.height) == (8, 8)


def test_a_portrait_with_its_depth_map_is_taken_and_the_map_left_behind(sandbox: Sandbox) -> None:
    xmp = b"http://ns.adobe.com/xmp/extension/\0" + SECRET * 4000
    original = jpeg_with(*[segment(0xE1, xmp)] * 80)

    made = sandbox.render(original)

    assert len(original) > 5_000_000
    assert SECRET not in made.display + made.thumbnail


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda: jpeg_with(segment(0xED, b"Photoshop 3.0\08BIM\x04\x04\0\0\0\0\0\x10" + SECRET)), id="iptc"
        ),
        pytest.param(
            lambda: jpeg_with(segment(0xE0, b"JFXX\0\x10" + SECRET), segment(0xFE, SECRET)), id="embedded thumbnail"
        ),
        pytest.param(lambda: gif_with(1, SECRET), id="gif comment"),
        pytest.param(lambda: webp_with(b"EXIF", SECRET), id="webp exif"),
        pytest.param(lambda: encoded(picture(), "HEIC", xmp=SECRET), id="heic xmp"),
        pytest.param(lambda: encoded(picture(), "AVIF", xmp=SECRET), id="avif xmp"),
        pytest.param(lambda: encoded(picture(), "JPEG") + b"PK\x03\x04<script>" + SECRET, id="jpeg and zip"),
        pytest.param(lambda: encoded(picture(), "PNG") + b"%PDF-1.7 <?php" + SECRET, id="png and pdf"),
        pytest.param(lambda: encoded(picture(), "GIF") + b"=1;alert()" + SECRET, id="gif and script"),
    ],
)
def test_nothing_but_the_picture_comes_out(sandbox: Sandbox, make: Callable[[], bytes]) -> None:
    original = make()

    made = sandbox.render(original)

    assert SECRET in original
    for rendition in (made.display, made.thumbnail):
        assert SECRET not in rendition
        assert not Image.open(io.BytesIO(rendition)).info.keys() - {"loop", "background", "timestamp", "duration"}


def test_an_embedded_thumbnail_is_not_what_is_shown(sandbox: Sandbox) -> None:
    inside = encoded(Image.new("RGB", (16, 16), "red"), "JPEG")
    original = jpeg_with(segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + inside))

    made = sandbox.render(original)

    assert (made.width, made.height) == (64, 48)
    assert inside not in made.display


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIC"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9])
def test_a_file_cut_short_is_shown_or_refused(sandbox: Sandbox, image_format: str, part: float) -> None:
    whole = encoded(picture(), image_format)

    outcome = shown_or_refused(sandbox, whole[: int(len(whole) * part)])

    assert outcome in ((64, 48), "not_an_image", "broken_image")


def test_a_large_webp_cut_short_is_refused(sandbox: Sandbox) -> None:
    whole = encoded(picture((2500, 100)), "WEBP")

    refused = refusal(sandbox, whole[: len(whole) // 2])

    assert refused in ("not_an_image", "broken_image")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_shown(sandbox: Sandbox, mode: str) -> None:
    made = sandbox.render(encoded(Image.new(mode, (3000, 20)), "PNG"))

    assert (made.width, made.height) == (3000, 20)
    assert Image.open(io.BytesIO(made.display)).size == (2048, 14)


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I;16B", "I", "F"]
)
def test_every_mode_of_tiff_is_shown(sandbox: Sandbox, mode: str) -> None:
    made = sandbox.render(encoded(Image.new(mode, (3000, 20)), "TIFF"))

    assert Image.open(io.BytesIO(made.display)).size == (2048, 14)


def test_text_that_swells_when_read_is_refused(sandbox: Sandbox) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("k", "a" * 9_000_000, zip=True)

    refused = refusal(sandbox, encoded(picture(), "PNG", pnginfo=info))

    assert refused == "broken_image"
