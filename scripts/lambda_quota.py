"""Whether the account has room for what a template reserves of Lambda's concurrency, asked before anything is deployed.

Told by CloudFormation it would cost a quarter of an hour, and a first deployment that is to be cleared away.
"""

import json
from pathlib import Path

from scripts import cdk
from scripts.cdk import Place
from scripts.console import fail, say

# What Lambda keeps for functions without a reservation. AWS Lambda Developer Guide, "Configuring reserved concurrency
# for a function".
LEFT_TO_OTHERS = 100
# Service Quotas, Lambda, "Concurrent executions", and what AWS gives an account that is no new one.
_QUOTA, _USUAL = "L-B99A9384", 1_000


def check(place: Place, assembly: Path) -> None:
    """End with what mends it, where the account's quota is too small for the stack in this assembly."""
    from botocore.exceptions import ClientError

    wanted = reserved(assembly / "CollectionsStack.template.json")
    if place.endpoint or not wanted:
        return
    try:
        limits = place.client("lambda").get_account_settings()["AccountLimit"]
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "AccessDeniedException":
            raise
        say("[yellow]![/] You may not ask for the account's quota (lambda:GetAccountSettings): nobody looked whether")
        say(f"  {wanted} invocations at once can be reserved.")
        return
    quota = limits["ConcurrentExecutions"]
    others = quota - limits["UnreservedConcurrentExecutions"] - _held(place)
    if (needed := others + wanted + LEFT_TO_OTHERS) <= quota:
        return
    fail(
        f"{wanted} invocations at once are to be reserved, and Lambda wants {LEFT_TO_OTHERS} left without reservation"
        f"{f' beside {others} that others have reserved' if others else ''}: {needed} together, and this account may "
        f"run {quota} in {place.region}. Ask AWS for more, which is free: "
        f"`aws service-quotas request-service-quota-increase --service-code lambda --quota-code {_QUOTA} "
        f"--desired-value {max(needed, _USUAL)} --region {place.region}`. Or deploy without reservations meanwhile: "
        "`make infra-deploy CLOUD=aws CONTEXT=reserved_concurrency=off` (docs/hardening.md)."
    )


def reserved(template: Path) -> int:
    """What all functions of a template reserve together."""
    resources = json.loads(template.read_text())["Resources"].values()
    functions = (each["Properties"] for each in resources if each["Type"] == "AWS::Lambda::Function")
    return sum(function.get("ReservedConcurrentExecutions", 0) for function in functions)


def _held(place: Place) -> int:
    """What the stack has reserved already, where it is there: it need not be free as well."""
    if cdk.status(place) is None:
        return 0
    client = place.client("lambda")
    pages = place.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=place.stack)
    functions = (
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function" and resource["ResourceStatus"] != "DELETE_COMPLETE"
    )
    answers = (client.get_function_concurrency(FunctionName=name) for name in functions)
    return sum(answer.get("ReservedConcurrentExecutions", 0) for answer in answers)
