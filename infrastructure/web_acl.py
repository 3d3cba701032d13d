"""The web application firewall before CloudFront: `-c waf=true`, or a stack of its own for other regions.

What protects a distribution must be in us-east-1, wherever the rest is. A stack there has it inside; for any other
region this module is an app by itself, whose output the stack is then given as `-c waf=<ARN>`: docs/hardening.md.
"""

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from infrastructure.clouds import Cloud, chosen_cloud
from infrastructure.context import FIREWALL_REGION

RATE_WINDOW_S = 300

# Of the common rules, those that read bodies only count: pictures are bodies, of megabytes, in which any byte sequence
# occurs, and notes and questions are people's own words, with addresses and markup in them.
COUNTED = (
    "SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY", "GenericRFI_BODY", "EC2MetaDataSSRF_BODY",
)  # fmt: skip


class WebAcl(Construct):
    """AWS's managed rules, and a ceiling for one address."""

    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(scope, construct_id)
        # Two users who do all they may can share an address.
        rules = [
            _too_many_from_one_address(2 * cloud.requests_per_minute * RATE_WINDOW_S // 60),
            _managed("AWSManagedRulesAmazonIpReputationList", priority=1),
            _managed("AWSManagedRulesKnownBadInputsRuleSet", priority=2),
            _managed("AWSManagedRulesCommonRuleSet", priority=3, counted=COUNTED),
        ]
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            scope="CLOUDFRONT",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_measured("All"),
            rules=rules,
        )
        self.arn = acl.attr_arn


def _too_many_from_one_address(limit: int) -> wafv2.CfnWebACL.RuleProperty:
    statement = wafv2.CfnWebACL.RateBasedStatementProperty(
        aggregate_key_type="IP", limit=limit, evaluation_window_sec=RATE_WINDOW_S
    )
    return wafv2.CfnWebACL.RuleProperty(
        name="TooManyFromOneAddress",
        priority=0,
        action=wafv2.CfnWebACL.RuleActionProperty(
            block=wafv2.CfnWebACL.BlockActionProperty(
                custom_response=wafv2.CfnWebACL.CustomResponseProperty(response_code=429)
            )
        ),
        statement=wafv2.CfnWebACL.StatementProperty(rate_based_statement=statement),
        visibility_config=_measured("TooManyFromOneAddress"),
    )


def _managed(name: str, *, priority: int, counted: tuple[str, ...] = ()) -> wafv2.CfnWebACL.RuleProperty:
    only_count = wafv2.CfnWebACL.RuleActionProperty(count={})
    group = wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
        vendor_name="AWS",
        name=name,
        rule_action_overrides=[
            wafv2.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=only_count) for rule in counted
        ],
    )
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(managed_rule_group_statement=group),
        visibility_config=_measured(name),
    )


def _measured(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )


def web_acl_stack(app: App) -> Stack:
    """The stack for distributions whose own stack is in another region."""
    cloud = chosen_cloud(app.node)
    stack = Stack(
        app,
        "WebAclStack",
        stack_name=f"collections-{cloud.environment}-web-acl",
        env=Environment(region=FIREWALL_REGION),
        description="The web application firewall of Collections",
    )
    acl = WebAcl(stack, "WebAcl", cloud=cloud)
    CfnOutput(stack, "WebAclArn", value=acl.arn)
    return stack


if __name__ == "__main__":
    app = App()
    web_acl_stack(app)
    app.synth()
