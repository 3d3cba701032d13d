"""`-c network=private`: nobody reaches the database from outside, and functions still reach what they call."""

from pathlib import Path

import boto3
import pytest
from aws_cdk import App
from botocore.config import Config

from infrastructure.clouds import chosen_cloud
from scripts import cost
from tests.infrastructure.synthesized import BUNDLES, Synthesized, synthesize

# They call nobody but the API, as anybody could.
OUTSIDE = {"smoke"}


@pytest.fixture(scope="session", params=["instance", "gateway"])
def natted(request: pytest.FixtureRequest, bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(
        tmp_path_factory.mktemp(request.param),
        cloud="aws",
        env="test",
        bundles=str(bundles),
        network="private",
        nat=request.param,
    )


def subnets(stack: Synthesized, name: str) -> set[str]:
    return {
        logical_id
        for logical_id, subnet in stack.all_of("AWS::EC2::Subnet").items()
        if {"Key": "aws-cdk:subnet-name", "Value": name} in subnet["Properties"]["Tags"]
    }


def routes_of(stack: Synthesized, name: str) -> list[dict]:
    """Where the packets of these subnets go, beside each other."""
    tables = {
        association["RouteTableId"]["Ref"]
        for association in stack.properties_of("AWS::EC2::SubnetRouteTableAssociation")
        if association["SubnetId"]["Ref"] in subnets(stack, name)
    }
    assert tables
    return [route for route in stack.properties_of("AWS::EC2::Route") if route["RouteTableId"]["Ref"] in tables]


def test_nothing_is_objected_to(private: Synthesized, natted: Synthesized) -> None:
    assert private.violations == []
    assert natted.violations == []


def test_the_database_has_no_address_outside_and_no_way_out(private: Synthesized, natted: Synthesized) -> None:
    for stack in (private, natted):
        (database,) = stack.properties_of("AWS::RDS::DBInstance")
        (group,) = stack.properties_of("AWS::RDS::DBSubnetGroup")

        assert database["PubliclyAccessible"] is False
        assert {subnet["Ref"] for subnet in group["SubnetIds"]} == subnets(stack, "Database")
        assert len(group["SubnetIds"]) == 2
        assert routes_of(stack, "Database") == []


def test_only_our_functions_reach_the_database(private: Synthesized) -> None:
    (ingress,) = private.properties_of("AWS::EC2::SecurityGroupIngress")
    functions = {
        group["Fn::GetAtt"][0]
        for function in private.properties_of("AWS::Lambda::Function")
        for group in function.get("VpcConfig", {}).get("SecurityGroupIds", [])
    }

    assert {ingress["SourceSecurityGroupId"]["Fn::GetAtt"][0]} == functions
    assert (ingress["FromPort"], ingress["ToPort"]) == (5432, 5432)
    assert not [g for g in private.properties_of("AWS::EC2::SecurityGroup") if "SecurityGroupIngress" in g]


@pytest.mark.parametrize("bundle", sorted(set(BUNDLES) - OUTSIDE))
def test_a_function_is_inside_with_ipv6_and_calls_aws_by_dual_stack_names(private: Synthesized, bundle: str) -> None:
    _, function = private.functions()[bundle]
    placed = function["Properties"]["VpcConfig"]

    assert {subnet["Ref"] for subnet in placed["SubnetIds"]} == subnets(private, "Functions")
    assert placed["Ipv6AllowedForDualStack"] is True
    assert private.environment(bundle)["AWS_USE_DUALSTACK_ENDPOINT"] == "true"


def test_functions_go_out_by_ipv6_alone_and_nobody_comes_in(private: Synthesized) -> None:
    ways = routes_of(private, "Functions")

    assert {route["DestinationIpv6CidrBlock"] for route in ways} == {"::/0"}
    assert all("EgressOnlyInternetGatewayId" in route for route in ways)
    assert not private.all_of("AWS::EC2::InternetGateway")
    for subnet in subnets(private, "Functions"):
        assert private.template["Resources"][subnet]["Properties"]["AssignIpv6AddressOnCreation"] is True


def test_a_nat_carries_ipv4_out(natted: Synthesized) -> None:
    carried = [route for route in routes_of(natted, "Functions") if route.get("DestinationCidrBlock") == "0.0.0.0/0"]

    assert len(carried) == 2
    assert all("NatGatewayId" in route or "InstanceId" in route for route in carried)


def test_s3_and_dynamodb_are_reached_without_leaving(private: Synthesized) -> None:
    endpoints = private.properties_of("AWS::EC2::VPCEndpoint")

    assert {private.text(each["ServiceName"]).rpartition(".")[2] for each in endpoints} == {"s3", "dynamodb"}
    assert {each["VpcEndpointType"] for each in endpoints} == {"Gateway"}


def test_the_migrations_wait_for_the_ways_out(private: Synthesized) -> None:
    """Their function runs while the stack is being made."""
    _, migrate = private.functions()["migrate"]
    needed = {*private.all_of("AWS::EC2::Route"), *private.all_of("AWS::EC2::VPCEndpoint")}

    assert needed <= set(migrate["DependsOn"])


def test_functions_push_to_browsers_by_ipv6(private: Synthesized, aws: Synthesized) -> None:
    def websocket(stack: Synthesized) -> dict:
        (api,) = [a for a in stack.properties_of("AWS::ApiGatewayV2::Api") if a["ProtocolType"] == "WEBSOCKET"]
        return dict(api)

    assert websocket(private)["IpAddressType"] == "dualstack"
    assert "IpAddressType" not in websocket(aws)


def test_a_page_may_use_the_links_that_are_signed_for_dual_stack_names(
    private: Synthesized, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", private.environment("api")["AWS_USE_DUALSTACK_ENDPOINT"])
    config = Config(signature_version="s3v4")
    client = boto3.client(
        "s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="y", config=config
    )
    link = client.generate_presigned_url("get_object", Params={"Bucket": "bucket", "Key": "key"})
    (headers,) = private.properties_of("AWS::CloudFront::ResponseHeadersPolicy")
    security = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    policy = private.text(security["ContentSecurityPolicy"])
    images = private.text(
        next(i for i, b in private.all_of("AWS::S3::Bucket").items() if "NotificationConfiguration" in b["Properties"])
    )

    assert link.startswith("https://bucket.s3.dualstack.eu-central-1.amazonaws.com/key")
    assert f"<{images}.DualStackDomainName>" in policy


def test_refused_packets_are_logged_for_a_while(private: Synthesized) -> None:
    (log,) = private.properties_of("AWS::EC2::FlowLog")
    group = private.template["Resources"][log["LogGroupName"]["Ref"]]["Properties"]

    assert log["TrafficType"] == "REJECT"
    assert group["RetentionInDays"] <= 31


@pytest.mark.parametrize(
    "context",
    [
        {"network": "secret"},
        {"nat": "gateway"},
        {"network": "private", "nat": "both"},
        {"network": "public", "nat": "x"},
    ],
)
def test_what_cannot_be_is_refused(context: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="-c n"):
        chosen_cloud(App(context=context).node)


def test_what_it_costs_is_known(private: Synthesized, natted: Synthesized, aws: Synthesized) -> None:
    def total(stack: Synthesized) -> float:
        return float(sum(line.usd for line in cost.estimate(stack.template, cost.Profile())))

    assert cost.unknown(private.template) == []
    assert cost.unknown(natted.template) == []
    assert total(private) < total(aws)
    assert total(natted) > total(private)
