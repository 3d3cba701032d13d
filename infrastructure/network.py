"""Where the database lives on AWS, and from where the functions reach it."""

from typing import Protocol

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.clouds import Cloud
from infrastructure.nag import accept
from infrastructure.wildcards import NETWORK_INTERFACES

POSTGRESQL_PORT = 5432
HTTPS_PORT = 443
# What Lambda does in the function's name to put it into a VPC. AWS Lambda Developer Guide, "Giving Lambda functions
# access to resources in an Amazon VPC".
INTERFACE_ACTIONS = sorted(NETWORK_INTERFACES.actions)


class Network(Protocol):
    @property
    def vpc(self) -> ec2.Vpc: ...

    @property
    def subnets(self) -> ec2.SubnetSelection:
        """The database's."""
        ...

    @property
    def database_security_group(self) -> ec2.SecurityGroup: ...

    @property
    def is_public(self) -> bool:
        """Whether the database has an address on the internet."""
        ...

    def admit(self, function: lambda_.Function) -> None:
        """Put a function where it reaches the database, and whatever else it calls."""
        ...


def network(scope: Construct, construct_id: str, *, cloud: Cloud) -> Network:
    if cloud.network == "private":
        return PrivateNetwork(scope, construct_id, cloud=cloud)
    return PublicNetwork(scope, construct_id)


class PublicNetwork(Construct):
    """Public subnets only: without a NAT gateway the VPC itself costs nothing.

    Lambdas stay outside and have no fixed address, so the security group cannot be narrowed to them: what guards the
    database is TLS, IAM authentication and per-role connection limits.
    """

    is_public = True

    def __init__(self, scope: Construct, construct_id: str) -> None:
        super().__init__(scope, construct_id)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC)],
            # Nothing uses the default group; emptying it would take a custom resource in Node.
            restrict_default_security_group=False,
        )
        self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
        self.database_security_group = _database_security_group(self, self.vpc)
        self.database_security_group.add_ingress_rule(
            ec2.Peer.any_ipv4(), ec2.Port.tcp(POSTGRESQL_PORT), "Lambda outside a VPC has no fixed address"
        )
        accept(self.vpc, "Only the database is inside; its own log tells who connected.", "AwsSolutions-VPC7")
        accept(
            self.database_security_group,
            "Lambda outside a VPC has no fixed address: TLS and IAM authentication guard the port.",
            "AwsSolutions-EC23",
            "CloudFormation-Validate::W2508",
        )

    def admit(self, function: lambda_.Function) -> None:
        """It is outside, and the database is on the internet."""


class PrivateNetwork(Construct):
    """The database in subnets without a way out, the functions in subnets with ways out and none in.

    Out is IPv6 through an egress-only gateway and S3 and DynamoDB through gateway endpoints, which all cost nothing.
    AWS is called by its dual-stack names. Whoever has no IPv6 is reached through a NAT, if there is to be one.
    """

    is_public = False

    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(scope, construct_id)
        self.vpc = self._create(cloud)
        self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
        self.database_security_group = _database_security_group(self, self.vpc)
        self._functions = self._functions_security_group()
        self.database_security_group.add_ingress_rule(
            self._functions, ec2.Port.tcp(POSTGRESQL_PORT), "Our functions and nobody else"
        )
        self._log_refusals(cloud)

    def admit(self, function: lambda_.Function) -> None:
        resource = function.node.default_child
        assert isinstance(resource, lambda_.CfnFunction)
        chosen = self.vpc.select_subnets(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=chosen.subnet_ids,
            security_group_ids=[self._functions.security_group_id],
            ipv6_allowed_for_dual_stack=True,
        )
        function.add_environment("AWS_USE_DUALSTACK_ENDPOINT", "true")
        self._allow_interfaces(function)
        # Routes and endpoints: the migrations run as soon as their function is there.
        function.node.add_dependency(self.vpc)

    def _create(self, cloud: Cloud) -> ec2.Vpc:
        subnets = {"Functions": ec2.SubnetType.PRIVATE_WITH_EGRESS, "Database": ec2.SubnetType.PRIVATE_ISOLATED}
        if cloud.nat != "none":
            subnets["Public"] = ec2.SubnetType.PUBLIC
        nat = _nat_instance() if cloud.nat == "instance" else None
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_protocol=ec2.IpProtocol.DUAL_STACK,
            max_azs=2,
            create_internet_gateway=cloud.nat != "none",
            nat_gateways=0 if cloud.nat == "none" else 1,
            nat_gateway_provider=nat,
            subnet_configuration=[
                ec2.SubnetConfiguration(name=name, subnet_type=kind, cidr_mask=20) for name, kind in subnets.items()
            ],
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
            },
            restrict_default_security_group=False,
        )
        if nat:
            _harden(nat, vpc)
        return vpc

    def _functions_security_group(self) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self,
            "FunctionsSecurityGroup",
            vpc=self.vpc,
            allow_all_outbound=False,
            description="Functions: HTTPS out, and the database",
        )
        for anywhere in (ec2.Peer.any_ipv4(), ec2.Peer.any_ipv6()):
            group.add_egress_rule(anywhere, ec2.Port.tcp(HTTPS_PORT), "AWS and providers")
        group.add_egress_rule(self.database_security_group, ec2.Port.tcp(POSTGRESQL_PORT), "The database")
        return group

    def _allow_interfaces(self, function: lambda_.Function) -> None:
        """Lambda may, for the function; the code in it may not."""
        function.add_to_role_policy(iam.PolicyStatement(actions=INTERFACE_ACTIONS, resources=["*"]))
        function.add_to_role_policy(
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                actions=INTERFACE_ACTIONS,
                resources=["*"],
                # Set on calls that come from inside a function alone.
                conditions={"Null": {"lambda:SourceFunctionArn": "false"}},
            )
        )
        assert function.role is not None
        accept(function.role, NETWORK_INTERFACES.reason, "AwsSolutions-IAM5[Resource::*]")

    def _log_refusals(self, cloud: Cloud) -> None:
        """What was let through is in the logs of whoever let it in."""
        group = logs.LogGroup(self, "Refusals", retention=cloud.log_retention, removal_policy=cloud.removal_policy)
        self.vpc.add_flow_log(
            "Refusals",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )


def _nat_instance() -> ec2.NatInstanceProviderV2:
    """A tenth of a gateway's price, and somebody's to patch: its disk is Amazon Linux as of the deployment."""
    return ec2.NatInstanceProviderV2(
        instance_type=ec2.InstanceType("t4g.nano"), default_allowed_traffic=ec2.NatTrafficDirection.OUTBOUND_ONLY
    )


def _harden(nat: ec2.NatInstanceProviderV2, vpc: ec2.Vpc) -> None:
    """Only our own calls come in, and the disk is encrypted."""
    nat.connections.allow_from(ec2.Peer.ipv4(vpc.vpc_cidr_block), ec2.Port.tcp(HTTPS_PORT), "Calls of our own")
    encrypted = ec2.CfnInstance.EbsProperty(encrypted=True, volume_size=8, volume_type="gp3")
    disk = ec2.CfnInstance.BlockDeviceMappingProperty(device_name="/dev/xvda", ebs=encrypted)
    for instance in nat.gateway_instances:
        instance.instance.block_device_mappings = [disk]
        accept(instance, "It holds nothing: whatever happens to it, the next one does the same.", "AwsSolutions-EC29")
        accept(instance, "Five minutes' resolution is enough for who carries packets.", "AwsSolutions-EC28")
    accept(nat.security_group, "From our own subnets, which are a token until they are there.", "AwsSolutions-EC23")


def _database_security_group(scope: Construct, vpc: ec2.Vpc) -> ec2.SecurityGroup:
    return ec2.SecurityGroup(
        scope, "DatabaseSecurityGroup", vpc=vpc, allow_all_outbound=False, description="PostgreSQL over TLS"
    )
