"""Everything that differs between AWS and the local cloud; addresses in hosts.py. Nobody else asks which it is on."""

import json
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from aws_cdk import (
    CliCredentialsStackSynthesizer,
    DefaultStackSynthesizer,
    IStackSynthesizer,
    RemovalPolicy,
)
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Node

from app.platform import concurrency
from app.platform.settings import UsageSettings
from infrastructure import context
from infrastructure.hosts import LOCAL_ENDPOINT, AwsHosts, Hosts, LocalHosts

CloudName = Literal["aws", "local"]
ROOT = Path(__file__).resolve().parents[1]
# How far back one can go: the database's backups, and old versions of objects.
BACKUP_DAYS = 7
# Where `cdk deploy` puts the bundles of the local cloud: one bucket, made by a single call, spares the bootstrap stack.
LOCAL_ASSETS_BUCKET = "collections-assets"


@dataclass(frozen=True)
class StageScale:
    """How wide a stage may run: two is the least Lambda accepts as `MaximumConcurrency`."""

    max_concurrency: int
    batch_size: int = 1
    batching_window_s: int = 0


@dataclass(frozen=True)
class StageClock:
    """How long a stage's parts may take, in seconds: whoever waits outlives whom it waits for.

    The provider's deadline is below the Lambda's timeout, that is below the lease, and that is below the visibility
    timeout, after which SQS hands out the message of a worker that died.
    """

    lambda_timeout_s: int
    lease_s: int
    visibility_s: int


@dataclass(frozen=True)
class GivenDatabase:
    """A PostgreSQL that is already there. Its URLs carry no password: the local socket trusts its owner."""

    url: str
    admin_url: str


@dataclass(frozen=True)
class Cloud:
    """Where the stack goes, and what is different there."""

    name: CloudName
    environment: str
    hosts: Hosts
    # None: the stack brings its own RDS instance.
    database: GivenDatabase | None
    # `private`: the database and the functions are in subnets that nobody reaches from outside.
    network: Literal["public", "private"]
    # Who carries IPv4 out of those, for providers that have no IPv6.
    nat: Literal["none", "instance", "gateway"]
    # A firewall before the web origin: `own`, the ARN of one that is there, or none.
    waf: str | None
    analysis_provider: str
    # Who stands in for it, and whom a request may name: AnalysisSettings has the forms. Empty: nobody.
    analysis_fallback: str
    analysis_allowed: str
    embedding_provider: str
    # Who answers in conversations, and by which model; empty: the provider's newest of its middle class.
    chat_provider: str
    chat_model: str
    # Which other models of that provider a search may name: `claude-opus-5-5,claude-haiku-5-5`.
    chat_allowed: str
    # The name of a prompt in LangSmith. Empty: the one in the code.
    langsmith_prompt: str
    # Where the paid providers are called instead of at home: a stub that speaks their protocols.
    provider_endpoint: str | None
    bundles: Path
    runtime: lambda_.Runtime
    architecture: lambda_.Architecture
    stages: Mapping[str, StageScale]
    clock: StageClock
    # By bundle. Who is not there has as many invocations at once as the account leaves.
    reserved_concurrency: Mapping[str, int]
    # Of one user.
    requests_per_minute: int
    # Of pages other than our own that may call the API from a browser.
    cors_origins: tuple[str, ...]
    removal_policy: RemovalPolicy
    deletion_protection: bool
    log_retention: logs.RetentionDays
    monthly_budget_usd: int | None
    # What a user may use up a day and everybody a month, where it is not what the application's settings say.
    usage_settings: Mapping[str, str]
    alarm_email: str | None
    synthesizer: IStackSynthesizer
    # Keep old versions of objects for a while. The emulator forgets none: it takes lifecycle rules and ignores them.
    versioned: bool
    # Refuse plain HTTP. The emulator speaks nothing else, and obeys a bucket policy that refuses it.
    tls_only: bool

    @property
    def analysis_settings(self) -> dict[str, str]:
        """What a function that has images described is told."""
        provider = {"ANALYSIS_PROVIDER": self.analysis_provider}
        if self.analysis_fallback:
            provider["ANALYSIS_FALLBACK"] = self.analysis_fallback
        if self.analysis_allowed:
            provider["ANALYSIS_ALLOWED"] = self.analysis_allowed
        if self.provider_endpoint is None:
            return provider
        return {
            **provider,
            "ANTHROPIC_BASE_URL": self.provider_endpoint,
            "BEDROCK_BASE_URL": self.provider_endpoint,
            "OPENAI_BASE_URL": self.provider_endpoint,
        }

    @property
    def analysis_choices(self) -> set[str]:
        """Whom the analyzer may ask, by configuration or because a request names them."""
        fallback = {name.strip() for name in self.analysis_fallback.split(",")}
        return {self.analysis_provider, *fallback, *json.loads(self.analysis_allowed or "{}")} - {""}

    @property
    def provider_budget_usd(self) -> Decimal:
        """What paid providers may cost a month, all users together."""
        default = UsageSettings.model_fields["provider_budget_usd"].default
        return Decimal(self.usage_settings.get("PROVIDER_BUDGET_USD", default))

    @property
    def tracing_settings(self) -> dict[str, str]:
        """What a function is told that sends traces where there is a key for it."""
        prompt = {"LANGSMITH_PROMPT": self.langsmith_prompt} if self.langsmith_prompt else {}
        return prompt if self.provider_endpoint is None else {**prompt, "LANGSMITH_BASE_URL": self.provider_endpoint}

    @property
    def answer_model_settings(self) -> dict[str, str]:
        """What a function is told that lets requests name who answers."""
        named = {"CHAT_MODEL": self.chat_model, "CHAT_ALLOWED": self.chat_allowed}
        return {"CHAT_PROVIDER": self.chat_provider} | {name: value for name, value in named.items() if value}

    @property
    def chat_settings(self) -> dict[str, str]:
        """What the function is told that answers in conversations."""
        provider = self.answer_model_settings
        if self.provider_endpoint is None:
            return provider
        names = ("ANTHROPIC_BASE_URL", "BEDROCK_BASE_URL", "TAVILY_BASE_URL")
        return provider | dict.fromkeys(names, self.provider_endpoint)

    @property
    def embedding_settings(self) -> dict[str, str]:
        """What a function that embeds texts is told."""
        provider = {"EMBEDDING_PROVIDER": self.embedding_provider}
        if self.provider_endpoint is None:
            return provider
        return {**provider, "VOYAGE_BASE_URL": self.provider_endpoint}


def aws(node: Node, *, environment: str) -> Cloud:
    at_once = concurrency.bounded_by("queue")
    network, nat = context.network(node)
    return Cloud(
        name="aws",
        environment=environment,
        hosts=AwsHosts(),
        database=None,
        network=network,
        nat=nat,
        waf=context.waf(node),
        analysis_provider=context.chosen(node, "analysis_provider", "claude"),
        analysis_fallback=context.chosen(node, "analysis_fallback", ""),
        analysis_allowed=context.chosen(node, "analysis_allowed", ""),
        langsmith_prompt=context.chosen(node, "langsmith_prompt", ""),
        embedding_provider=context.chosen(node, "embedding_provider", "voyage"),
        chat_provider=context.chosen(node, "chat_provider", "claude"),
        chat_model=context.chosen(node, "chat_model", ""),
        chat_allowed=context.chosen(node, "chat_allowed", ""),
        provider_endpoint=None,
        bundles=_bundles(node, "aws"),
        runtime=lambda_.Runtime.PYTHON_3_13,
        architecture=lambda_.Architecture.ARM_64,
        stages=MappingProxyType(
            {
                "image_processor": StageScale(max_concurrency=at_once["image_processor"]),
                "analyzer": StageScale(max_concurrency=at_once["analyzer"]),
                # One call to the embedding provider for many items.
                "embedder": StageScale(max_concurrency=at_once["embedder"], batch_size=10, batching_window_s=1),
                "jobs": StageScale(max_concurrency=at_once["jobs"]),
            }
        ),
        # Visibility is six Lambda timeouts, as the event source mapping asks for.
        clock=StageClock(lambda_timeout_s=90, lease_s=120, visibility_s=540),
        reserved_concurrency=context.reservations(node),
        requests_per_minute=600,
        cors_origins=context.cors_origins(node),
        removal_policy=RemovalPolicy.RETAIN,
        deletion_protection=True,
        log_retention=logs.RetentionDays.ONE_MONTH,
        monthly_budget_usd=50,
        usage_settings=context.usage(node),
        alarm_email=node.try_get_context("alarm_email"),
        synthesizer=DefaultStackSynthesizer(),
        versioned=True,
        tls_only=True,
    )


def local(node: Node, *, environment: str) -> Cloud:
    return Cloud(
        name="local",
        environment=environment,
        hosts=LocalHosts(context.chosen(node, "endpoint", LOCAL_ENDPOINT).rstrip("/")),
        database=_given_database(node),
        network="public",
        nat="none",
        waf=None,
        analysis_provider=context.chosen(node, "analysis_provider", "local"),
        analysis_fallback=context.chosen(node, "analysis_fallback", ""),
        analysis_allowed=context.chosen(node, "analysis_allowed", ""),
        langsmith_prompt=context.chosen(node, "langsmith_prompt", ""),
        embedding_provider=context.chosen(node, "embedding_provider", "local"),
        chat_provider=context.chosen(node, "chat_provider", "local"),
        chat_model=context.chosen(node, "chat_model", ""),
        chat_allowed=context.chosen(node, "chat_allowed", ""),
        provider_endpoint=context.chosen(node, "provider_endpoint", "").rstrip("/") or None,
        bundles=_bundles(node, "local"),
        runtime=_host_runtime(),
        architecture=_host_architecture(),
        stages=MappingProxyType(
            {
                "image_processor": StageScale(max_concurrency=2),
                "analyzer": StageScale(max_concurrency=2),
                "embedder": StageScale(max_concurrency=2, batch_size=10),
                "jobs": StageScale(max_concurrency=2),
            }
        ),
        # Workers die with every redeploy and every stop here, and somebody is watching: take over soon.
        clock=StageClock(lambda_timeout_s=62, lease_s=70, visibility_s=75),
        # The emulator starts a process for each of many simultaneous events.
        reserved_concurrency=MappingProxyType({"realtime": 4}),
        # Tests and benchmarks are one user here.
        requests_per_minute=60_000,
        cors_origins=context.cors_origins(node),
        removal_policy=RemovalPolicy.DESTROY,
        deletion_protection=False,
        log_retention=logs.RetentionDays.ONE_WEEK,
        monthly_budget_usd=None,
        # Whoever tries things out uploads more than one user does, and nobody charges for it.
        usage_settings={"ANALYSES_PER_DAY": "20000", "EMBEDDINGS_PER_DAY": "40000", **context.usage(node)},
        alarm_email=None,
        synthesizer=CliCredentialsStackSynthesizer(
            file_assets_bucket_name=context.chosen(node, "assets_bucket", LOCAL_ASSETS_BUCKET)
        ),
        versioned=False,
        tls_only=False,
    )


def chosen_cloud(node: Node) -> Cloud:
    """The cloud that the context asks for.

    Raises:
        ValueError: an unknown cloud, or a local one without its database.
    """
    name = context.chosen(node, "cloud", "aws")
    environment = context.chosen(node, "env", "dev")
    match name:
        case "aws":
            return aws(node, environment=environment)
        case "local":
            return local(node, environment=environment)
        case _:
            raise ValueError(f"-c cloud={name}: expected aws or local")


def _bundles(node: Node, name: CloudName) -> Path:
    return Path(context.chosen(node, "bundles", str(ROOT / "build" / name)))


def _given_database(node: Node) -> GivenDatabase:
    url, admin_url = context.chosen(node, "database_url", ""), context.chosen(node, "database_admin_url", "")
    if not url or not admin_url:
        raise ValueError("the local cloud needs -c database_url=… and -c database_admin_url=…")
    if urlsplit(url).password or urlsplit(admin_url).password:
        raise ValueError("database URLs become environment variables: give URLs without a password")
    return GivenDatabase(url=url, admin_url=admin_url)


def _host_runtime() -> lambda_.Runtime:
    """Lambdas of the local cloud run on the Python that runs this."""
    return lambda_.Runtime(f"python3.{sys.version_info.minor}", lambda_.RuntimeFamily.PYTHON)


def _host_architecture() -> lambda_.Architecture:
    arm = platform.machine().lower() in {"arm64", "aarch64"}
    return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64
