"""Web search through Tavily's own SDK, against a server on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.chat.tavily import TavilySearch
from app.platform.errors import AppError, PermanentFailure, Unavailable
from app.platform.parameters import Secret
from app.platform.settings import ChatSettings
from tests import stub_providers as stubs
from tests.providers.chat_stubs import TavilyStub
from tests.providers.conftest import StoredParameters
from tests.stub_providers import KEY, VENDORS_WORDS, Reply, serving


@pytest.fixture
def vendor() -> TavilyStub:
    return TavilyStub()


@pytest.fixture
def build(
    vendor: TavilyStub, stored: StoredParameters, secret: Callable[[str], Secret]
) -> Iterator[Callable[..., TavilySearch]]:
    stored.values["tavily_api_key"] = KEY
    with serving(vendor, keep_alive=False) as url:

        def build(**changes: Any) -> TavilySearch:
            named = {"checkpoints_table": "c", "sessions_table": "s", "chat_provider": "local", "tavily_base_url": url}
            return TavilySearch(secret("tavily_api_key"), ChatSettings(**{**named, **changes}))

        yield build


def test_a_search_brings_short_extracts(build: Callable[..., TavilySearch], vendor: TavilyStub) -> None:
    pages = build(web_search_results=3).search("museum opening hours")

    assert [page.title for page in pages] == ["Page 0", "Page 1", "Page 2"]
    assert all(len(page.content) == 1500 for page in pages)
    (request,) = vendor.requests
    assert (request["query"], request["search_depth"], request["max_results"]) == ("museum opening hours", "basic", 3)
    assert "include_domains" not in request
    assert "include_raw_content" not in request


def test_domains_and_depth_are_settings(build: Callable[..., TavilySearch], vendor: TavilyStub) -> None:
    build(web_search_domains="museum.example, city.example", web_search_depth="advanced").search("hours")

    (request,) = vendor.requests
    assert request["include_domains"] == ["museum.example", "city.example"]
    assert request["search_depth"] == "advanced"


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (stubs.BAD_REQUEST, PermanentFailure),
        (stubs.UNAUTHORIZED, Unavailable),
        (stubs.FORBIDDEN, Unavailable),
        (Reply(stubs.Kind.ERROR, 432), Unavailable),
        (stubs.rate_limited(), Unavailable),
        (stubs.SERVER_ERROR, Unavailable),
        (stubs.CONNECTION_RESET, Unavailable),
        (stubs.MALFORMED, Unavailable),
        (stubs.TRICKLE, Unavailable),
        (stubs.NEVER_ANSWERS, Unavailable),
    ],
)
def test_what_goes_wrong_comes_in_our_terms(
    build: Callable[..., TavilySearch], vendor: TavilyStub, reply: Reply, failure: type[AppError]
) -> None:
    vendor.default = reply

    with pytest.raises(failure) as caught:
        build(web_search_deadline_s=0.5).search("anything")

    assert vendor.calls == 1
    assert VENDORS_WORDS not in caught.value.detail
