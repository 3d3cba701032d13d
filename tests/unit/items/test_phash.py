"""Pictures that look alike differ in few bits; others do not. On the samples, which hold look-alike receipts too."""

import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps

from app.items.phash import perceptual_hash
from app.platform.settings import SearchSettings

SAMPLES = Path(__file__).resolve().parents[3] / "samples"
WITHIN = SearchSettings().near_duplicate_bits


def sample(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return shrunk(ImageOps.exif_transpose(opened).convert("RGB"), 800)


def shrunk(image: Image.Image, long_edge: int) -> Image.Image:
    image = image.copy()
    image.thumbnail((long_edge, long_edge))
    return image


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    return [sample(path) for path in sorted(SAMPLES.glob("*.jpg"))]


def hashed(picture: Image.Image) -> int:
    return perceptual_hash(shrunk(picture, 512))


def bits_between(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def distance(one: Image.Image, other: Image.Image) -> int:
    return bits_between(hashed(one), hashed(other))


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def without_edges(image: Image.Image, part: float) -> Image.Image:
    left, top = int(image.width * part), int(image.height * part)
    return image.crop((left, top, image.width - left, image.height - top))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda image: as_jpeg(image, 40), id="encoded anew"),
        pytest.param(lambda image: shrunk(image, 260), id="a third of the size"),
        pytest.param(lambda image: as_jpeg(shrunk(image, 400), 50), id="sent by a messenger"),
        pytest.param(lambda image: ImageEnhance.Contrast(image).enhance(0.85), id="less contrast"),
        pytest.param(lambda image: image.convert("L"), id="without colours"),
        pytest.param(lambda image: without_edges(image, 0.01), id="1 % cut off all around"),
    ],
)
def test_a_changed_copy_is_a_near_duplicate(
    pictures: list[Image.Image], change: Callable[[Image.Image], Image.Image]
) -> None:
    distances = [distance(picture, change(picture)) for picture in pictures]

    assert max(distances) <= WITHIN


def test_different_pictures_are_none(pictures: list[Image.Image]) -> None:
    hashes = [hashed(picture) for picture in pictures[:20]]

    distances = [bits_between(one, other) for one, other in combinations(hashes, 2)]

    assert min(distances) > WITHIN


def test_transparency_counts_as_white(pictures: list[Image.Image]) -> None:
    cut_out = pictures[0].convert("RGBA")
    cut_out.paste((0, 0, 0, 0), (0, 0, cut_out.width // 2, cut_out.height))
    on_white = pictures[0].copy()
    on_white.paste("white", (0, 0, cut_out.width // 2, cut_out.height))

    assert distance(cut_out, on_white) == 0


def test_a_hash_fits_a_signed_64_bit_column(pictures: list[Image.Image]) -> None:
    hashes = [perceptual_hash(picture) for picture in pictures]

    assert all(-(2**63) <= value < 2**63 for value in hashes)
    assert any(value < 0 for value in hashes)
    assert any(value > 0 for value in hashes)
