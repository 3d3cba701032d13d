"""What providers charge: one dated table. Prices change; whoever changes a line changes the date.

Sources: Anthropic "Pricing" (model pricing), Amazon Bedrock "Pricing" (regional endpoints cost a tenth more), Voyage AI
"Pricing" (text embeddings; the free 200 million tokens are not counted).
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

AS_OF = date(2026, 10, 10)

_MILLION = Decimal(1_000_000)
# Stored with six decimals: a millionth of a dollar.
_SMALLEST = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, at the standard tier and without caching."""

    input: Decimal
    output: Decimal = Decimal(0)


def _price(read: str, written: str = "0") -> Price:
    return Price(Decimal(read), Decimal(written))


PRICES = {
    "claude-fable-5-1": _price("10", "50"),
    "claude-fable-5": _price("10", "50"),
    "claude-opus-5-5": _price("4", "20"),
    "claude-opus-5": _price("5", "25"),
    "claude-opus-4-8": _price("5", "25"),
    "claude-opus-4-7": _price("5", "25"),
    "claude-opus-4-6": _price("5", "25"),
    "claude-opus-4-5": _price("5", "25"),
    "claude-sonnet-5-5": _price("2", "10"),
    "claude-sonnet-5": _price("2", "10"),
    "claude-sonnet-4-6": _price("3", "15"),
    "claude-sonnet-4-5": _price("3", "15"),
    "claude-haiku-5-5": _price("0.10", "0.50"),  # prompts up to 100,000 tokens: an image and its instructions are 5,000
    "claude-haiku-4-5": _price("1", "5"),
    "voyage-4-large": _price("0.12"),
    "voyage-4": _price("0.06"),
    "voyage-4-lite": _price("0.02"),
    "voyage-3-large": _price("0.18"),
    "voyage-3.5": _price("0.06"),
    "voyage-3.5-lite": _price("0.02"),
}
_BEDROCK_REGIONAL = Decimal("1.1")


def cost_usd(model: str, *, input_tokens: int, output_tokens: int = 0) -> Decimal:
    """What a call cost, in US dollars with six decimals.

    A model without a line is charged like the dearest one of its vendor: a budget must never be surprised.
    """
    name, factor = _listed(model)
    price = PRICES.get(name) or _dearest(name)
    dollars = (price.input * input_tokens + price.output * output_tokens) / _MILLION * factor
    return dollars.quantize(_SMALLEST)


def _listed(model: str) -> tuple[str, Decimal]:
    """The name in the table, and what the way to the model adds: `eu.anthropic.claude-…-20250929-v1:0`, …"""
    scope, on_bedrock, name = model.rpartition("anthropic.")
    undated = next((known for known in PRICES if name.startswith((f"{known}-20", f"{known}-v1"))), name)
    return undated, _BEDROCK_REGIONAL if on_bedrock and not scope.startswith("global.") else Decimal(1)


def _dearest(name: str) -> Price:
    vendor = name.partition("-")[0]
    same = [price for known, price in PRICES.items() if known.startswith(f"{vendor}-")]
    return max(same or PRICES.values(), key=lambda price: (price.output, price.input))
