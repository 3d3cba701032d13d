"""Room for reserved concurrency, as Lambda and CloudFormation answer; botocore's stubs check both by its models."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from botocore.stub import Stubber

from app.platform import concurrency
from scripts import lambda_quota
from scripts.cdk import Place

REGION = "eu-central-1"
WANTED = sum(concurrency.bounded_by("reservation").values())


@dataclass(frozen=True)
class StubbedPlace(Place):
    """AWS, with clients that answer what a test says."""

    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        return self.clients[service]


@dataclass
class Account:
    """What the account answers."""

    place: StubbedPlace
    functions: Stubber
    stacks: Stubber

    def has(self, quota: int, *, unreserved: int) -> None:
        limit = {"ConcurrentExecutions": quota, "UnreservedConcurrentExecutions": unreserved}
        self.functions.add_response("get_account_settings", {"AccountLimit": limit})

    def has_no_stack(self) -> None:
        self.stacks.add_client_error("describe_stacks", "ValidationError", "Stack with id x does not exist")

    def has_stack(self, **reserved: int) -> None:
        stack = {"StackName": "collections-dev", "StackStatus": "UPDATE_COMPLETE", "CreationTime": "2026-11-21"}
        self.stacks.add_response("describe_stacks", {"Stacks": [stack]})
        resources = [
            {
                "LogicalResourceId": name,
                "PhysicalResourceId": name,
                "ResourceType": "AWS::Lambda::Function",
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": "2026-11-21",
            }
            for name in reserved
        ]
        self.stacks.add_response("list_stack_resources", {"StackResourceSummaries": resources})
        for name, count in reserved.items():
            answer = {"ReservedConcurrentExecutions": count} if count else {}
            self.functions.add_response("get_function_concurrency", answer, {"FunctionName": name})


@pytest.fixture
def account() -> Iterator[Account]:
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    clients = {name: boto3.client(name, region_name=REGION, **keys) for name in ("lambda", "cloudformation")}
    with ExitStack() as stack:
        functions, stacks = (stack.enter_context(Stubber(clients[name])) for name in ("lambda", "cloudformation"))
        yield Account(StubbedPlace("aws", REGION, clients=clients), functions, stacks)


@pytest.fixture
def assembly(tmp_path: Path) -> Path:
    return written(tmp_path, *concurrency.bounded_by("reservation").values())


def written(folder: Path, *reserved: int) -> Path:
    functions: dict[str, Any] = {
        f"Function{number}": {"Type": "AWS::Lambda::Function", "Properties": {"ReservedConcurrentExecutions": count}}
        for number, count in enumerate(reserved)
    }
    functions["Free"] = {"Type": "AWS::Lambda::Function", "Properties": {}}
    functions["Topic"] = {"Type": "AWS::SNS::Topic"}
    (folder / "CollectionsStack.template.json").write_text(json.dumps({"Resources": functions}))
    return folder


def test_a_new_account_is_told_what_to_ask_for_and_what_goes_meanwhile(
    account: Account, assembly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account.has(10, unreserved=10)
    account.has_no_stack()

    with pytest.raises(typer.Exit):
        lambda_quota.check(account.place, assembly)

    said = capsys.readouterr().out
    assert f"{WANTED + 100} together, and this account may run 10 in {REGION}" in said
    assert "--quota-code L-B99A9384 --desired-value 1000" in said
    assert "CONTEXT=reserved_concurrency=off" in said


@pytest.mark.parametrize(("quota", "fits"), [(WANTED + 100, True), (WANTED + 99, False)])
def test_a_hundred_must_be_left_without_reservation(account: Account, assembly: Path, quota: int, fits: bool) -> None:
    account.has(quota, unreserved=quota)
    account.has_no_stack()

    assert passes(account, assembly) is fits


def test_what_the_stack_holds_already_need_not_be_free_as_well(account: Account, assembly: Path) -> None:
    account.has(WANTED + 100, unreserved=100)
    account.has_stack(api=WANTED - 1, chat=1, migrate=0)

    assert passes(account, assembly)


def test_what_others_hold_is_not_there(account: Account, assembly: Path) -> None:
    account.has(WANTED + 120, unreserved=99)
    account.has_stack(api=WANTED)

    assert not passes(account, assembly)


def test_without_reservations_and_on_the_local_cloud_nobody_is_asked(account: Account, tmp_path: Path) -> None:
    lambda_quota.check(account.place, written(tmp_path))
    lambda_quota.check(Place("local", REGION, endpoint="http://127.0.0.1:1"), written(tmp_path, 4))


def test_who_may_not_ask_is_told_and_goes_on(
    account: Account, assembly: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account.functions.add_client_error("get_account_settings", "AccessDeniedException", http_status_code=403)

    lambda_quota.check(account.place, assembly)

    assert "lambda:GetAccountSettings" in capsys.readouterr().out


def passes(account: Account, assembly: Path) -> bool:
    try:
        lambda_quota.check(account.place, assembly)
    except typer.Exit as exc:
        return exc.exit_code == 0
    return True
