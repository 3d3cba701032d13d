"""A Lambda whose code was built beforehand: synthesis needs neither Docker nor network."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infrastructure.clouds import Cloud
from infrastructure.nag import accept
from infrastructure.wildcards import TRACES


class BundleMissing(FileNotFoundError):
    """The code to deploy has not been built."""


class PythonFunction(lambda_.Function):
    """One Lambda with its own log group, and a role that may write there, trace, and no more."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        bundle: str,
        timeout_s: int,
        memory_mb: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        log_group = logs.LogGroup(
            scope, f"{construct_id}Logs", retention=cloud.log_retention, removal_policy=cloud.removal_policy
        )
        role = iam.Role(scope, f"{construct_id}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        super().__init__(
            scope,
            construct_id,
            runtime=cloud.runtime,
            architecture=cloud.architecture,
            handler="handler.handler",
            code=lambda_.Code.from_asset(str(_built(cloud, bundle))),
            timeout=Duration.seconds(timeout_s),
            memory_size=memory_mb,
            reserved_concurrent_executions=cloud.reserved_concurrency.get(bundle),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            role=role,
            environment={
                "CLOUD": cloud.name,
                "ENVIRONMENT": cloud.environment,
                "LOG_LEVEL": "INFO",
                "POWERTOOLS_SERVICE_NAME": bundle,
                **(environment or {}),
            },
        )
        accept(role, TRACES.reason, "AwsSolutions-IAM5[Resource::*]")
        accept(self, "3.13 is supported to 2029 and is what the bundles are compiled for.", "AwsSolutions-L1")


def _built(cloud: Cloud, bundle: str) -> Path:
    path = cloud.bundles / bundle
    if not (path / "handler.py").is_file():
        raise BundleMissing(f"{path} holds no built function: run `make build CLOUD={cloud.name}` first")
    return path
