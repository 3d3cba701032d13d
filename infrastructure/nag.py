"""How a finding of cdk-nag is answered: by a reason, beside the construct it concerns."""

from collections.abc import Iterable
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from infrastructure.wildcards import Wildcard


def accept(construct: IConstruct, reason: str, *rules: str) -> None:
    """Keep a construct as it is although rules of the AwsSolutions pack object.

    Rules with several findings per resource are named with the finding: `AwsSolutions-IAM5[Resource::*]`.
    """
    Validations.of(construct).acknowledge(*(Acknowledgment(id=rule, reason=reason) for rule in rules))


def accept_wildcards(function: lambda_.Function, wildcard: Wildcard, resources: Iterable[str]) -> None:
    """Keep these resources with a wildcard in what a function may reach."""
    if function.role is None:
        raise ValueError("only functions with a role of their own may be granted anything")
    resolved = (Stack.of(function).resolve(resource) for resource in resources)
    accept(
        function.role, wildcard.reason, *(f"AwsSolutions-IAM5[Resource::{_flat(resource)}]" for resource in resolved)
    )


def _flat(resolved: Any) -> str:
    """The one-line form in which cdk-nag names a resource: `<LogicalId.Arn>/*`."""
    match resolved:
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_flat(part) for part in parts)
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Ref": name}:
            return f"<{name}>"
        case _:
            return str(resolved)
