"""Bills: what adapters say was paid, collected around a call, and shared among those it was for."""

from contextvars import copy_context
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest

from app.analysis import claude, openai, vision
from app.platform import prices
from app.platform.settings import AnalysisSettings, ChatSettings, EmbeddingSettings
from app.platform.spending import Spent, collecting, paid
from app.search.voyage import DEFAULT_MODEL
from app.usage import ceilings

MILLION = 1_000_000


def test_a_bill_adds_up_what_is_paid_inside_and_nothing_else() -> None:
    paid("claude-sonnet-4-5", input_tokens=MILLION)

    with collecting() as bill:
        first = paid("claude-sonnet-4-5", input_tokens=MILLION, output_tokens=MILLION)
        paid("voyage-3.5-lite", input_tokens=MILLION)
    paid("claude-sonnet-4-5", input_tokens=MILLION)

    assert first == 18
    assert bill.total == Spent(2 * MILLION, MILLION, Decimal("18.02"))


def test_a_bill_within_a_bill_is_its_own() -> None:
    with collecting() as outer:
        with collecting() as inner:
            paid("voyage-3.5-lite", input_tokens=10)
        paid("voyage-3.5-lite", input_tokens=5)

    assert (outer.total.input_tokens, inner.total.input_tokens) == (5, 10)


def test_threads_that_work_for_the_caller_are_on_the_callers_bill() -> None:
    with collecting() as bill:
        threads = [
            Thread(target=copy_context().run, args=[lambda: paid("voyage-3.5-lite", input_tokens=1)]) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert bill.total.input_tokens == 8


@pytest.mark.parametrize("weights", [[1], [1, 1, 1], [0, 0, 7], [3, 5, 11, 0, 2]])
def test_shares_of_a_bill_add_up_to_it_again(weights: list[int]) -> None:
    whole = Spent(1001, 17, Decimal("0.000013"))

    shares = whole.split(weights)

    assert len(shares) == len(weights)
    assert sum(shares, Spent()) == whole
    assert all(share.input_tokens >= 0 and share.cost_usd >= 0 for share in shares)


def test_longer_texts_bear_more_of_a_bill() -> None:
    short, long = Spent(100, 0, Decimal("0.001")).split([100, 300])

    assert (short.input_tokens, long.input_tokens) == (25, 75)


def test_nobody_charges_for_local_providers() -> None:
    assert ceilings.analysis(AnalysisSettings(analysis_provider="local")) == 0
    assert ceilings.embedding(EmbeddingSettings(embedding_provider="local")) == 0


def test_what_is_held_for_an_analysis_is_the_most_that_two_questions_can_cost() -> None:
    settings = AnalysisSettings(analysis_provider="claude", analysis_fallback=("openai",))
    most = [
        prices.cost_usd(model, input_tokens=2 * ceilings.TOKENS_READ, output_tokens=2 * vision.MAX_TOKENS)
        for model in (claude.newest_sonnet(), claude.newest_sonnet_on_bedrock(), openai.newest_terra())
    ]

    assert ceilings.TOKENS_WRITTEN == vision.MAX_TOKENS
    assert ceilings.analysis(settings) >= max(most)


def test_a_dear_model_that_a_request_may_name_is_held_for() -> None:
    usual = AnalysisSettings(analysis_provider="claude")
    dear = AnalysisSettings(analysis_provider="claude", analysis_allowed={"claude": ("claude-opus-4-8",)})

    assert ceilings.analysis(dear) > ceilings.analysis(usual)


def test_what_is_held_for_a_turn_of_a_chat_grows_with_what_it_may_take() -> None:
    def held(**settings: Any) -> Decimal:
        return ceilings.chat(ChatSettings(checkpoints_table="any", sessions_table="any", **settings))

    assert held(chat_provider="local") == 0
    assert 0 < held(chat_provider="claude") < held(chat_provider="claude", chat_turn_tokens=120_000)
    assert held(chat_provider="claude", chat_model="claude-haiku-4-5") < held(chat_provider="claude")
    dear = held(chat_provider="claude", chat_model="claude-haiku-4-5", chat_allowed="claude-opus-5")
    assert dear > held(chat_provider="claude", chat_model="claude-haiku-4-5")


def test_what_is_held_for_a_text_is_the_longest_that_is_read() -> None:
    held = ceilings.embedding(EmbeddingSettings(embedding_provider="voyage"))

    assert held >= prices.cost_usd(DEFAULT_MODEL, input_tokens=ceilings.TOKENS_OF_A_TEXT)
