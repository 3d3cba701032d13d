"""Object keys: made from ids alone, read back without trust. And filenames, which stay text."""

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.items import s3
from app.items.models import ACCEPTED_TYPES, as_text

USER, ITEM = UUID("c0ffee00-2222-4333-8444-555555555555"), UUID("aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee")


@pytest.mark.parametrize("mime_type", ACCEPTED_TYPES)
def test_keys_are_made_of_ids_and_a_known_extension(mime_type: str) -> None:
    key = s3.original_key(USER, ITEM, mime_type)

    assert key.startswith(f"{USER}/images/{ITEM}/original.")
    assert key.rpartition(".")[2].isalpha()


@pytest.mark.parametrize("mime_type", ACCEPTED_TYPES)
def test_every_key_made_here_is_recognised(mime_type: str) -> None:
    original = s3.original_key(USER, ITEM, mime_type)

    keys = s3.keys_of(USER, ITEM, original, {0, 7})

    assert len(set(keys)) == 5
    assert [s3.parse_issued_key(key) for key in keys] == [(USER, ITEM, made_for) for made_for in (None, 0, 0, 7, 7)]
    assert s3.owner_of(original) == USER


@pytest.mark.parametrize("variant", ["display", "thumbnail"])
def test_a_rendition_of_the_time_before_generations_is_found_where_it_lies(variant: str) -> None:
    folder = variant.replace("thumbnail", "thumbnails")

    assert s3.rendition_key(USER, ITEM, variant, 0) == f"{USER}/{folder}/{ITEM}.webp"
    assert s3.rendition_key(USER, ITEM, variant, 2) == f"{USER}/{folder}/{ITEM}/2.webp"


@pytest.mark.parametrize(
    "key",
    [
        f"{USER}/images/holiday.jpg",
        f"{USER}/images/{ITEM}/photo.jpg",
        f"{USER}/images/{ITEM}/original.jpg/more",
        f"{USER}/images/{ITEM}/original.",
        f"{USER}/images/{ITEM}/original.jpg\n",
        f"{USER}/images/{str(ITEM).upper()}/original.jpg",
        f"{USER}/display/{ITEM}.jpg",
        f"{USER}/display/../{ITEM}.webp",
        f"{USER}/display/{ITEM}/0.webp",
        f"{USER}/display/{ITEM}/two.webp",
        f"{USER}/display/{ITEM}/-1.webp",
        f"x/{USER}/images/{ITEM}/original.jpg",
        f"/{USER}/display/{ITEM}.webp",
        f"{USER}/{ITEM}.webp",
        "",
    ],
)
def test_a_key_somebody_else_chose_is_not_one_of_ours(key: str) -> None:
    assert s3.parse_issued_key(key) is None


@pytest.mark.parametrize(
    "key",
    [
        f"{USER}/images/holiday.jpg",
        f"{USER}/images/a/b/c.jpg",
        f"{USER}/images/images/x.jpg",
        f"{USER}/images/../../secret.jpg",
        f"{USER}/images/\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    ],
)
def test_an_original_belongs_to_whose_prefix_it_is_under(key: str) -> None:
    assert s3.owner_of(key) == USER


@pytest.mark.parametrize(
    "key",
    [
        "",
        "images/x.jpg",
        "/images/x.jpg",
        f"{USER}",
        f"{USER}/images",
        f"{USER}/images/",
        f"{USER}/display/{ITEM}.webp",
        f"{USER}/thumbnails/{ITEM}.webp",
        f"{str(USER).upper()}/images/x.jpg",
        f"{USER.hex}/images/x.jpg",
        f"{{{USER}}}/images/x.jpg",
        f"urn:uuid:{USER}/images/x.jpg",
        f" {USER}/images/x.jpg",
        f"../{USER}/images/x.jpg",
        f"everyone/{USER}/images/x.jpg",
        f"{USER}/images/a\x00b.jpg",
    ],
)
def test_a_key_under_no_tenant_s_prefix_is_nobody_s(key: str) -> None:
    assert s3.owner_of(key) is None


@given(st.text())
def test_any_key_can_be_asked_about(key: str) -> None:
    owner, issued = s3.owner_of(key), s3.parse_issued_key(key)

    assert owner is None or key.startswith(f"{owner}/images/")
    assert issued is None or str(issued[1]) in key


@given(st.text(), st.text())
def test_one_tenant_s_keys_are_never_another_s(first: str, second: str) -> None:
    mine, yours = uuid4(), uuid4()

    assert s3.owner_of(f"{mine}/images/x{first}".replace("\x00", "")) == mine
    assert s3.owner_of(f"{yours}/images/x{second}".replace("\x00", "")) == yours


def test_the_key_in_s3_s_event_is_taken_as_it_is() -> None:
    key = s3.key_from_event({"object": {"key": "a/images/100%25 + 1.jpg", "size": 3}})

    assert key == "a/images/100%25 + 1.jpg"


@pytest.mark.parametrize(
    ("filename", "text"),
    [
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "../../etc/passwd"),
        ("C:\\photos\\me.jpg", "C:\\photos\\me.jpg"),
        ("a\x00b.jpg", "a\N{REPLACEMENT CHARACTER}b.jpg"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe", "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe"),
        ("\ud83d.jpg", "?.jpg"),
        ("", "unnamed"),
        ("写" * 300, "写" * 255),
    ],
)
def test_a_filename_is_text_to_show(filename: str, text: str) -> None:
    assert as_text(filename) == text


@given(st.text(st.characters(exclude_categories=()), max_size=600))
def test_any_filename_can_be_stored(filename: str) -> None:
    text = as_text(filename)

    assert 1 <= len(text) <= 255
    assert "\x00" not in text
    assert text.encode("utf-8").decode("utf-8") == text
