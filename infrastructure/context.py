"""What a deployment may choose, with `-c key=value` of the CDK's command line."""

import os
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from constructs import Node

from app.platform import concurrency
from app.platform.settings import UsageSettings

# Where AWS WAF keeps what is for CloudFront. AWS WAF Developer Guide, "How AWS WAF works with CloudFront".
FIREWALL_REGION = "us-east-1"


def chosen(node: Node, key: str, default: str) -> str:
    """`-c key=…`, or the default."""
    return str(node.try_get_context(key) or default)


def network(node: Node) -> tuple[Literal["public", "private"], Literal["none", "instance", "gateway"]]:
    """`-c network=private`, and with it `-c nat=instance|gateway`.

    Raises:
        ValueError: something else, or a NAT that nothing would go through.
    """
    match chosen(node, "network", "public"), chosen(node, "nat", "none"):
        case ("public", "none"):
            return "public", "none"
        case ("private", ("none" | "instance" | "gateway") as nat):
            return "private", nat
        case ("public", nat):
            raise ValueError(f"-c nat={nat}: only with -c network=private, as instance or gateway")
        case (network, nat):
            raise ValueError(
                f"-c network={network} -c nat={nat}: expected public or private, and none, instance or gateway"
            )


def waf(node: Node) -> str | None:
    """`-c waf=true`, or `-c waf=arn:aws:wafv2:us-east-1:…`.

    Raises:
        ValueError: something else, or a deployment elsewhere that cannot have the firewall inside.
    """
    asked = chosen(node, "waf", "false")
    if asked == "false":
        return None
    if re.fullmatch(r"arn:[\w-]+:wafv2:us-east-1:\d+:global/webacl/.+", asked):
        return asked
    if asked != "true":
        raise ValueError(f"-c waf={asked}: expected true, false or the ARN of a web ACL in us-east-1")
    # Told by the CDK's command line; synthesized alone, the template is for whoever deploys it.
    region = os.environ.get("CDK_DEFAULT_REGION", FIREWALL_REGION)
    if region != FIREWALL_REGION:
        raise ValueError(
            f"-c waf=true: CloudFront's firewall can only be made in {FIREWALL_REGION}, and this deployment goes to "
            f'{region}. Make it there first and give its ARN: docs/hardening.md, "Firewall"'
        )
    return "own"


def cors_origins(node: Node) -> tuple[str, ...]:
    """`-c cors_origins=https://one.example.com,http://localhost:5173`; none by default.

    Raises:
        ValueError: one is no origin. `*` is none.
    """
    origins = tuple(origin.strip() for origin in chosen(node, "cors_origins", "").split(",") if origin.strip())
    for origin in origins:
        if not re.fullmatch(r"https?://[a-z0-9.-]+(:\d+)?", origin):
            raise ValueError(f"-c cors_origins: {origin!r} is not of the form https://host or http://host:port")
    return origins


def reservations(node: Node) -> Mapping[str, int]:
    """What the budget of connections reserves; nothing with `-c reserved_concurrency=off`.

    Lambda lets no reservation take what is left for everybody else below 100, and in a new account, whose quota is 10,
    below that: there nothing can be reserved, and ten at once are within the budget anyway.

    Raises:
        ValueError: neither on nor off.
    """
    match chosen(node, "reserved_concurrency", "on"):
        case "on":
            return MappingProxyType(concurrency.bounded_by("reservation"))
        case "off":
            return MappingProxyType({})
        case other:
            raise ValueError(f"-c reserved_concurrency={other}: expected on or off")


def usage(node: Node) -> dict[str, str]:
    """`-c analyses_per_day=…`, and so on: the settings by their own names."""
    wanted = {name: chosen(node, name, "") for name in UsageSettings.model_fields}
    return {name.upper(): value for name, value in wanted.items() if value}
