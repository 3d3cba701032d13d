"""What providers and AWS charge: dated tables in one file. Prices change; whoever changes a line changes its date.

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
    # Prompts up to 272,000 tokens.
    "gpt-6-astra": _price("10", "50"),
    "gpt-6.1-sol": _price("2", "10"),
    "gpt-6.1-terra": _price("1", "5"),
    "gpt-6-sol": _price("2", "10"),
    "gpt-6-luna": _price("0.10", "0.50"),
    "gpt-5.6-sol": _price("5", "30"),
    "gpt-5.6-terra": _price("2", "12"),
    "gpt-5.6-luna": _price("0.20", "1.20"),
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


@dataclass(frozen=True, slots=True)
class AwsPrice:
    """US dollars per `unit`, and how many units a month are free in every account for good."""

    usd: Decimal
    unit: str
    free: Decimal = Decimal(0)


def _aws(usd: str, unit: str, *, free: str = "0") -> AwsPrice:
    return AwsPrice(Decimal(usd), unit, Decimal(free))


AWS_AS_OF = date(2026, 11, 1)
AWS_REGION = "us-east-1"

# On demand, US East (N. Virginia). Sources: the pricing pages of AWS by the names of the services ("AWS Lambda
# Pricing", "Amazon RDS for PostgreSQL Pricing", …) and "AWS Free Tier" (always free).
AWS = {
    "rds db.t4g.micro": _aws("0.016", "hour"),
    "rds db.t4g.small": _aws("0.032", "hour"),
    "rds db.t4g.medium": _aws("0.065", "hour"),
    "rds gp3": _aws("0.115", "GB-month"),
    "ec2 t4g.nano": _aws("0.0042", "hour"),
    "ebs gp3": _aws("0.08", "GB-month"),
    "nat gateway": _aws("0.045", "hour"),
    "nat gateway data": _aws("0.045", "GB"),
    "waf acl": _aws("5", "web ACL"),
    "waf rule": _aws("1", "rule"),
    "waf request": _aws("0.0000006", "request"),
    "public ipv4": _aws("0.005", "hour"),
    "lambda arm64": _aws("0.0000133334", "GB-second", free="400000"),
    "lambda x86_64": _aws("0.0000166667", "GB-second", free="400000"),
    "lambda request": _aws("0.0000002", "request", free="1000000"),
    "http api": _aws("0.000001", "request"),
    "websocket message": _aws("0.000001", "message"),
    "websocket minute": _aws("0.00000025", "connection minute"),
    "sqs": _aws("0.0000004", "request", free="1000000"),
    "eventbridge": _aws("0.000001", "event"),
    "dynamodb write": _aws("0.000000625", "write unit"),
    "dynamodb read": _aws("0.000000125", "read unit"),
    "dynamodb storage": _aws("0.25", "GB-month", free="25"),
    "s3 storage": _aws("0.023", "GB-month"),
    "s3 write": _aws("0.000005", "request"),
    "s3 read": _aws("0.0000004", "request"),
    "internet": _aws("0.09", "GB", free="100"),
    "cloudfront transfer": _aws("0.085", "GB", free="1024"),
    "cloudfront request": _aws("0.000001", "request", free="10000000"),
    "cloudfront function": _aws("0.0000001", "invocation", free="2000000"),
    "cognito": _aws("0.015", "active user", free="10000"),
    "cloudwatch alarm": _aws("0.10", "alarm", free="10"),
    "cloudwatch dashboard": _aws("3", "dashboard", free="3"),
    "cloudwatch metric": _aws("0.30", "metric-month", free="10"),
    "cloudwatch logs": _aws("0.50", "GB", free="5"),
    "cloudwatch logs storage": _aws("0.03", "GB-month", free="5"),
    "xray": _aws("0.000005", "trace", free="100000"),
    "secretsmanager": _aws("0.40", "secret"),
}
