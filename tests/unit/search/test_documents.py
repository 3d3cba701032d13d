"""The document that stands for an item in search."""

from app.analysis.models import AnalysisDocument, ImageDetails, MediaMetadata
from app.search import documents
from tests.fakes import an_item

ANALYSIS = AnalysisDocument(
    category="photo",
    subcategories=["street"],
    headline="A tram at night",
    summary="A yellow tram under rain.",
    media_metadata=MediaMetadata(
        original_poster="@anna", tagged_accounts=["@ben"], location_tags=["Lisbon"], hashtags=["#tram"]
    ),
    image_details=ImageDetails(
        extracted_text=["LINE 28", "GRAÇA"],
        objects=["tram", "rails"],
        themes=["travel"],
        emotions=["calm"],
        vibes=["nocturnal"],
        likely_source="phone",
        key_interest="the tram",
        colors=["yellow"],
    ),
)


def test_everything_worth_searching_for_is_in_one_of_three_fields() -> None:
    document = documents.build(an_item(), ANALYSIS)

    assert document.headline == "A tram at night"
    assert document.labels == "photo street #tram Lisbon"
    assert document.body.splitlines() == [
        "A yellow tram under rain.",
        "LINE 28",
        "GRAÇA",
        "tram, rails",
        "travel",
        "calm, nocturnal",
        "yellow",
        "@anna @ben phone the tram",
    ]


def test_the_users_words_come_before_the_analysis() -> None:
    item = an_item(title="Our last evening", notes="Ask Ben for more", tags=["holiday"], category="place")

    document = documents.build(item, ANALYSIS)

    assert document.headline == "Our last evening\nA tram at night"
    assert document.labels.split() == ["place", "holiday", "street", "#tram", "Lisbon"]
    assert document.body.startswith("Ask Ben for more\nA yellow tram")


def test_the_users_category_replaces_the_analysis_category() -> None:
    document = documents.build(an_item(category="recipe"), ANALYSIS)

    assert "photo" not in document.labels.split()


def test_what_is_said_twice_in_a_field_counts_once() -> None:
    item = an_item(title="A tram at night", tags=["street", "street", "photo"])

    document = documents.build(item, ANALYSIS)

    assert document.headline == "A tram at night"
    assert document.labels == "photo street #tram Lisbon"


def test_what_is_missing_leaves_no_gaps() -> None:
    bare = AnalysisDocument(category="photo", headline="A wall", summary="")

    document = documents.build(an_item(title="", notes=None), bare)

    assert (document.headline, document.labels, document.body) == ("A wall", "photo", "")
    assert document.text == "A wall\nphoto"


def test_the_most_telling_is_embedded_first() -> None:
    document = documents.build(an_item(title="Our last evening"), ANALYSIS)

    assert document.text.startswith(f"{document.headline}\n{document.labels}\n{ANALYSIS.summary}")


def test_colours_are_embedded_where_there_are_hardly_any_words() -> None:
    written = ANALYSIS.model_copy(update={"image_details": ImageDetails(extracted_text=["x" * 40], colors=["yellow"])})

    assert "\nyellow" in documents.build(an_item(), ANALYSIS).text
    assert "\nyellow" not in documents.build(an_item(), written).text
    assert "\nyellow" in documents.build(an_item(), written).body


def test_an_item_is_found_by_what_else_its_category_is_called() -> None:
    document = documents.build(an_item(category="clothing"), ANALYSIS)

    assert "clothes to wear" in document.body
    assert "wear" not in document.text
    assert "wear" not in document.words


def test_a_line_that_the_headline_quotes_is_embedded_once() -> None:
    details = ImageDetails(extracted_text=["GRAND OPENING", "free cake"])
    analysis = AnalysisDocument(category="poster", headline="Grand opening", summary="", image_details=details)

    document = documents.build(an_item(), analysis)

    assert document.text.lower().count("grand opening") == 1
    assert "free cake" in document.text
    assert "GRAND OPENING" in document.body


def test_type_ahead_knows_the_words_of_headline_and_labels_once_each() -> None:
    document = documents.build(an_item(title="Tram Tram 28", tags=["day trip"]), ANALYSIS)

    assert document.words.count("tram") == 1
    assert {"day", "trip"} <= set(document.words)
    assert "28" not in document.words


def test_the_same_item_always_makes_the_same_document() -> None:
    item = an_item(tags=["b", "a", "c"])

    assert documents.build(item, ANALYSIS) == documents.build(item, ANALYSIS)
