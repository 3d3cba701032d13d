"""What a month costs: every resource of the synthesized template that anybody charges for, for a profile of use.

Quantities come from the template (how many, how large) and from the profile times the assumptions below. Prices come
from `app.platform.prices`. Taxes, support and free trials are left out.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.table import Table

from app.platform import prices
from scripts import deploy, locks
from scripts.console import console, say

GOAL_USD = 30
HOURS = Decimal(730)
_TEMPLATE = deploy.ROOT / "cdk.out" / "CollectionsStack.template.json"

Resource = Mapping[str, Any]
Resources = Mapping[str, Resource]

# --- what is assumed of people and of the code ----------------------------------------------------------------------
# Changing one changes the estimate, and its sentence in ASSUMPTIONS.
REQUESTS = {"items": 8, "searches": 6, "chats": 3}
IMAGE_MB, RENDITIONS_MB = Decimal("2.5"), Decimal("0.4")
MONTHS_KEPT = 12
SEEN_MB = {"searches": Decimal("0.6"), "items": Decimal("0.5"), "chats": Decimal("0.1")}
LOG_KB_PER_INVOCATION = Decimal(3)
# An idle queue costs as well: Lambda's five pollers wait 20 s each (AWS Lambda, "Using Lambda with Amazon SQS").
IDLE_POLLS = 5 * 3 * 60 * HOURS
ACTIVE_HOURS = Decimal(150)
# Series of name and dimensions that are written while something happens (app.platform.metrics).
METRICS_AT_WORK = 43
CONNECTED_MINUTES_PER_USER = 600

ASSUMPTIONS = [
    "Requests to the API: " + ", ".join(f"{each} for each of the {name}" for name, each in REQUESTS.items()) + ".",
    f"An image has {IMAGE_MB} MB and renditions of {RENDITIONS_MB} MB; {MONTHS_KEPT} months of them are kept.",
    "A search shows ten thumbnails and one picture, a new item is looked at once.",
    "Lambdas run as long as measured locally (docs/benchmarks.md), and as long as Claude takes: 8 s an image or chat.",
    f"Something happens in {ACTIVE_HOURS} of {HOURS} hours, and writes metrics then; empty queues are polled always.",
    f"Everybody is connected for {CONNECTED_MINUTES_PER_USER} minutes a month. Every invocation is traced and logged.",
]


@dataclass(frozen=True)
class Profile:
    """A month's use, by all users together."""

    items: int = 1000
    searches: int = 3000
    chats: int = 1000
    users: int = 10

    @property
    def requests(self) -> int:
        return sum(getattr(self, name) * each for name, each in REQUESTS.items())


@dataclass(frozen=True)
class Work:
    """What one function does in a month: how often, and how long each time in seconds."""

    often: Callable[[Profile], int]
    seconds: Decimal


# By bundle; tests/infrastructure/test_cost.py fails for a function or a type of resource that nobody estimated.
WORK = {
    "api": Work(lambda p: p.requests, Decimal("0.15")),
    "image_processor": Work(lambda p: p.items, Decimal("1.5")),
    "analyzer": Work(lambda p: p.items, Decimal(9)),
    "embedder": Work(lambda p: p.items, Decimal(1)),
    "realtime": Work(lambda p: 2 * p.items + 60 * p.users, Decimal("0.2")),
    "cleanup": Work(lambda _: int(HOURS), Decimal(3)),
    "jobs": Work(lambda p: p.users, Decimal(60)),
    "chat": Work(lambda p: p.chats, Decimal(9)),
    "migrate": Work(lambda _: 4, Decimal(5)),
    "smoke": Work(lambda _: 4, Decimal(20)),
}
# Not charged for, or charged for with something else.
FREE = {
    "AWS::ApiGatewayV2::Authorizer", "AWS::ApiGatewayV2::Deployment", "AWS::ApiGatewayV2::Integration",
    "AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::RouteResponse", "AWS::ApiGatewayV2::IntegrationResponse",
    "AWS::ApiGatewayV2::Stage", "AWS::Budgets::Budget", "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::ResponseHeadersPolicy", "AWS::Cognito::UserPoolClient",
    "AWS::Cognito::UserPoolDomain", "AWS::Cognito::UserPoolGroup", "AWS::EC2::EgressOnlyInternetGateway",
    "AWS::EC2::FlowLog", "AWS::EC2::InternetGateway", "AWS::EC2::Route", "AWS::EC2::RouteTable",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupEgress", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::Subnet",
    "AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPC", "AWS::EC2::VPCCidrBlock", "AWS::EC2::VPCEndpoint",
    "AWS::EC2::VPCGatewayAttachment", "AWS::Events::Rule", "AWS::IAM::InstanceProfile", "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission",
    "AWS::RDS::DBParameterGroup", "AWS::RDS::DBSubnetGroup", "AWS::S3::BucketPolicy", "AWS::SNS::Subscription",
    "AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::SSM::Parameter",
    "AWS::SecretsManager::SecretTargetAttachment", "AWS::CDK::Metadata", "Custom::Migrations",
    "Custom::Smoke",
}  # fmt: skip
# Charged for by a function below.
PRICED = {
    "AWS::ApiGatewayV2::Api", "AWS::CloudFront::Distribution", "AWS::CloudFront::Function",
    "AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard", "AWS::Cognito::UserPool", "AWS::DynamoDB::Table",
    "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret", "AWS::EC2::EIP", "AWS::EC2::Instance", "AWS::EC2::NatGateway", "AWS::WAFv2::WebACL",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A quantity of something that AWS charges for."""

    service: str
    what: str
    quantity: Decimal
    price: prices.AwsPrice

    @property
    def usd(self) -> Decimal:
        return self.quantity * self.price.usd

    @property
    def usd_beyond_free(self) -> Decimal:
        """With what is free in every account for good, if nothing else in the account uses it."""
        return max(self.quantity - self.price.free, Decimal(0)) * self.price.usd


@dataclass(frozen=True)
class Call:
    """What a paid provider is asked for."""

    what: str
    model: str
    count: int
    input_tokens: int
    output_tokens: int = 0

    @property
    def usd(self) -> Decimal:
        return prices.cost_usd(
            self.model, input_tokens=self.count * self.input_tokens, output_tokens=self.count * self.output_tokens
        )


def estimate(template: Mapping[str, Any], profile: Profile) -> list[Line]:
    """Line by line, for a CloudFormation template of the stack."""
    resources: Resources = template["Resources"]
    parts = (_database, _functions, _gateways, _queues, _tables, _storage, _web, _people, _watching, _secrets, _guards)
    return [line for part in parts for line in part(resources, profile)]


def unknown(template: Mapping[str, Any]) -> list[str]:
    """Types and functions that this estimate knows nothing of."""
    resources: Resources = template["Resources"]
    types = {resource["Type"] for resource in resources.values()} - PRICED - FREE
    return sorted(types | {name for name, _ in _bundles(resources) if name not in WORK})


def provider_calls(template: Mapping[str, Any], profile: Profile) -> list[Call]:
    """What the providers that the template chooses are asked; none for local ones."""
    environment: dict[str, str] = {}
    for _, function in _bundles(template["Resources"]):
        variables = function["Environment"]["Variables"]
        environment |= {key: value for key, value in variables.items() if isinstance(value, str)}
    calls = []
    if environment.get("ANALYSIS_PROVIDER") != "local":
        model = environment.get("ANALYSIS_MODEL") or _default_model(environment["ANALYSIS_PROVIDER"])
        # A photo of 2,350 tokens, instructions, schema and labels; a document and a little thinking.
        calls.append(Call("Images described", model, profile.items, 4500, 1200))
        # Two rounds: a tool is called, and its ten results are read.
        calls.append(Call("Chats", environment.get("CHAT_MODEL") or model, profile.chats, 8000, 600))
    if environment.get("EMBEDDING_PROVIDER") != "local":
        model = environment.get("EMBEDDING_MODEL") or environment["EMBEDDING_PROVIDER"] + "-3.5-lite"
        calls.append(Call("Items embedded", model, profile.items, 500))
        calls.append(Call("Queries embedded", model, profile.searches + profile.chats, 20))
    return calls


def _default_model(provider: str) -> str:
    if provider == "openai":
        from app.analysis.openai import newest_terra

        return newest_terra()
    from app.analysis import claude

    return claude.newest_sonnet_on_bedrock() if provider == "bedrock" else claude.newest_sonnet()


# --- services -------------------------------------------------------------------------------------------------------


def _database(resources: Resources, _profile: Profile) -> Iterable[Line]:
    for instance in _of(resources, "AWS::RDS::DBInstance"):
        name, nodes = instance["DBInstanceClass"], 2 if instance.get("MultiAZ") else 1
        yield _line("RDS", f"PostgreSQL on {name}", HOURS * nodes, f"rds {name}")
        kind, size = instance["StorageType"], int(instance["AllocatedStorage"])
        yield _line("RDS", f"{size} GB {kind}, backups of as much included", size * nodes, f"rds {kind}")
        if instance.get("PubliclyAccessible"):
            yield _line("RDS", "public address", HOURS * nodes, "public ipv4")


def _functions(resources: Resources, profile: Profile) -> Iterable[Line]:
    invocations = 0
    for name, function in _bundles(resources):
        work = WORK.get(name)
        if work is None:
            continue
        often = work.often(profile)
        invocations += often
        memory_gb = Decimal(function["MemorySize"]) / 1024
        what = f"{name}: {often:,} × {work.seconds} s, {function['MemorySize']} MB"
        yield _line("Lambda", what, often * work.seconds * memory_gb, f"lambda {function['Architectures'][0]}")
    yield _line("Lambda", "requests", invocations, "lambda request")
    yield _line("X-Ray", "traces", invocations, "xray")


def _gateways(resources: Resources, profile: Profile) -> Iterable[Line]:
    for api in _of(resources, "AWS::ApiGatewayV2::Api"):
        if api["ProtocolType"] == "HTTP":
            yield _line("API Gateway", "HTTP requests", profile.requests, "http api")
        else:
            messages = 2 * profile.items + 60 * profile.users
            yield _line("API Gateway", "WebSocket messages", messages, "websocket message")
            minutes = CONNECTED_MINUTES_PER_USER * profile.users
            yield _line("API Gateway", "WebSocket minutes", minutes, "websocket minute")


def _queues(resources: Resources, profile: Profile) -> Iterable[Line]:
    polled = sum(resource["Type"] == "AWS::Lambda::EventSourceMapping" for resource in resources.values())
    # Sent, received and deleted; and by how many of the queues an item comes.
    requests = polled * IDLE_POLLS + 9 * profile.items
    yield _line("SQS", f"{polled} queues: messages, and polling while empty", requests, "sqs")
    yield _line("EventBridge", "our own events (S3's are free)", 4 * profile.items, "eventbridge")


def _tables(resources: Resources, profile: Profile) -> Iterable[Line]:
    if not any(_of(resources, "AWS::DynamoDB::Table")):
        return
    # Of a chat docs/benchmarks.md has the units, of a long conversation; a request looks at its limits.
    yield _line("DynamoDB", "writes", 12 * profile.chats + 2 * profile.requests, "dynamodb write")
    yield _line("DynamoDB", "reads", 4 * profile.chats + 2 * profile.requests, "dynamodb read")
    yield _line("DynamoDB", "storage", Decimal("0.05"), "dynamodb storage")


def _storage(_resources: Resources, profile: Profile) -> Iterable[Line]:
    stored = profile.items * MONTHS_KEPT * (IMAGE_MB + RENDITIONS_MB) / 1024
    yield _line("S3", f"images of {MONTHS_KEPT} months", stored, "s3 storage")
    yield _line("S3", "objects written", 3 * profile.items, "s3 write")
    yield _line("S3", "objects read", 4 * profile.items + 11 * profile.searches + 3 * profile.chats, "s3 read")
    seen = sum((getattr(profile, name) * each for name, each in SEEN_MB.items()), Decimal(0)) / 1024
    yield _line("S3", "images sent to browsers", seen, "internet")


def _web(resources: Resources, profile: Profile) -> Iterable[Line]:
    for _ in _of(resources, "AWS::CloudFront::Distribution"):
        yield _line("CloudFront", "pages and answers", profile.requests * Decimal("0.02") / 1024, "cloudfront transfer")
        yield _line("CloudFront", "requests", 2 * profile.requests, "cloudfront request")
        yield _line("CloudFront", "functions", 2 * profile.requests, "cloudfront function")


def _people(resources: Resources, profile: Profile) -> Iterable[Line]:
    for _ in _of(resources, "AWS::Cognito::UserPool"):
        yield _line("Cognito", "active users", profile.users, "cognito")


def _watching(resources: Resources, profile: Profile) -> Iterable[Line]:
    yield _line("CloudWatch", "alarms", len(_of(resources, "AWS::CloudWatch::Alarm")), "cloudwatch alarm")
    yield _line("CloudWatch", "dashboards", len(_of(resources, "AWS::CloudWatch::Dashboard")), "cloudwatch dashboard")
    metrics = METRICS_AT_WORK * ACTIVE_HOURS / HOURS
    yield _line("CloudWatch", "metrics of our own, by the hour", metrics, "cloudwatch metric")
    invocations = sum(WORK[name].often(profile) for name, _ in _bundles(resources) if name in WORK)
    logged = (invocations + profile.requests) * LOG_KB_PER_INVOCATION / 1024 / 1024
    yield _line("CloudWatch", "logs", logged, "cloudwatch logs")
    yield _line("CloudWatch", "logs kept for a month", logged, "cloudwatch logs storage")


def _secrets(resources: Resources, _profile: Profile) -> Iterable[Line]:
    yield _line("Secrets Manager", "secrets", len(_of(resources, "AWS::SecretsManager::Secret")), "secretsmanager")


def _guards(resources: Resources, profile: Profile) -> Iterable[Line]:
    """What comes with `-c nat=…` and `-c waf=true`. A NAT instance gets its address as it starts."""
    calls = Decimal("0.01") * (profile.items + profile.chats)
    for instance in _of(resources, "AWS::EC2::Instance"):
        yield _line("EC2", "NAT instance", HOURS, f"ec2 {instance['InstanceType']}")
        yield _line("EC2", "its disk", 8, "ebs gp3")
        yield _line("EC2", "its public address", HOURS, "public ipv4")
    for _ in _of(resources, "AWS::EC2::NatGateway"):
        yield _line("VPC", "NAT gateway", HOURS, "nat gateway")
        yield _line("VPC", "through the NAT gateway", calls, "nat gateway data")
    for _ in _of(resources, "AWS::EC2::EIP"):
        yield _line("VPC", "public address", HOURS, "public ipv4")
    for acl in _of(resources, "AWS::WAFv2::WebACL"):
        yield _line("WAF", "web ACL", 1, "waf acl")
        yield _line("WAF", "rules", len(acl["Rules"]), "waf rule")
        yield _line("WAF", "requests", 2 * profile.requests, "waf request")


def _line(service: str, what: str, quantity: Decimal | int, price: str) -> Line:
    return Line(service, what, Decimal(quantity), prices.AWS[price])


def _of(resources: Resources, kind: str) -> list[Mapping[str, Any]]:
    return [resource["Properties"] for resource in resources.values() if resource["Type"] == kind]


def _bundles(resources: Resources) -> list[tuple[str, Mapping[str, Any]]]:
    """Each function's bundle and properties."""
    return [
        (function["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"], function)
        for function in _of(resources, "AWS::Lambda::Function")
    ]


# --- the command ----------------------------------------------------------------------------------------------------

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    items: Annotated[int, typer.Option(min=0, help="New images a month.")] = Profile.items,
    searches: Annotated[int, typer.Option(min=0, help="Searches a month.")] = Profile.searches,
    chats: Annotated[int, typer.Option(min=0, help="Chat turns a month.")] = Profile.chats,
    users: Annotated[int, typer.Option(min=1, help="People who sign in.")] = Profile.users,
) -> None:
    """Print the month's estimate, line by line."""
    if not _TEMPLATE.is_file():
        say("[dim]No template yet: synthesizing (this builds the bundles once).[/]")
        deploy.synthesize(cloud="aws")
    with locks.held(_TEMPLATE.parent):
        template = json.loads(_TEMPLATE.read_text())
    profile = Profile(items, searches, chats, users)
    made = datetime.fromtimestamp(_TEMPLATE.stat().st_mtime, UTC)
    where = _TEMPLATE.relative_to(deploy.ROOT)
    say(f"[dim]{where} of {made:%Y-%m-%d %H:%M} UTC; `make infra-synth CLOUD=aws` makes it anew.[/]")
    show(estimate(template, profile), provider_calls(template, profile), profile)
    for name in unknown(template):
        say(f"[yellow]Not estimated:[/] {name}")


def show(lines: list[Line], calls: list[Call], profile: Profile) -> None:
    say(
        f"A month of [bold]{profile.items:,}[/] items, [bold]{profile.searches:,}[/] searches, "
        f"[bold]{profile.chats:,}[/] chats, {profile.users} users; {prices.AWS_REGION}, prices of {prices.AWS_AS_OF}"
    )
    console.print(_stack_table(lines))
    if calls:
        console.print(_calls_table(calls))
    say("[dim]" + "\n".join(f"· {sentence}" for sentence in ASSUMPTIONS) + "[/]")


def _stack_table(lines: list[Line]) -> Table:
    table = Table("Service", "What", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("Quantity", "USD", "beyond free allowances"):
        table.add_column(heading, justify="right")
    for line in lines:
        quantity = f"{line.quantity:,.2f}".rstrip("0").rstrip(".") + f" {line.price.unit}"
        table.add_row(line.service, line.what, quantity, f"{line.usd:.2f}", f"{line.usd_beyond_free:.2f}")
    total = sum((line.usd for line in lines), Decimal(0))
    least = sum((line.usd_beyond_free for line in lines), Decimal(0))
    verdict = "[green]met[/]" if total <= GOAL_USD else "[red]missed[/]"
    table.add_row("[bold]Stack[/]", f"goal ≤ {GOAL_USD} USD: {verdict}", "", f"[bold]{total:.2f}[/]", f"{least:.2f}")
    return table


def _calls_table(calls: list[Call]) -> Table:
    table = Table("Providers", "Model", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for heading in ("Calls", "Tokens in/out each", "USD"):
        table.add_column(heading, justify="right")
    for call in calls:
        tokens = f"{call.input_tokens:,} / {call.output_tokens:,}"
        table.add_row(call.what, call.model, f"{call.count:,}", tokens, f"{call.usd:.2f}")
    total = sum((call.usd for call in calls), Decimal(0))
    table.add_row("[bold]Providers[/]", f"prices of {prices.AS_OF}", "", "", f"[bold]{total:.2f}[/]")
    return table


if __name__ == "__main__":
    app()
