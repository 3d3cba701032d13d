"""Colours come out as they were meant: embedded profiles become sRGB, whatever the mode and the container."""

import io
import struct
import zlib

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.items.cicp import icc_profile, nclx_of_avif
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


# BT.2020 likewise.
BT2020 = ((0.67348, 0.27904, -0.00193), (0.16566, 0.67535, 0.02998), (0.12505, 0.04561, 0.79686))


def screen_to_srgb(colour: tuple[int, int, int], columns: tuple[tuple[float, ...], ...]) -> tuple[int, ...]:
    """What a colour of other primaries, but with sRGB's curve, is in sRGB."""
    linear = [((v / 255 + 0.055) / 1.055) ** 2.4 if v > 10 else v / 255 / 12.92 for v in colour]
    xyz = [sum(columns[i][row] * linear[i] for i in range(3)) for row in range(3)]
    rgb = [min(1.0, max(0.0, sum(a * b for a, b in zip(row, xyz, strict=True)))) for row in FROM_XYZ]
    return tuple(round(255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055)) for v in rgb)


def by_numbers(image: Image.Image, image_format: str, primaries: int, transfer: int, **options: object) -> bytes:
    """A HEIC or AVIF file that names its colours by the numbers of H.273."""
    if image_format == "HEIC":
        options |= {"color_primaries": primaries, "transfer_characteristics": transfer, "matrix_coefficients": 1}
        return encoded(image, image_format, full_range_flag=1, **options)
    original = encoded(image, image_format, quality=95, **options)
    assert original.count(SRGB_BY_NUMBERS) == 1
    return original.replace(SRGB_BY_NUMBERS, b"colrnclx" + struct.pack(">HH", primaries, transfer))


SRGB_BY_NUMBERS = b"colrnclx" + struct.pack(">HH", 1, 13)


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    if image_format == "HEIC":
        pillow_heif.from_pillow(image).save(buffer, **{"quality": 95} | options)
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
# Within sRGB also when it is told in BT.2020.
PALE = (140, 190, 110)


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


@pytest.mark.parametrize("image_format", ["HEIC", "AVIF"])
@pytest.mark.parametrize(
    ("primaries", "transfer", "columns"), [(12, 13, P3), (12, 1, P3), (9, 13, BT2020), (9, 14, BT2020), (9, 18, BT2020)]
)
def test_a_wide_gamut_told_by_numbers_looks_the_same_in_srgb(
    image_format: str, primaries: int, transfer: int, columns: tuple[tuple[float, ...], ...]
) -> None:
    image, wanted = Image.new("RGB", (64, 64), PALE), screen_to_srgb(PALE, columns)

    colour = shown(by_numbers(image, image_format, primaries, transfer))

    assert not is_near(wanted, PALE, by=12)
    assert is_near(colour, wanted, by=7)


@pytest.mark.parametrize("image_format", ["HEIC", "AVIF"])
@pytest.mark.parametrize(("primaries", "transfer"), [(1, 13), (1, 1), (2, 2), (6, 6), (5, 13)])
def test_numbers_that_say_srgb_or_nothing_known_leave_the_colours_alone(
    image_format: str, primaries: int, transfer: int
) -> None:
    colour = shown(by_numbers(Image.new("RGB", (64, 64), MUTED), image_format, primaries, transfer))

    assert is_near(colour, MUTED, by=5)


@pytest.mark.parametrize("image_format", ["HEIC", "AVIF"])
def test_a_profile_wins_over_numbers(image_format: str) -> None:
    image = Image.new("RGB", (64, 64), MUTED)
    original = encoded(image, image_format, quality=95, icc_profile=wide_gamut())
    start = original.index(b"colr")
    assert original[start : start + 8] in (b"colrprof", b"colrrICC")

    assert is_near(shown(original), as_srgb(MUTED), by=7)


@pytest.mark.parametrize("image_format", ["HEIC", "AVIF"])
def test_hdr_by_perceptual_quantization_fits_a_screen(image_format: str) -> None:
    """Grey stays grey; paper white (203 cd/m², 58 % of the signal) is light but leaves room above; black is black."""
    shades = [
        shown(by_numbers(Image.new("RGB", (64, 64), (value,) * 3), image_format, 9, 16)) for value in (0, 148, 192, 255)
    ]

    assert [shade[1] for shade in shades] == sorted(shade[1] for shade in shades)
    assert shades[0][1] <= 3
    assert 175 <= shades[1][1] <= 200
    assert shades[3][1] >= 252
    assert all(is_near(shade, (shade[1],) * 3, by=4) for shade in shades)


def test_transparency_stays_where_colours_are_told_by_numbers() -> None:
    colour = shown(by_numbers(Image.new("RGBA", (64, 64), (*MUTED, 100)), "AVIF", 12, 13))

    assert is_near(colour, (*screen_to_srgb(MUTED, P3), 100), by=9)


@pytest.mark.parametrize("part", [b"pitm", b"iprp", b"ipco", b"ipma", b"colr", b"nclx"])
@pytest.mark.parametrize("damage", [b"????", b"\xff\xff\xff\xff"])
def test_a_damaged_header_says_nothing_of_colours(part: bytes, damage: bytes) -> None:
    original = by_numbers(Image.new("RGB", (64, 64), MUTED), "AVIF", 12, 13)
    start = original.index(part)

    assert nclx_of_avif(original) == (12, 13)
    assert nclx_of_avif(original[:start] + damage + original[start + 4 :]) is None
    assert nclx_of_avif(original[: start + 4]) is None


@given(st.binary(max_size=400), st.integers(0, 2**32))
def test_no_header_however_odd_breaks_the_reader(noise: bytes, seed: int) -> None:
    original = bytearray(by_numbers(Image.new("RGB", (16, 16), MUTED), "AVIF", 12, 13))
    for place, value in enumerate(noise):
        original[(seed + place * 7) % len(original)] = value

    found = nclx_of_avif(bytes(original))

    assert found is None or all(0 <= number < 2**16 for number in found)


def test_the_primaries_are_those_of_the_standard() -> None:
    """White is where all three are at their most, whatever the primaries."""
    for number in (1, 9, 12):
        profile = icc_profile(number, 8)
        assert profile
        columns = [struct.unpack(">3i", profile[profile.index(b"XYZ ", at) + 8 :][:12]) for at in _columns_at(profile)]
        white = [sum(values) / 65536 for values in zip(*columns, strict=True)]
        assert white == pytest.approx(WHITE, abs=0.0005)


def _columns_at(profile: bytes) -> list[int]:
    """Where the profile says its three primaries are."""
    entries = [
        struct.unpack_from(">4sII", profile, 132 + 12 * n) for n in range(struct.unpack_from(">I", profile, 128)[0])
    ]
    return [offset for name, offset, _ in entries if name in (b"rXYZ", b"gXYZ", b"bXYZ")]
