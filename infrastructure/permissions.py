"""What a function may do, written out: CDK's own `grant` adds a table's indexes, by wildcard."""

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from infrastructure.nag import accept_wildcards
from infrastructure.wildcards import Wildcard

# On a table: to read and write its rows, each by its key.
ROWS = ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem")


def allow(function: lambda_.Function, *actions: str, on: Sequence[str], wildcard: Wildcard | None = None) -> None:
    """Let a function do this to resources, named by their ARNs; with the reason why these have a wildcard."""
    function.add_to_role_policy(iam.PolicyStatement(actions=[*actions], resources=[*on]))
    if wildcard is not None:
        accept_wildcards(function, wildcard, on)
