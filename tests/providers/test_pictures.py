"""What a vision model is shown of a rendition."""

import io
import random

import pytest
from PIL import Image

from app.analysis.pictures import LONG_EDGE, MAX_BYTES, MAX_PIECES, OVERLAP, Picture, pictures_of
from app.platform.errors import PermanentFailure


def an_image(width: int, height: int, *, form: str = "WEBP", mode: str = "RGB", colour: object = "red") -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height), colour).save(out, form)  # type: ignore[arg-type]
    return out.getvalue()


def opened(picture: Picture) -> Image.Image:
    return Image.open(io.BytesIO(picture.data))


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((2048, 1536), (1568, 1176)),
        ((947, 2048), (725, 1568)),
        ((640, 480), (640, 480)),
        ((1, 1), (1, 1)),
    ],
)
def test_an_image_is_shown_whole_at_the_size_that_claude_looks_at(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    (picture,) = pictures_of(an_image(*size))

    assert opened(picture).size == shown
    assert (opened(picture).format, picture.media_type) == ("JPEG", "image/jpeg")


@pytest.mark.parametrize("size", [(300, 2048), (2048, 300), (700, 4096), (10, 2048)])
def test_a_tall_or_wide_image_is_shown_in_pieces_at_its_own_resolution(size: tuple[int, int]) -> None:
    pictures = [opened(picture) for picture in pictures_of(an_image(*size))]

    length = max(size)
    covered = sum(max(picture.size) for picture in pictures)
    assert 2 <= len(pictures) <= MAX_PIECES
    assert {min(picture.size) for picture in pictures} == {min(size)}
    assert all(max(picture.size) <= LONG_EDGE for picture in pictures)
    assert covered >= length * (1 + OVERLAP / 2)


def test_the_pieces_come_in_reading_order_and_leave_nothing_out() -> None:
    ladder = Image.new("RGB", (300, 2048))
    for row in range(2048):
        ladder.paste((row // 8, 0, 0), (0, row, 300, row + 1))
    out = io.BytesIO()
    ladder.save(out, "PNG")

    first, second = (opened(picture).convert("RGB") for picture in pictures_of(out.getvalue()))

    def red(image: Image.Image, row: int) -> int:
        return image.getpixel((150, row))[0]  # type: ignore[index,return-value]

    assert red(first, 0) < 5
    assert red(second, second.height - 1) > 250
    assert red(second, 0) < red(first, first.height - 1)


@pytest.mark.parametrize("levels", [256, 2], ids=["noise", "noise in black and white"])
def test_no_picture_has_more_bytes_than_the_strictest_vendor_takes(levels: int) -> None:
    pixels = random.Random(1).randbytes(LONG_EDGE * LONG_EDGE * 3)
    noise = bytes(pixels if levels == 256 else (255 * (byte & 1) for byte in pixels))
    out = io.BytesIO()
    Image.frombytes("RGB", (LONG_EDGE, LONG_EDGE), noise).save(out, "PNG", compress_level=0)

    (picture,) = pictures_of(out.getvalue())

    assert len(picture.data) <= MAX_BYTES
    assert opened(picture).size == (LONG_EDGE, LONG_EDGE)


def test_what_is_transparent_is_shown_on_white() -> None:
    (picture,) = pictures_of(an_image(50, 50, form="PNG", mode="RGBA", colour=(0, 0, 0, 0)))

    assert opened(picture).getpixel((25, 25)) == (255, 255, 255)


@pytest.mark.parametrize("image", [b"", b"not an image", an_image(64, 64)[:40], an_image(50, 50, form="GIF")])
def test_what_is_no_rendition_is_unreadable(image: bytes) -> None:
    with pytest.raises(PermanentFailure) as caught:
        pictures_of(image)

    assert caught.value.code == "unreadable_image"
