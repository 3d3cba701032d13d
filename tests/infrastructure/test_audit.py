"""cdk-nag's AwsSolutions pack and the CDK's own validation."""

from pathlib import Path

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

from infrastructure.nag import accept
from tests.infrastructure.synthesized import Synthesized, audit


def test_nothing_on_aws_is_objected_to(aws: Synthesized) -> None:
    assert aws.violations == []


def test_the_only_objection_to_the_local_cloud_is_its_plain_http(local: Synthesized) -> None:
    assert {violation.partition(":")[0] for violation in local.violations} == {"AwsSolutions-CFR5", "AwsSolutions-S10"}


def test_the_audit_objects_until_a_finding_is_accepted(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    bucket = s3.Bucket(Stack(app, "Plain"), "Bucket", enforce_ssl=True)

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert audit(tmp_path) == ["AwsSolutions-S1: Plain/Bucket/Resource"]

    accept(bucket, "It is a test.", "AwsSolutions-S1")
    app.synth(force=True)

    assert audit(tmp_path) == []


def test_money_is_watched_on_aws_only(aws: Synthesized, local: Synthesized) -> None:
    (budget,) = aws.properties_of("AWS::Budgets::Budget")

    assert budget["Budget"]["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    assert not local.all_of("AWS::Budgets::Budget")
