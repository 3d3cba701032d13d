"""PostgreSQL: an RDS instance of our own, or one that is given. Functions reach either through the same two verbs."""

from typing import Protocol
from urllib.parse import parse_qs, urlsplit, urlunsplit

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_rds as rds
from constructs import Construct

from infrastructure.clouds import Cloud, GivenDatabase
from infrastructure.nag import accept
from infrastructure.network import POSTGRESQL_PORT, Network

DATABASE_NAME = "collections"
ADMIN = "collections_admin"
# Made by the first migration: what the application may do, and what cleaning up after it may.
APP_ROLE = "collections_app"
CLEANUP_ROLE = "collections_cleanup"
# Ships inside every bundle: the host name is verified against Amazon's own authority, not the system's list.
RDS_CA = "/var/task/app/platform/rds-ca.pem"


class Database(Protocol):
    @property
    def endpoint(self) -> str:
        """The host, or the directory of the socket."""
        ...

    def connect(self, function: lambda_.Function, *, role: str) -> None:
        """Let a function in as one of the application's roles."""
        ...

    def connect_admin(self, function: lambda_.Function) -> None:
        """Let a function in as the owner of the schema."""
        ...


class GivenPostgres:
    """The local cloud's: the socket's owner is trusted under any role."""

    def __init__(self, given: GivenDatabase) -> None:
        self._given = given

    @property
    def endpoint(self) -> str:
        parts = urlsplit(self._given.url)
        return parse_qs(parts.query).get("host", [parts.hostname or ""])[0]

    def connect(self, function: lambda_.Function, *, role: str) -> None:
        function.add_environment("DATABASE_URL", with_role(self._given.url, role))
        function.add_environment("DATABASE_IAM_AUTH", "false")

    def connect_admin(self, function: lambda_.Function) -> None:
        function.add_environment("DATABASE_ADMIN_URL", self._given.admin_url)
        function.add_environment("DATABASE_NAME", urlsplit(self._given.url).path.lstrip("/") or DATABASE_NAME)


class RdsPostgres(Construct):
    """RDS PostgreSQL: IAM tokens instead of passwords, TLS or nothing, kept when the stack goes."""

    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud, network: Network) -> None:
        super().__init__(scope, construct_id)
        self._instance = self._create(cloud, network)
        self.endpoint = self._instance.db_instance_endpoint_address
        accept(
            self._instance,
            "One small instance, restored from its backups if it is lost: a standby would double the bill.",
            "AwsSolutions-RDS3",
        )
        accept(self._instance, "A port number is not a secret.", "AwsSolutions-RDS11")
        accept(
            self._instance,
            "Lambda stays outside the VPC: TLS and IAM authentication guard the port.",
            "CloudFormation-Validate::W9011",
        )
        accept(
            self._instance,
            "Only migrations sign in with this password; everyone else brings an IAM token.",
            "AwsSolutions-SMG4",
        )

    def connect(self, function: lambda_.Function, *, role: str) -> None:
        self._instance.grant_connect(function, role)
        function.add_environment(
            "DATABASE_URL",
            f"postgresql://{role}@{self.endpoint}:{POSTGRESQL_PORT}/{DATABASE_NAME}"
            f"?sslmode=verify-full&sslrootcert={RDS_CA}",
        )
        function.add_environment("DATABASE_IAM_AUTH", "true")

    def connect_admin(self, function: lambda_.Function) -> None:
        secret = self._instance.secret
        if secret is None:
            raise ValueError("the instance was made without a generated secret")
        secret.grant_read(function)
        function.add_environment("DATABASE_ADMIN_SECRET_ARN", secret.secret_arn)
        function.add_environment("DATABASE_NAME", DATABASE_NAME)

    def _create(self, cloud: Cloud, network: Network) -> rds.DatabaseInstance:
        engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17_9)
        return rds.DatabaseInstance(
            self,
            "Instance",
            engine=engine,
            instance_type=ec2.InstanceType.of(ec2.InstanceClass.T4G, ec2.InstanceSize.MICRO),
            allocated_storage=20,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            database_name=DATABASE_NAME,
            credentials=rds.Credentials.from_generated_secret(ADMIN),
            parameter_group=self._parameters(cloud, engine),
            iam_authentication=True,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=[network.database_security_group],
            publicly_accessible=True,
            backup_retention=Duration.days(7),
            copy_tags_to_snapshot=True,
            deletion_protection=cloud.deletion_protection,
            removal_policy=cloud.removal_policy,
        )

    def _parameters(self, cloud: Cloud, engine: rds.IInstanceEngine) -> rds.ParameterGroup:
        return rds.ParameterGroup(
            self,
            "Parameters",
            engine=engine,
            description="TLS only; no JIT, which costs more than it saves on queries this short",
            parameters={"rds.force_ssl": "1", "jit": "0"},
            removal_policy=cloud.removal_policy,
        )


def with_role(url: str, role: str) -> str:
    """The same database, signed in to as another role, without a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}@{host}"))
