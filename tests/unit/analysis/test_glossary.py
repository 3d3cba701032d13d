"""Foreign words in English."""

import pytest

from app.analysis.glossary import in_english


@pytest.mark.parametrize(
    ("texts", "english"),
    [
        (["Löwen-Apotheke", "Berlin Hauptbahnhof"], ["pharmacy", "station"]),
        (["APOTHEKE am Markt"], ["pharmacy"]),
        (["箱根の温泉旅館"], ["hot spring bath", "traditional inn", "travel"]),
        (["a day at the onsen", "another onsen"], ["hot spring bath"]),
        (["Hamburg - København"], ["Copenhagen"]),
        (["桜"], ["cherry blossom", "flowers"]),
        (["coucher de soleil sur la plage"], ["sunset", "beach"]),
        (["conserves and sushirolls"], []),
        ([], []),
    ],
)
def test_words_are_explained_once_each_in_the_order_they_stand(texts: list[str], english: list[str]) -> None:
    assert in_english(texts) == english
