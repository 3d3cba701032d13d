"""Every alarm watches something that is really measured, reaches somebody, and has its paragraph in the runbook."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from app.analysis.fallback import FallbackAnalyzer
from app.analysis.models import ImageFacts, ProviderAnswer
from app.chat import claude
from app.items.models import ANALYSIS, Status
from app.items.pipeline import run_stage
from app.platform import spending
from app.platform.errors import AppError, PermanentFailure, Unavailable
from app.platform.parameters import Parameters, Secret
from app.platform.settings import ChatSettings
from app.search.voyage import VoyageEmbedder
from infrastructure.alarms import RUNBOOKS
from infrastructure.clouds import ROOT
from scripts import cost
from tests.fakes import MemoryItems, RecordingEvents, an_item
from tests.infrastructure.synthesized import BUNDLES, WORKERS, Synthesized
from tests.providers.conftest import StoredParameters

# Nobody listens there.
NOWHERE = "http://127.0.0.1:9"
# What AWS itself measures: names from the services' pages "CloudWatch metrics".
BY_AWS = {
    "AWS/ApiGateway": {"5xx"},
    "AWS/Lambda": {"Errors", "Duration"},
    "AWS/RDS": {"DatabaseConnections", "FreeStorageSpace"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
}

Series = tuple[str, str, frozenset[tuple[str, str]]]


def alarms(stack: Synthesized) -> dict[str, Mapping[str, Any]]:
    return {name: alarm["Properties"] for name, alarm in stack.all_of("AWS::CloudWatch::Alarm").items()}


def series(alarm: Mapping[str, Any]) -> Series:
    dimensions = {(each["Name"], str(each["Value"])) for each in alarm.get("Dimensions", [])}
    return alarm["Namespace"], alarm["MetricName"], frozenset(dimensions)


# --- what the code writes -------------------------------------------------------------------------------------------


class Failing:
    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        raise Unavailable("It is down.")


def secret(name: str) -> Secret:
    return Secret(Parameters(StoredParameters(**{name: "a-key"}), environment="test"), name)


def fail_an_item() -> None:
    item = an_item(status=Status.ANALYZING)
    run_stage(
        [item.ref],
        stage=ANALYSIS,
        work=lambda claims: {claim.item.item_id: PermanentFailure("refused", "No.") for claim in claims},
        items=MemoryItems(item),
        events=RecordingEvents(),
        lease_seconds=60,
        max_attempts=3,
    )


def analyze_in_vain() -> None:
    facts = ImageFacts(filename="a.jpg", mime_type="image/jpeg", width=1, height=1)
    FallbackAnalyzer({"claude": lambda _seconds: Failing()}, deadline_s=1).analyze(b"", facts=facts)


def embed_in_vain() -> None:
    VoyageEmbedder(secret("voyage_api_key"), base_url=NOWHERE, deadline_s=5).embed_query("bread")


def talk_in_vain() -> None:
    settings = ChatSettings(
        checkpoints_table="c", sessions_table="s", chat_provider="claude", anthropic_base_url=NOWHERE
    )
    list(claude.anthropic_api(secret("anthropic_api_key"), "claude-sonnet-5-5", settings).stream("hello"))


def pay() -> None:
    spending.paid("claude-sonnet-5-5", input_tokens=1000, output_tokens=100)


WRITING: list[Callable[[], None]] = [fail_an_item, analyze_in_vain, embed_in_vain, talk_in_vain, pay]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> set[Series]:
    """The series that CloudWatch makes of what the code prints."""
    for write in WRITING:
        with suppress(AppError):
            write()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return {
        (directive["Namespace"], metric["Name"], frozenset((name, line[name]) for name in dimensions))
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def test_alarms_watch_what_the_code_writes(aws: Synthesized, written: set[Series]) -> None:
    ours = {name: series(alarm) for name, alarm in alarms(aws).items() if alarm["Namespace"] == "Collections"}

    assert {name for name, watched in ours.items() if watched not in written} == set()
    assert {watched[1] for watched in ours.values()} == {"items_failed", "provider_failed", "paid_usd"}
    assert {dict(watched[2]).get("stage") for watched in ours.values()} == {None, "analyzer", "embedder", "chat"}


def test_the_dashboard_shows_what_the_code_writes(aws: Synthesized, written: set[Series]) -> None:
    (dashboard,) = aws.properties_of("AWS::CloudWatch::Dashboard")
    # Without the tokens, which are ARNs and names of what is deployed.
    body = json.loads(aws.text(dashboard["DashboardBody"]))

    shown = {
        (metric[0], metric[1], frozenset(zip(named[::2], named[1::2], strict=True)))
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "Collections"
        for named in [[part for part in metric[2:] if isinstance(part, str)]]
    }

    assert shown
    assert shown <= written


def test_alarms_watch_what_aws_measures(aws: Synthesized) -> None:
    for alarm in alarms(aws).values():
        if alarm["Namespace"] != "Collections":
            assert alarm["MetricName"] in BY_AWS[alarm["Namespace"]]
            assert alarm["Dimensions"]


# --- what is watched ------------------------------------------------------------------------------------------------


def test_everything_that_was_asked_for_is_watched(aws: Synthesized) -> None:
    watched = {(namespace, name) for namespace, name, _ in map(series, alarms(aws).values())}

    assert watched >= {(namespace, name) for namespace, names in BY_AWS.items() for name in names}


def test_every_worker_s_queue_is_watched_for_its_oldest_message(aws: Synthesized) -> None:
    queues = {aws.mapping(bundle)["EventSourceArn"]["Fn::GetAtt"][0] for bundle in WORKERS}

    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in alarms(aws).values()
        if alarm["MetricName"] == "ApproximateAgeOfOldestMessage"
    }

    assert watched == queues


def test_a_few_requests_do_not_make_the_api_slow(aws: Synthesized) -> None:
    (slow,) = [alarm for alarm in alarms(aws).values() if alarm.get("ExtendedStatistic") == "p95"]
    logical_id, _ = aws.functions()["api"]

    assert slow["EvaluateLowSampleCountPercentile"] == "ignore"
    assert slow["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": logical_id}}]


def test_silence_raises_no_alarm(either: Synthesized) -> None:
    assert {alarm["TreatMissingData"] for alarm in alarms(either).values()} == {"notBreaching"}


def test_a_day_is_dear_long_before_the_month_s_budget_is_gone(aws: Synthesized, guarded: Synthesized) -> None:
    for stack in (aws, guarded):
        (dear,) = [alarm for alarm in alarms(stack).values() if alarm["MetricName"] == "paid_usd"]

        assert dear["Period"] == 24 * 3600
        assert dear["Threshold"] == 25 / 5


# --- who hears of it ------------------------------------------------------------------------------------------------


def test_every_alarm_goes_to_the_topic(either: Synthesized) -> None:
    (topic,) = either.all_of("AWS::SNS::Topic")

    assert {json.dumps(alarm["AlarmActions"]) for alarm in alarms(either).values()} == {json.dumps([{"Ref": topic}])}


def test_whoever_is_named_is_subscribed(guarded: Synthesized, aws: Synthesized) -> None:
    (topic,) = guarded.all_of("AWS::SNS::Topic")
    (subscription,) = guarded.properties_of("AWS::SNS::Subscription")

    assert subscription == {"Protocol": "email", "Endpoint": "somebody@example.com", "TopicArn": {"Ref": topic}}
    assert not aws.all_of("AWS::SNS::Subscription")


def test_alarms_and_the_budget_may_publish(aws: Synthesized) -> None:
    """A topic's own policy takes the place of the default one, which lets them."""
    (policy,) = aws.properties_of("AWS::SNS::TopicPolicy")
    allowed = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Allow"]

    services = set[str]()
    for statement in allowed:
        named = statement["Principal"]["Service"]
        services |= set(named if isinstance(named, list) else [named])
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert services == {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"}


def test_the_budget_tells_the_same_topic(aws: Synthesized) -> None:
    (topic,) = aws.all_of("AWS::SNS::Topic")
    (budget,) = aws.properties_of("AWS::Budgets::Budget")

    assert budget["Budget"]["BudgetLimit"] == {"Amount": 50, "Unit": "USD"}
    for notice in budget["NotificationsWithSubscribers"]:
        assert notice["Subscribers"] == [{"SubscriptionType": "SNS", "Address": {"Ref": topic}}]


# --- what to do about it --------------------------------------------------------------------------------------------


def paragraphs() -> dict[str, str]:
    """The runbook's sections, by the anchors that Markdown makes of their headings."""
    _, *sections = re.split(r"^## ", (ROOT / RUNBOOKS).read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^a-z0-9]+", "-", section.partition("\n")[0].lower()).strip("-"): section for section in sections}


def test_every_alarm_names_its_paragraph(either: Synthesized) -> None:
    for alarm in alarms(either).values():
        linked = re.search(rf"{RUNBOOKS}#([a-z0-9-]+)$", alarm["AlarmDescription"])
        assert linked, alarm["AlarmDescription"]
        assert linked[1] in paragraphs()


def test_every_paragraph_is_of_an_alarm_or_the_budget(aws: Synthesized) -> None:
    linked = {alarm["AlarmDescription"].rpartition("#")[2] for alarm in alarms(aws).values()}

    assert set(paragraphs()) == linked | {"the-month-s-bill"}


@pytest.mark.parametrize("anchor", sorted(paragraphs()))
def test_a_paragraph_says_which_command_to_run(anchor: str) -> None:
    rules = re.findall(r"^([a-z][a-z0-9 -]*):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    targets = {target for rule in rules for target in rule.split()}
    wanted = re.findall(r"^make (?:-s )?([a-z-]+)", paragraphs()[anchor], flags=re.MULTILINE)

    assert wanted
    assert set(wanted) <= targets
    for function in re.findall(r"FUNC=(\w+)", paragraphs()[anchor]):
        assert function in BUNDLES


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["aws", "local", "private", "guarded"])
def test_the_template_stays_within_cloudformation_s_limits(profile: str, request: pytest.FixtureRequest) -> None:
    stack: Synthesized = request.getfixturevalue(profile)

    assert len(stack.template["Resources"]) < 500
    assert len(json.dumps(stack.template).encode()) < 1_000_000


def test_alarms_and_the_dashboard_are_lines_of_the_estimate(aws: Synthesized) -> None:
    lines = {line.what: line for line in cost.estimate(aws.template, cost.Profile()) if line.service == "CloudWatch"}

    assert lines["alarms"].quantity == len(alarms(aws))
    assert lines["dashboards"].quantity == 1
    # An alarm on a formula would be charged for by each metric in it.
    assert all("Metrics" not in alarm for alarm in alarms(aws).values())


# --- traces ---------------------------------------------------------------------------------------------------------


def test_every_function_is_traced(either: Synthesized) -> None:
    for function in either.properties_of("AWS::Lambda::Function"):
        assert function["TracingConfig"] == {"Mode": "Active"}
