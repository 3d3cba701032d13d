"""Colours come out as they were meant: embedded profiles become sRGB, whatever the mode and the container."""

import io
import struct
import zlib

import pillow_heif
import pytest
from PIL import Image

from app.items.images import render
from app.platform.settings import ImageSettings

LIMITS = ImageSettings()

# Display P3 and sRGB as XYZ under D50 (Lindbloom, "RGB/XYZ Matrices"), the first one by columns.
P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
FROM_XYZ = (
    (3.1338561, -1.6168667, -0.4906146),
    (-0.9787684, 1.9161415, 0.0334540),
    (0.0719453, -0.2289914, 1.4052427),
)
WHITE = (0.9642, 1.0, 0.8249)


def profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile (ICC.1:2001-04, 6.1 and 6.2)."""
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s12x4s28x", start + len(data), b"none", 0x02400000, kind, space, connection, b"acsp")
    return head + fixed(*WHITE) + b"\0" * 48 + table + data


def fixed(*values: float) -> bytes:
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def wide_gamut() -> bytes:
    gamma = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256))
    tags = {b"wtpt": b"XYZ " + bytes(4) + fixed(*WHITE), b"rTRC": gamma, b"gTRC": gamma, b"bTRC": gamma}
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), P3, strict=True):
        tags[name] = b"XYZ " + bytes(4) + fixed(*column)
    return profile(b"mntr", b"RGB ", b"XYZ ", tags)


def inks_where_cyan_is_green() -> bytes:
    """A printer's profile like no other: paper is white, the first ink is green, everything else is black."""
    nodes = [(0, 128, 128)] * 16
    nodes[0b0000], nodes[0b1000] = (255, 128, 128), (153, 68, 178)
    straight = bytes(range(256))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += straight * 4 + b"".join(bytes(node) for node in nodes) + straight * 3
    return profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": b"XYZ " + bytes(4) + fixed(*WHITE), b"A2B0": table})


def as_srgb(colour: tuple[int, int, int]) -> tuple[int, ...]:
    """What a Display P3 colour (gamma 2.2) is in sRGB."""
    linear = [(value / 255) ** 2.2 for value in colour]
    xyz = [sum(P3[i][row] * linear[i] for i in range(3)) for row in range(3)]
    rgb = [min(1.0, max(0.0, sum(a * b for a, b in zip(row, xyz, strict=True)))) for row in FROM_XYZ]
    return tuple(round(255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055)) for v in rgb)


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if image_format == "HEIC":
        pillow_heif.from_pillow(image).save(buffer, quality=95, **options)
    else:
        image.save(buffer, image_format, **options)
    return buffer.getvalue()


def shown(original: bytes) -> tuple[int, ...]:
    """The colour in the middle of the display rendition, as RGBA."""
    display = Image.open(io.BytesIO(render(original, LIMITS).display)).convert("RGBA")
    found = display.getpixel((display.width // 2, display.height // 2))
    assert isinstance(found, tuple)
    return found


def is_near(found: tuple[int, ...], wanted: tuple[int, ...], *, by: int) -> bool:
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=False))


MUTED = (120, 190, 90)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIC"])
def test_a_wide_gamut_photo_looks_the_same_in_srgb(image_format: str) -> None:
    original = encoded(Image.new("RGB", (64, 64), MUTED), image_format, icc_profile=wide_gamut())

    colour = shown(original)

    assert not is_near(as_srgb(MUTED), MUTED, by=15)
    assert is_near(colour, as_srgb(MUTED), by=7)


def test_a_large_wide_gamut_webp_looks_the_same_in_srgb() -> None:
    original = encoded(Image.new("RGB", (2100, 16), MUTED), "WEBP", icc_profile=wide_gamut())

    colour = shown(original)

    assert is_near(colour, as_srgb(MUTED), by=7)


def test_a_palette_has_a_profile_too() -> None:
    palette = Image.new("RGB", (64, 64), MUTED).quantize(4)

    colour = shown(encoded(palette, "PNG", icc_profile=wide_gamut()))

    assert is_near(colour, as_srgb(MUTED), by=7)


def test_a_profile_does_not_touch_transparency() -> None:
    original = encoded(Image.new("RGBA", (64, 64), (*MUTED, 100)), "PNG", icc_profile=wide_gamut())

    colour = shown(original)

    assert is_near(colour, (*as_srgb(MUTED), 100), by=9)


def test_a_large_transparent_webp_stays_transparent() -> None:
    original = encoded(Image.new("RGBA", (2100, 16), (*MUTED, 100)), "WEBP")

    colour = shown(original)

    assert is_near(colour, (*MUTED, 100), by=9)


@pytest.mark.parametrize("image_format", ["JPEG", "TIFF"])
def test_inks_are_seen_through_their_profile(image_format: str) -> None:
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))

    with_profile = shown(encoded(cyan, image_format, icc_profile=inks_where_cyan_is_green()))
    without = shown(encoded(cyan, image_format))

    assert is_near(with_profile, (0, 168, 40), by=30)
    assert is_near(without, (0, 255, 255), by=12)


def test_a_profile_for_other_colours_is_left_out() -> None:
    original = encoded(Image.new("RGB", (64, 64), MUTED), "JPEG", icc_profile=inks_where_cyan_is_green())

    colour = shown(original)

    assert is_near(colour, MUTED, by=7)


def test_lab_colours_become_screen_colours() -> None:
    original = encoded(Image.new("LAB", (64, 64), (153, 68, 178)), "TIFF")

    colour = shown(original)

    assert is_near(colour, (0, 168, 40), by=30)


def test_grey_with_transparency_keeps_both() -> None:
    colour = shown(encoded(Image.new("LA", (64, 64), (90, 200)), "PNG"))

    assert is_near(colour, (90, 90, 90, 200), by=4)


def deep_png(colour: tuple[int, int, int]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 16, 2, 0, 0, 0))
    pixels = zlib.compress((b"\0" + struct.pack(">HHH", *colour) * 32) * 32)
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_sixteen_bits_a_colour_become_eight() -> None:
    colour = shown(deep_png((0xC000, 0x4000, 0x8000)))

    assert is_near(colour, (0xC0, 0x40, 0x80), by=7)
