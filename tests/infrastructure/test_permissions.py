"""What every role may do: each action on each resource, and a written reason for each `*`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infrastructure import wildcards
from tests.infrastructure.synthesized import Synthesized

PROFILES = ("aws", "local", "private", "guarded")


@dataclass(frozen=True)
class Grant:
    role: str
    action: str
    resource: str

    @property
    def has_wildcard(self) -> bool:
        return "*" in self.action or "*" in self.resource

    def is_explained_by(self, wildcard: wildcards.Wildcard) -> bool:
        return self.action in wildcard.actions and re.fullmatch(wildcard.resource, self.resource) is not None


@pytest.fixture(params=PROFILES)
def stack(request: pytest.FixtureRequest) -> Synthesized:
    found: Synthesized = request.getfixturevalue(request.param)
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def documents(stack: Synthesized) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every policy of every role, by the role's logical id."""
    for policy in stack.properties_of("AWS::IAM::Policy"):
        for role in policy["Roles"]:
            yield role["Ref"], policy["PolicyDocument"]
    for role, resource in stack.all_of("AWS::IAM::Role").items():
        for policy in resource["Properties"].get("Policies", []):
            yield role, policy["PolicyDocument"]


def grants(stack: Synthesized) -> list[Grant]:
    return [
        Grant(role, action, stack.text(resource))
        for role, document in documents(stack)
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def test_every_wildcard_has_its_reason(stack: Synthesized) -> None:
    unexplained = [
        grant
        for grant in grants(stack)
        if grant.has_wildcard and not any(grant.is_explained_by(wildcard) for wildcard in wildcards.ALL)
    ]

    assert unexplained == []


def test_no_action_is_a_wildcard(stack: Synthesized) -> None:
    assert [grant for grant in grants(stack) if "*" in grant.action] == []


def test_the_list_is_of_what_the_functions_do(aws: Synthesized) -> None:
    """So that the tests above look at something."""
    services = {grant.action.partition(":")[0] for grant in grants(aws)}

    assert {"s3", "sqs", "dynamodb", "events", "lambda", "ssm", "rds-db", "secretsmanager", "cognito-idp"} <= services
    assert {grant.role for grant in grants(aws)} == set(aws.all_of("AWS::IAM::Role"))


def test_every_reason_is_for_something(
    aws: Synthesized, local: Synthesized, private: Synthesized, guarded: Synthesized
) -> None:
    granted = {grant for each in (aws, local, private, guarded) for grant in grants(each)}

    for wildcard in wildcards.ALL:
        explained = {grant.action for grant in granted if grant.is_explained_by(wildcard)}
        assert explained == wildcard.actions
        assert len(wildcard.reason) > 20


@pytest.mark.parametrize(
    ("action", "resource"),
    [("s3:GetObject", "<Images.Arn>/*"), ("dynamodb:*", "<Table.Arn>"), ("ssm:GetParametersByPath", "*")],
)
def test_what_nobody_explained_is_found(action: str, resource: str) -> None:
    grant = Grant("Role", action, resource)

    assert grant.has_wildcard
    assert not any(grant.is_explained_by(wildcard) for wildcard in wildcards.ALL)


def test_no_role_takes_a_ready_made_policy(aws: Synthesized, local: Synthesized, private: Synthesized) -> None:
    for stack in (aws, local, private):
        assert not [role for role in stack.properties_of("AWS::IAM::Role") if role.get("ManagedPolicyArns")]


def test_only_services_of_aws_take_roles(stack: Synthesized) -> None:
    for role in stack.properties_of("AWS::IAM::Role"):
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            assert set(statement["Principal"]) == {"Service"}


def test_everybody_is_only_ever_refused(stack: Synthesized) -> None:
    """Policies of buckets, queues and topics: whoever is not named gets nothing."""
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
        for policy in stack.properties_of(kind):
            for statement in policy["PolicyDocument"]["Statement"]:
                if statement["Principal"] in ("*", {"AWS": "*"}):
                    assert statement["Effect"] == "Deny"
                elif statement["Effect"] == "Allow":
                    assert statement["Condition"], statement


def test_functions_may_not_touch_the_network_that_lambda_makes_for_them(private: Synthesized) -> None:
    refused = [
        statement
        for _, document in documents(private)
        for statement in document["Statement"]
        if statement["Effect"] == "Deny"
    ]
    in_vpc = [f for f in private.properties_of("AWS::Lambda::Function") if "VpcConfig" in f]

    assert len(refused) == len(in_vpc)
    for statement in refused:
        assert set(statement["Action"]) == wildcards.NETWORK_INTERFACES.actions
        assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "false"}}
