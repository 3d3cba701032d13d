"""`-c waf=true`, and what is told where it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App

from infrastructure.clouds import ROOT, chosen_cloud
from infrastructure.web_acl import COUNTED, web_acl_stack
from scripts import cost
from tests.infrastructure.synthesized import Synthesized, app_for, synthesize

ARN = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/collections/0f7"


def distribution(stack: Synthesized) -> dict:
    (found,) = stack.properties_of("AWS::CloudFront::Distribution")
    return dict(found["DistributionConfig"])


def test_the_firewall_is_before_the_web_origin_and_objected_to_by_nobody(guarded: Synthesized) -> None:
    ((acl, resource),) = guarded.all_of("AWS::WAFv2::WebACL").items()

    assert distribution(guarded)["WebACLId"] == {"Fn::GetAtt": [acl, "Arn"]}
    assert resource["Properties"]["Scope"] == "CLOUDFRONT"
    assert guarded.violations == []


def test_without_being_asked_for_there_is_none(aws: Synthesized, local: Synthesized) -> None:
    for stack in (aws, local):
        assert "WebACLId" not in distribution(stack)
        assert not stack.all_of("AWS::WAFv2::WebACL")


def test_one_address_gets_what_two_users_may_ask(guarded: Synthesized) -> None:
    rule = rules(guarded)["TooManyFromOneAddress"]
    limit = rule["Statement"]["RateBasedStatement"]

    per_minute = limit["Limit"] * 60 / limit["EvaluationWindowSec"]

    assert per_minute == 2 * int(guarded.environment("api")["REQUESTS_PER_MINUTE"])
    assert limit["AggregateKeyType"] == "IP"
    assert rule["Action"]["Block"]["CustomResponse"]["ResponseCode"] == 429


def test_what_reads_bodies_only_counts_for_pictures_are_bodies(guarded: Synthesized) -> None:
    group = rules(guarded)["AWSManagedRulesCommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]

    assert {each["Name"]: each["ActionToUse"] for each in group["RuleActionOverrides"]} == {
        name: {"Count": {}} for name in COUNTED
    }


def test_managed_rules_do_what_they_say(guarded: Synthesized) -> None:
    managed = {name: rule for name, rule in rules(guarded).items() if name.startswith("AWSManaged")}

    assert len(managed) == 3
    assert all(rule["OverrideAction"] == {"None": {}} for rule in managed.values())
    assert len({rule["Priority"] for rule in rules(guarded).values()}) == len(rules(guarded))


def rules(stack: Synthesized) -> dict[str, dict]:
    (acl,) = stack.properties_of("AWS::WAFv2::WebACL")
    return {rule["Name"]: rule for rule in acl["Rules"]}


def test_it_is_a_line_of_the_estimate(guarded: Synthesized) -> None:
    lines = [line for line in cost.estimate(guarded.template, cost.Profile()) if line.service == "WAF"]

    assert sum(line.usd for line in lines) > 9
    assert cost.unknown(guarded.template) == []


def test_elsewhere_than_in_us_east_1_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-central-1")

    with pytest.raises(ValueError, match=r"us-east-1.*eu-central-1.*docs/hardening\.md"):
        chosen_cloud(App(context={"waf": "true"}).node)


def test_one_that_was_made_there_serves_everywhere(
    bundles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CDK_DEFAULT_REGION", "eu-central-1")

    stack = synthesize(tmp_path, cloud="aws", env="test", bundles=str(bundles), waf=ARN)

    assert distribution(stack)["WebACLId"] == ARN
    assert not stack.all_of("AWS::WAFv2::WebACL")


def test_the_stack_that_makes_it_there_says_its_arn(tmp_path: Path) -> None:
    app = app_for(tmp_path, env="test")
    stack = web_acl_stack(app)
    template = app.synth().get_stack_by_name(stack.stack_name).template

    ((acl, _),) = template["Resources"].items()
    assert stack.region == "us-east-1"
    assert template["Outputs"]["WebAclArn"]["Value"] == {"Fn::GetAtt": [acl, "Arn"]}


@pytest.mark.parametrize("asked", ["yes", "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/x/1"])
def test_what_is_no_firewall_of_cloudfront_is_refused(asked: str) -> None:
    with pytest.raises(ValueError, match="us-east-1"):
        chosen_cloud(App(context={"waf": asked}).node)


def test_it_is_an_app_by_itself_as_the_documentation_calls_it(tmp_path: Path) -> None:
    run = [sys.executable, "-m", "infrastructure.web_acl"]
    assert "-m infrastructure.web_acl'" in (ROOT / "docs" / "hardening.md").read_text()

    subprocess.run(run, cwd=ROOT, env={**os.environ, "CDK_OUTDIR": str(tmp_path)}, check=True, timeout=300)

    assert (tmp_path / "WebAclStack.template.json").is_file()
