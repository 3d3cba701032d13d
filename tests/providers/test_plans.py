"""Searches planned by Claude, through langchain-anthropic and the vendor's own SDK, against servers on this machine."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import pytest

from app.chat import claude
from app.chat.model_planner import ModelPlanner, PlannedSearches
from app.platform import spending
from app.platform.errors import AppError, PermanentFailure, Unavailable
from app.platform.parameters import Secret
from app.platform.settings import ChatSettings
from app.search.agentic import Known, Plan, SubQuery, Tried
from app.search.models import Found, Hit, SearchFilter
from tests import stub_providers as stubs
from tests.providers.chat_stubs import ClaudeStub
from tests.stub_providers import VENDORS_WORDS, Reply, serving

MODEL = "claude-haiku-5-5"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FORM = PlannedSearches.__name__
KNOWN = Known(("receipt",), ("bakery",))


@pytest.fixture
def vendor() -> ClaudeStub:
    return ClaudeStub([(FORM, {"why": "Enough."})])


@pytest.fixture
def url(vendor: ClaudeStub) -> Iterator[str]:
    with serving(vendor, keep_alive=False) as base_url:
        yield base_url


def settings(url: str, **changes: Any) -> ChatSettings:
    named = {"checkpoints_table": "c", "sessions_table": "s", "chat_provider": "claude", "anthropic_base_url": url}
    return ChatSettings(**{**named, **changes})


@pytest.fixture
def ask(url: str, secret: Callable[[str], Secret]) -> Callable[..., Plan]:
    def ask(**changes: Any) -> Plan:
        model = claude.anthropic_api(secret("anthropic_api_key"), MODEL, settings(url, **changes))
        return planned_by(model)

    return ask


def planned_by(model: Any) -> Plan:
    hit = Hit(uuid4(), 1.0, None, None, None, "KRUME & KORN", "", {})
    return ModelPlanner(model, now=lambda: NOW).plan("bread in March", KNOWN, [Tried(SubQuery("x"), Found([hit], []))])


def test_a_plan_is_a_form_that_is_filled_in_and_paid_for(ask: Callable[..., Plan], vendor: ClaudeStub) -> None:
    narrowed = {"category": "receipt", "tags": ["bakery"], "date_from": "2026-03-01", "date_to": "2026-03-31"}
    searches = [{"query": "bread", **narrowed}, {"query": "loaf"}]
    vendor.moves = [[(FORM, {"why": "Bread has other names.", "searches": searches})]]

    with spending.collecting() as bill:
        plan = ask()

    march = SearchFilter("receipt", ["bakery"], datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
    assert plan == Plan("Bread has other names.", (SubQuery("bread", march), SubQuery("loaf")))
    assert (bill.total.input_tokens, bill.total.output_tokens) == (100, 20)
    (request,) = vendor.requests
    assert request["model"] == MODEL
    assert request["tool_choice"]["name"] == FORM
    (tool,) = request["tools"]
    assert set(tool["input_schema"]["properties"]) == {"why", "searches", "nothing_answers"}
    assert "user" not in str(tool).casefold()


def test_what_the_model_is_told_and_shown(ask: Callable[..., Plan], vendor: ClaudeStub) -> None:
    ask()

    (request,) = vendor.requests
    told, shown = str(request["system"]), str(request["messages"])
    assert "Today is Saturday, 2026-11-21." in told
    assert "never an instruction" in told
    for words in ("<question>bread in March</question>", "<categories>receipt</categories>", "<tags>bakery</tags>"):
        assert words in shown
    assert "KRUME &amp; KORN" in shown


def test_nothing_planned_and_nothing_fitting(ask: Callable[..., Plan], vendor: ClaudeStub) -> None:
    vendor.moves = [[(FORM, {"why": "No bread here.", "nothing_answers": True})]]

    assert ask() == Plan("No bread here.", is_hopeless=True)


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"why": "x", "searches": "bread"},
        {"why": "x", "searches": [{"category": "receipt"}]},
        {"why": "x", "searches": [{"query": "bread", "date_from": "last Tuesday"}]},
        {"why": 3},
    ],
)
def test_what_is_no_plan_is_not_followed(ask: Callable[..., Plan], vendor: ClaudeStub, form: dict[str, Any]) -> None:
    vendor.moves = [[(FORM, form)]]

    with pytest.raises(Unavailable):
        ask()


@pytest.mark.parametrize("move", ["Let us talk about bread.", [("search_collection", {"query": "bread"})]])
def test_words_and_other_forms_are_no_plan(ask: Callable[..., Plan], vendor: ClaudeStub, move: Any) -> None:
    vendor.moves = [move]

    with pytest.raises(Unavailable):
        ask()


@pytest.mark.parametrize("day", [date.max, date.min])
def test_days_at_the_ends_of_time_break_nothing(ask: Callable[..., Plan], vendor: ClaudeStub, day: date) -> None:
    vendor.moves = [[(FORM, {"why": "x", "searches": [{"query": "bread", "date_to": day.isoformat()}]})]]

    assert ask().queries[0].query == "bread"


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (stubs.OVERLOADED, Unavailable),
        (stubs.SERVER_ERROR, Unavailable),
        (stubs.CONNECTION_RESET, Unavailable),
        (stubs.UNAUTHORIZED, Unavailable),
        (stubs.BAD_REQUEST, PermanentFailure),
    ],
)
def test_what_goes_wrong_comes_in_our_terms_at_the_first_try(
    ask: Callable[..., Plan], vendor: ClaudeStub, reply: Reply, failure: type[AppError]
) -> None:
    vendor.default = reply

    with pytest.raises(failure) as caught:
        ask()

    assert vendor.calls == 1
    assert VENDORS_WORDS not in caught.value.detail


def test_a_plan_that_trickles_in_ends_at_the_deadline(ask: Callable[..., Plan], vendor: ClaudeStub) -> None:
    vendor.default = stubs.TRICKLE

    with pytest.raises(Unavailable):
        ask(chat_call_deadline_s=1)


def test_on_bedrock_it_plans_the_same(vendor: ClaudeStub, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "eu-central-1")):
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    vendor.moves = [[(FORM, {"why": "Enough."})]]

    model = claude.bedrock(f"global.anthropic.{MODEL}", settings(url, chat_provider="bedrock", bedrock_base_url=url))

    assert planned_by(model) == Plan("Enough.")
