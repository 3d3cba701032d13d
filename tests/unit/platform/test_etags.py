"""Entity tags: what they are made of, and how they are compared."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.platform.errors import InvalidInput
from app.platform.etags import etag, is_known, wanted_versions

NOW = datetime(2026, 11, 21, 12, 30, 15, 123456, tzinfo=UTC)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # with a zone


@given(moments)
def test_a_tag_is_the_version_it_was_made_of(moment: datetime) -> None:
    assert wanted_versions(etag(moment)) == [moment]


@given(moments, moments)
def test_two_versions_have_two_tags(one: datetime, other: datetime) -> None:
    assert (etag(one) == etag(other)) == (one == other)


def test_a_moment_is_one_version_in_every_zone() -> None:
    assert etag(NOW.astimezone(timezone(timedelta(hours=9)))) == etag(NOW)


@pytest.mark.parametrize("if_match", [None, "*", " * "])
def test_without_a_condition_or_with_a_star_any_version_is_wanted(if_match: str | None) -> None:
    assert wanted_versions(if_match) is None


@pytest.mark.parametrize("if_match", ['"another-tag"', "W/{tag}", '""', '"{bare}0000000000"', '"-1"', '"0x10"'])
def test_a_tag_that_is_none_of_ours_or_weak_wants_no_version(if_match: str) -> None:
    header = if_match.format(tag=etag(NOW), bare=etag(NOW).strip('"'))

    assert wanted_versions(header) == []


def test_a_list_wants_each_of_its_versions() -> None:
    other = NOW - timedelta(microseconds=1)

    assert wanted_versions(f'"x", {etag(NOW)} ,, W/"y",{etag(other)}') == [NOW, other]


@pytest.mark.parametrize("header", ["{tag}", "W/{tag}", '"a", {tag}', '"a",W/{tag} ', "*"])
def test_a_known_version_is_found_by_weak_comparison(header: str) -> None:
    assert is_known(NOW, header.format(tag=etag(NOW)))


@pytest.mark.parametrize("header", [None, '"a"', 'W/"a", "b"'])
def test_another_version_is_not_known(header: str | None) -> None:
    assert not is_known(NOW, header)


@pytest.mark.parametrize("header", ["", "5f3e9a0c", '"open', '"a" "b"', 'w/"a"', '"a", *', '"a\x7f"', ",", "'a'"])
def test_what_is_no_list_of_tags_is_refused(header: str) -> None:
    with pytest.raises(InvalidInput):
        wanted_versions(header)
    with pytest.raises(InvalidInput):
        is_known(NOW, header)
