"""PostgreSQL: an RDS instance of our own, or one that is given. Functions reach either through the same two verbs."""

from typing import Protocol
from urllib.parse import parse_qs, urlsplit, urlunsplit

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_rds as rds
from constructs import Construct

from app.platform.concurrency import INSTANCE_CLASS, MAX_CONNECTIONS, RESERVED_CONNECTIONS
from infrastructure.alarms import FIVE_MINUTES, Limit, alarm
from infrastructure.clouds import BACKUP_DAYS, Cloud, GivenDatabase
from infrastructure.nag import accept
from infrastructure.network import POSTGRESQL_PORT, Network

DATABASE_NAME = "collections"
ADMIN = "collections_admin"
STORAGE_GB = 20
# Ships inside every bundle: the host name is verified against Amazon's own authority, not the system's list.
RDS_CA = "/var/task/app/platform/rds-ca.pem"


class Database(Protocol):
    @property
    def alarms(self) -> list[cloudwatch.Alarm]: ...

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
        self.alarms: list[cloudwatch.Alarm] = []

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
        self._network = network
        self._instance = self._create(cloud, network)
        self.endpoint = self._instance.db_instance_endpoint_address
        self.alarms = [self._too_many_connections(), self._disk_filling_up()]
        accept(
            self._instance,
            "One small instance, restored from its backups if it is lost: a standby would double the bill.",
            "AwsSolutions-RDS3",
        )
        accept(self._instance, "A port number is not a secret.", "AwsSolutions-RDS11")
        if network.is_public:
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
        self._network.admit(function)
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
        self._network.admit(function)
        secret.grant_read(function)
        function.add_environment("DATABASE_ADMIN_SECRET_ARN", secret.secret_arn)
        function.add_environment("DATABASE_NAME", DATABASE_NAME)

    def _too_many_connections(self) -> cloudwatch.Alarm:
        usable = MAX_CONNECTIONS - RESERVED_CONNECTIONS
        return alarm(
            self,
            "TooManyConnections",
            metric=self._instance.metric_database_connections(period=FIVE_MINUTES, statistic="Maximum"),
            limit=Limit(usable * 8 // 10, periods=2),
            says=f"More than four fifths of the {usable} connections to PostgreSQL are taken.",
            runbook="too-many-connections",
        )

    def _disk_filling_up(self) -> cloudwatch.Alarm:
        return alarm(
            self,
            "DiskFillingUp",
            metric=self._instance.metric_free_storage_space(period=FIVE_MINUTES, statistic="Minimum"),
            limit=Limit(STORAGE_GB * 1024**3 // 5, periods=3, below=True),
            says="Less than a fifth of the database's disk is free.",
            runbook="the-disk-fills-up",
        )

    def _create(self, cloud: Cloud, network: Network) -> rds.DatabaseInstance:
        engine = rds.DatabaseInstanceEngine.postgres(version=rds.PostgresEngineVersion.VER_17_9)
        return rds.DatabaseInstance(
            self,
            "Instance",
            engine=engine,
            instance_type=ec2.InstanceType(INSTANCE_CLASS.removeprefix("db.")),
            allocated_storage=STORAGE_GB,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            database_name=DATABASE_NAME,
            credentials=rds.Credentials.from_generated_secret(ADMIN),
            parameter_group=self._parameters(cloud, engine),
            iam_authentication=True,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=[network.database_security_group],
            publicly_accessible=network.is_public,
            backup_retention=Duration.days(BACKUP_DAYS),
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
            parameters={"rds.force_ssl": "1", "jit": "0", "max_connections": str(MAX_CONNECTIONS)},
            removal_policy=cloud.removal_policy,
        )


def with_role(url: str, role: str) -> str:
    """The same database, signed in to as another role, without a password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}@{host}"))
