"""Where the database lives on AWS."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infrastructure.nag import accept

POSTGRESQL_PORT = 5432


class Network(Construct):
    """Public subnets only: without a NAT gateway the VPC itself costs nothing.

    Lambdas stay outside and have no fixed address, so the security group cannot be narrowed to them: what guards the
    database is TLS, IAM authentication and per-role connection limits.
    """

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
        self.database_security_group = ec2.SecurityGroup(
            self, "DatabaseSecurityGroup", vpc=self.vpc, allow_all_outbound=False, description="PostgreSQL over TLS"
        )
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
