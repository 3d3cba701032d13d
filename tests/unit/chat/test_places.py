"""Cities and the countries that they are in."""

import pytest

from app.chat import places


def test_cities_are_named_in_order_with_or_without_their_marks_and_with_a_capital() -> None:
    found = places.cities(["HAMBURG", "Malaga · Málaga", "from New York, a lisbon", "Hamburgers"])

    assert found == ["hamburg", "malaga", "new york"]
    assert [places.country_of(city) for city in found[:2]] == ["Germany", "Spain"]
    assert [places.country_of(city) for city in places.cities(["İzmir", "IZMIR", "Paphos", "Mılan"])] == [
        "Turkey, Türkiye", "Cyprus", "Italy",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("flight", "portugal"), [("portugal",)]),
        (("south", "korea"), [("south", "korea")]),
        (("korea",), [("korea",)]),
        (("north", "korea"), [("korea",)]),
        (("united", "kingdom"), [("united", "kingdom")]),
        (("united", "nations"), []),
        (("lisbon",), []),
    ],
)
def test_a_country_is_named_by_all_the_words_of_its_name(words: tuple[str, ...], named: list[tuple[str, ...]]) -> None:
    assert [*places.countries_in(words).values()] == named


def test_no_city_is_in_two_countries() -> None:
    every = [city for cities in places.CITIES.values() for city in places.cities([cities])]

    assert len(every) == len(set(every))
    assert all(places.country_of(city) for city in every)
