"""Colours by name."""

import pytest
from PIL import Image

from app.analysis.palette import COLOUR_NAMES, MAX_COLOURS, colour_name, dominant_colours, to_lab


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ("#000000", "black"),
        ("#ffffff", "white"),
        ("#808080", "grey"),
        ("#d01020", "red"),
        ("#1040e0", "blue"),
        ("#000080", "navy blue"),
        ("#209030", "green"),
        ("#ffe920", "yellow"),
        ("#ff8010", "orange"),
        ("#7b3f00", "brown"),
        ("#ff69b4", "pink"),
        ("#8000a0", "purple"),
        ("#008080", "teal"),
        ("#f5deb3", "beige"),
    ],
)
def test_a_solid_picture_has_one_colour(colour: str, name: str) -> None:
    image = Image.new("RGB", (64, 48), colour)

    assert dominant_colours(image) == [name]


def test_colours_come_by_area_and_slivers_do_not_count() -> None:
    image = Image.new("RGB", (200, 100), "#1040e0")
    image.paste("#ffe920", (0, 0, 60, 100))
    image.paste("#d01020", (190, 0, 195, 100))

    assert dominant_colours(image) == ["blue", "yellow"]


def test_what_is_vivid_and_in_the_middle_is_named_before_the_wall_behind_it() -> None:
    image = Image.new("RGB", (200, 100), "#c8c4c0")
    image.paste("#d01020", (65, 20, 135, 85))

    assert dominant_colours(image) == ["red", "light grey"]


def test_a_picture_of_all_colours_has_five_at_most() -> None:
    image = Image.new("RGB", (len(COLOUR_NAMES) * 8, 20))
    for index, points in enumerate(COLOUR_NAMES.values()):
        image.paste(points[0], (index * 8, 0, index * 8 + 8, 20))

    names = dominant_colours(image)

    assert 1 <= len(names) <= MAX_COLOURS


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK"])
def test_every_mode_has_a_colour(mode: str) -> None:
    image = Image.new("RGB", (4, 4), "white").convert(mode)

    assert dominant_colours(image) == ["white"]


@pytest.mark.parametrize(("name", "points"), COLOUR_NAMES.items())
def test_every_point_is_nearest_to_its_own_name(name: str, points: tuple[tuple[int, int, int], ...]) -> None:
    assert {colour_name(point) for point in points} == {name}


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100.0, 0.0, 0.0)),
        ((0, 0, 0), (0.0, 0.0, 0.0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),  # Lindbloom's calculator, sRGB under D65
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_cielab_agrees_with_published_values(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert to_lab(rgb) == pytest.approx(lab, abs=0.05)
