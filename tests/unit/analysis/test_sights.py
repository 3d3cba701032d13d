"""What the light in a picture shows, on pictures drawn for it."""

import random

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from app.analysis.sights import BLUE_SKY, DARK, FLOWERS, STRIPED, SUNSET, sights

SIZE = (480, 360)
EVENING = [(70, 80, 130), (230, 170, 120), (250, 160, 60), (20, 18, 30), (15, 14, 24)]
NOON = [(90, 150, 230), (120, 180, 240), (70, 110, 60), (60, 100, 50)]


def photographed(image: Image.Image) -> Image.Image:
    """With the grain that every photograph has."""
    dice = random.Random(7)
    grain = Image.frombytes("L", image.size, bytes(dice.randrange(40) for _ in range(image.width * image.height)))
    return ImageChops.add(image, Image.merge("RGB", [grain] * 3), offset=-20)


def graded(colours: list[tuple[int, int, int]], size: tuple[int, int] = SIZE) -> Image.Image:
    """Colours that run into each other from top to bottom."""
    column = Image.new("RGB", (1, len(colours)))
    column.putdata(colours)
    return column.resize(size, Image.Resampling.BICUBIC)


def speckled(image: Image.Image, box: tuple[int, int, int, int], colours: list[str]) -> Image.Image:
    draw, dice = ImageDraw.Draw(image), random.Random(3)
    for _ in range(6000):
        x, y = dice.randrange(box[0], box[2]), dice.randrange(box[1], box[3])
        draw.ellipse((x, y, x + 7, y + 7), dice.choice(colours))
    return image


def seen(image: Image.Image, *, is_screen: bool = False, is_worded: bool = False) -> list[str]:
    return sights(image, is_screen=is_screen, is_worded=is_worded)


def test_a_warm_sky_above_dark_ground_is_a_sunset() -> None:
    assert SUNSET in seen(photographed(graded(EVENING)))


def test_warm_walls_are_no_sunset() -> None:
    room = graded([(225, 180, 130), (215, 170, 120), (200, 160, 110), (150, 110, 70)])

    assert seen(photographed(room)) == []


def test_blue_above_is_the_sky_and_blue_below_is_not() -> None:
    landscape = photographed(graded(NOON))

    assert seen(landscape) == [BLUE_SKY]
    assert seen(landscape.transpose(Image.Transpose.FLIP_TOP_BOTTOM)) == []


def test_vivid_ground_under_the_sky_looks_like_flowers() -> None:
    field = speckled(graded(NOON), (0, 180, *SIZE), ["#d02090", "#f0b020", "#e04040", "#b040c0"])

    assert seen(photographed(field)) == [BLUE_SKY, FLOWERS]


def test_what_is_nearly_black_all_over_is_dark() -> None:
    night = speckled(Image.new("RGB", SIZE, (12, 12, 20)), (0, 300, SIZE[0], 310), ["#f0e0a0"])

    assert seen(photographed(night)) == [DARK]


def test_even_bands_of_light_and_dark_are_stripes_unless_they_are_lines_of_text() -> None:
    cloth = Image.new("RGB", SIZE, (240, 240, 235))
    for top in range(0, SIZE[1], 30):
        ImageDraw.Draw(cloth).rectangle((0, top, SIZE[0], top + 14), (30, 40, 90))
    cloth = photographed(cloth)

    assert STRIPED in seen(cloth)
    assert STRIPED in seen(cloth.transpose(Image.Transpose.ROTATE_90))
    assert seen(cloth, is_worded=True) == []


def test_a_chequered_cloth_is_not_striped() -> None:
    board = Image.new("RGB", (16, 12))
    board.putdata([(240, 240, 235) if (n + n // 16) % 2 else (30, 40, 90) for n in range(16 * 12)])

    assert STRIPED not in seen(photographed(board.resize(SIZE, Image.Resampling.NEAREST)))


def test_what_a_program_draws_shows_no_scene() -> None:
    assert seen(graded(EVENING, (480, 20)).resize(SIZE, Image.Resampling.NEAREST)) == []


def test_on_a_phones_screen_only_the_middle_counts() -> None:
    screen = Image.new("RGB", (480, 1040), (10, 10, 10))
    screen.paste(photographed(graded(EVENING, (480, 700))), (0, 80))

    assert SUNSET in seen(screen, is_screen=True)


@pytest.mark.parametrize("size", [(1, 1), (3000, 4), (19, 19), (20, 4000)])
def test_any_size_is_looked_at(size: tuple[int, int]) -> None:
    assert seen(Image.new("RGB", size, "teal").filter(ImageFilter.GaussianBlur(1))) == []
