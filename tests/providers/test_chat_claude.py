"""Claude in conversations, through langchain-anthropic and the vendor's own SDK, against servers on this machine."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from app.chat import claude, tools
from app.chat.summaries import ModelSummary, Summary
from app.platform import spending
from app.platform.errors import AppError, PermanentFailure, Unavailable
from app.platform.parameters import Secret
from app.platform.settings import ChatSettings
from tests import stub_providers as stubs
from tests.providers.chat_stubs import ClaudeStub
from tests.providers.conftest import StoredParameters
from tests.stub_providers import KEY, VENDORS_WORDS, Reply, serving

MODEL = "claude-sonnet-5-5"
HELLO = [HumanMessage("hello")]


@pytest.fixture
def vendor() -> ClaudeStub:
    return ClaudeStub("Bread costs 5.40, it says.")


@pytest.fixture
def url(vendor: ClaudeStub) -> Iterator[str]:
    with serving(vendor, keep_alive=False) as base_url:
        yield base_url


def settings(url: str, **changes: Any) -> ChatSettings:
    named = {"checkpoints_table": "c", "sessions_table": "s", "chat_provider": "claude", "anthropic_base_url": url}
    return ChatSettings(**{**named, **changes})


@pytest.fixture
def build(url: str, secret: Callable[[str], Secret]) -> Callable[..., claude.ChatClaude]:
    def build(**changes: Any) -> claude.ChatClaude:
        return claude.anthropic_api(secret("anthropic_api_key"), MODEL, settings(url, **changes))

    return build


def streamed(model: Any) -> list[AIMessageChunk]:
    return [chunk for chunk in model.stream(HELLO) if isinstance(chunk, AIMessageChunk)]


def test_words_come_as_they_are_said_and_are_paid_for(
    build: Callable[..., claude.ChatClaude], vendor: ClaudeStub
) -> None:
    with spending.collecting() as bill:
        chunks = streamed(build())

    assert "".join(chunk.text for chunk in chunks) == "Bread costs 5.40, it says."
    assert len([chunk for chunk in chunks if chunk.text]) == 4
    assert (bill.total.input_tokens, bill.total.output_tokens) == (100, 20)
    assert bill.total.cost_usd > 0
    (request,) = vendor.requests
    assert (request["model"], request["max_tokens"]) == (MODEL, 2000)


def test_a_summary_is_streamed_bounded_and_paid_for(
    build: Callable[..., claude.ChatClaude], vendor: ClaudeStub
) -> None:
    with spending.collecting() as bill:
        summary = ModelSummary(build(chat_output_tokens=500))("", HELLO)

    assert summary == Summary("Bread costs 5.40, it says.", 100, 20)
    assert (bill.total.input_tokens, bill.total.output_tokens) == (100, 20)
    (request,) = vendor.requests
    assert request["max_tokens"] == 500
    assert "tools" not in request


def test_a_summary_that_claude_refuses_is_made_by_rules(
    build: Callable[..., claude.ChatClaude], vendor: ClaudeStub
) -> None:
    vendor.default = stubs.OVERLOADED

    assert ModelSummary(build())("", HELLO) == Summary("Asked: hello")


def test_tools_are_offered_and_called(build: Callable[..., claude.ChatClaude], vendor: ClaudeStub) -> None:
    vendor.moves = [[("search_collection", {"query": "bread"})]]

    answer = build().bind_tools(tools.offered(None)).invoke(HELLO)

    assert isinstance(answer, AIMessage)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("search_collection", {"query": "bread"})]
    offered = {tool["name"]: tool["input_schema"]["properties"] for tool in vendor.requests[0]["tools"]}
    assert set(offered) == {"search_collection", "get_item", "similar_items", "collection_overview"}
    assert not any("user" in name or name == "runtime" for names in offered.values() for name in names)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (stubs.OVERLOADED, Unavailable),
        (stubs.SERVER_ERROR, Unavailable),
        (stubs.CONNECTION_RESET, Unavailable),
        (stubs.UNAUTHORIZED, Unavailable),
        (stubs.rate_limited(retry_after=7), Unavailable),
        (stubs.BAD_REQUEST, PermanentFailure),
        (Reply(stubs.Kind.ERROR, 400, error_type="billing_error"), Unavailable),
    ],
)
def test_what_goes_wrong_comes_in_our_terms_at_the_first_try(
    build: Callable[..., claude.ChatClaude], vendor: ClaudeStub, reply: Reply, failure: type[AppError]
) -> None:
    vendor.default = reply

    with pytest.raises(failure) as caught:
        streamed(build())

    assert vendor.calls == 1
    assert VENDORS_WORDS not in caught.value.detail


def test_a_vendor_that_asks_to_wait_is_heard(build: Callable[..., claude.ChatClaude], vendor: ClaudeStub) -> None:
    vendor.default = stubs.rate_limited(retry_after=7)

    with pytest.raises(Unavailable) as caught:
        streamed(build())

    assert caught.value.retry_after == 7


def test_an_answer_that_trickles_in_ends_at_the_deadline(
    build: Callable[..., claude.ChatClaude], vendor: ClaudeStub
) -> None:
    vendor.default = stubs.TRICKLE

    with pytest.raises(Unavailable):
        streamed(build(chat_call_deadline_s=1))


def test_a_key_that_was_replaced_is_taken_up(
    build: Callable[..., claude.ChatClaude], vendor: ClaudeStub, stored: StoredParameters
) -> None:
    stored.values["anthropic_api_key"] = "revoked"
    model = build()
    with pytest.raises(Unavailable):
        streamed(model)

    stored.values["anthropic_api_key"] = KEY

    assert streamed(model)


def test_on_bedrock_it_talks_the_same(vendor: ClaudeStub, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "eu-central-1")):
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
    model = claude.bedrock(f"global.anthropic.{MODEL}", settings(url, chat_provider="bedrock", bedrock_base_url=url))

    assert "".join(chunk.text for chunk in streamed(model)) == "Bread costs 5.40, it says."
    assert vendor.requests[0]["model"] == f"global.anthropic.{MODEL}"
