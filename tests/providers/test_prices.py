from decimal import Decimal

import pytest

from app.analysis import claude
from app.platform import prices
from app.search.voyage import DEFAULT_MODEL


def test_a_call_is_charged_for_what_it_reads_and_what_it_writes() -> None:
    cost = prices.cost_usd("claude-sonnet-4-5", input_tokens=1_000_000, output_tokens=100_000)

    assert cost == Decimal("4.5")


def test_the_default_models_have_prices_of_their_own() -> None:
    assert claude.newest_sonnet() in prices.PRICES
    assert DEFAULT_MODEL in prices.PRICES


@pytest.mark.parametrize(
    ("model", "same_as", "factor"),
    [
        ("global.anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", "1"),
        ("eu.anthropic.claude-sonnet-5-5", "claude-sonnet-5-5", "1.1"),
        ("anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5", "1.1"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "1"),
    ],
)
def test_a_models_other_names_cost_what_it_costs(model: str, same_as: str, factor: str) -> None:
    known = prices.cost_usd(same_as, input_tokens=10_000, output_tokens=1000)

    assert prices.cost_usd(model, input_tokens=10_000, output_tokens=1000) == known * Decimal(factor)


@pytest.mark.parametrize(("model", "dearest"), [("claude-sonnet-9", "claude-fable-5"), ("voyage-9", "voyage-3-large")])
def test_a_model_nobody_listed_is_never_underestimated(model: str, dearest: str) -> None:
    cost = prices.cost_usd(model, input_tokens=1000, output_tokens=1000)

    assert cost == prices.cost_usd(dearest, input_tokens=1000, output_tokens=1000)
