"""Entity tags and the requests that depend on them: RFC 9110, sections 8.8.3 and 13.1.

A version is the time of a row's last change, in microseconds: every statement that changes a row sets it, so that a
condition can be checked by the very UPDATE that depends on it. Links that were signed differently are no new version.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from app.platform.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAGS = re.compile(rf"[ \t,]*{_TAG}(?:[ \t]*,[ \t,]*{_TAG})*[ \t,]*")
_VERSION = re.compile(r'(?P<weak>W/)?"(?P<microseconds>[0-9a-f]{1,14})"')


def etag(changed_at: datetime) -> str:
    """The strong entity tag of the version that came to be at that moment."""
    return f'"{(changed_at - _EPOCH) // timedelta(microseconds=1):x}"'


def wanted_versions(if_match: str | None) -> list[datetime] | None:
    """The versions that `If-Match` lets be changed: None is any of them, an empty list none that ever was.

    By strong comparison: a weak tag matches nothing.

    Raises:
        InvalidInput: it is no list of entity tags.
    """
    if if_match is None or if_match.strip() == "*":
        return None
    found = (_VERSION.fullmatch(tag) for tag in _listed(if_match, "If-Match"))
    return [_moment(match["microseconds"]) for match in found if match and not match["weak"]]


def is_known(changed_at: datetime, if_none_match: str | None) -> bool:
    """Whether `If-None-Match` says that the caller has this version already. By weak comparison.

    Raises:
        InvalidInput: it is no list of entity tags.
    """
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return etag(changed_at) in [tag.removeprefix("W/") for tag in _listed(if_none_match, "If-None-Match")]


def _listed(header: str, name: str) -> Sequence[str]:
    if not _TAGS.fullmatch(header):
        raise InvalidInput(f'{name} is a list of entity tags, like "5f3e9a0c", or *.')
    return re.findall(_TAG, header)


def _moment(microseconds: str) -> datetime:
    # Fourteen digits are at most the year 4253.
    return _EPOCH + timedelta(microseconds=int(microseconds, 16))
