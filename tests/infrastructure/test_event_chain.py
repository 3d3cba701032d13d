"""Rules, queues and clocks."""

import json

import pytest

from app.platform import events
from app.platform.settings import CleanupSettings, JobSettings, StageSettings
from tests.infrastructure.synthesized import STAGES, WORKERS, Synthesized


def patterns(stack: Synthesized, target_logical_id: str) -> list[dict]:
    """What reaches a queue or a function."""
    target = {"Fn::GetAtt": [target_logical_id, "Arn"]}
    return [
        rule["EventPattern"]
        for rule in stack.properties_of("AWS::Events::Rule")
        if "EventPattern" in rule and target in [each["Arn"] for each in rule["Targets"]]
    ]


def stage_patterns(stack: Synthesized, bundle: str) -> list[dict]:
    return patterns(stack, stack.mapping(bundle)["EventSourceArn"]["Fn::GetAtt"][0])


def matching(event: type[events.Event]) -> dict:
    return {"source": [event.source], "detail-type": [event.detail_type]}


def test_only_originals_of_our_bucket_start_the_pipeline(either: Synthesized) -> None:
    object_created, uploaded = sorted(stage_patterns(either, "image_processor"), key=lambda p: "detail" not in p)

    assert object_created["source"] == [events.S3_SOURCE]
    assert object_created["detail-type"] == [events.S3_OBJECT_CREATED]
    assert object_created["detail"]["object"] == {"key": [{"wildcard": events.ORIGINALS_WILDCARD}]}
    assert either.text(object_created["detail"]["bucket"]["name"][0]) == either.outputs["BucketName"]
    assert uploaded == matching(events.ImageUploaded)


@pytest.mark.parametrize(
    ("bundle", "event"), [("analyzer", events.ImageProcessed), ("embedder", events.AnalysisComplete)]
)
def test_a_stage_hears_exactly_what_the_stage_before_it_says(
    either: Synthesized, bundle: str, event: type[events.ItemEvent]
) -> None:
    assert stage_patterns(either, bundle) == [matching(event)]


def test_a_job_is_gone_on_with_when_it_is_asked_for_and_may_ask_for_more_of_itself(either: Synthesized) -> None:
    (statement,) = [s for s in either.statements("jobs") if s["Action"] == "events:PutEvents"]

    assert stage_patterns(either, "jobs") == [matching(events.JobRequested)]
    assert statement["Condition"]["ForAllValues:StringEquals"]["events:source"] == [events.JobRequested.source]


@pytest.mark.parametrize("bundle", ["api", "cleanup"])
def test_jobs_are_asked_for_by_users_and_again_by_cleanup(either: Synthesized, bundle: str) -> None:
    (statement,) = [s for s in either.statements(bundle) if s["Action"] == "events:PutEvents"]

    assert events.JobRequested.source in statement["Condition"]["ForAllValues:StringEquals"]["events:source"]


def test_a_step_of_a_job_is_begun_only_when_it_can_be_finished(either: Synthesized) -> None:
    _, function = either.functions()["jobs"]

    assert JobSettings(queue_url="any").step_seconds < function["Properties"]["Timeout"] / 2


def test_browsers_hear_how_it_ended(either: Synthesized) -> None:
    logical_id, _ = either.functions()["realtime"]

    (pattern,) = patterns(either, logical_id)

    told = (events.ItemReady, events.ItemFailed, events.DuplicateFound)
    assert set(pattern["source"]) == {event.source for event in told}
    assert set(pattern["detail-type"]) == {event.detail_type for event in told}


@pytest.mark.parametrize("bundle", STAGES)
def test_a_stage_may_publish_its_event_and_its_failure(either: Synthesized, bundle: str) -> None:
    announced: dict[str, list[type[events.Event]]] = {
        # The last: an item that took over the words of its duplicate is embedded anew.
        "image_processor": [events.ImageProcessed, events.DuplicateFound, events.AnalysisComplete],
        "analyzer": [events.AnalysisComplete],
        "embedder": [events.ItemReady],
    }

    (statement,) = [s for s in either.statements(bundle) if s["Action"] == "events:PutEvents"]

    assert set(statement["Condition"]["ForAllValues:StringEquals"]["events:source"]) == {
        *(event.source for event in announced[bundle]),
        events.ItemFailed.source,
    }


@pytest.mark.parametrize("bundle", WORKERS)
def test_whoever_waits_outlives_whom_it_waits_for(either: Synthesized, bundle: str) -> None:
    _, function = either.functions()[bundle]
    lease = int(function["Properties"]["Environment"]["Variables"]["LEASE_SECONDS"])
    timeout = function["Properties"]["Timeout"]
    visibility = either.stage_queue(bundle)["VisibilityTimeout"]

    assert StageSettings(queue_url="any").provider_deadline_s < timeout < lease < visibility
    assert visibility < CleanupSettings().stuck_after_seconds


@pytest.mark.parametrize("bundle", WORKERS)
def test_a_message_is_hidden_for_six_timeouts_as_lambda_asks(aws: Synthesized, bundle: str) -> None:
    _, function = aws.functions()[bundle]

    assert aws.stage_queue(bundle)["VisibilityTimeout"] >= 6 * function["Properties"]["Timeout"]


@pytest.mark.parametrize("bundle", WORKERS)
def test_a_stage_gives_up_late_and_to_a_queue_that_keeps_for_two_weeks(either: Synthesized, bundle: str) -> None:
    redrive = either.stage_queue(bundle)["RedrivePolicy"]

    dead_letters = either.template["Resources"][redrive["deadLetterTargetArn"]["Fn::GetAtt"][0]]["Properties"]

    assert redrive["maxReceiveCount"] == 20
    assert dead_letters["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert either.stage_queue(bundle)["MessageRetentionPeriod"] == 4 * 24 * 3600
    assert redrive["maxReceiveCount"] < StageSettings(queue_url="any").max_attempts


@pytest.mark.parametrize("bundle", WORKERS)
def test_a_stage_answers_per_message_and_its_concurrency_is_bounded(either: Synthesized, bundle: str) -> None:
    mapping = either.mapping(bundle)

    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"]["MaximumConcurrency"] >= 2


def test_only_the_embedder_works_in_batches(aws: Synthesized) -> None:
    assert {bundle: aws.mapping(bundle)["BatchSize"] for bundle in WORKERS} == {
        "image_processor": 1,
        "analyzer": 1,
        "embedder": 10,
        "jobs": 1,
    }
    assert aws.mapping("embedder")["MaximumBatchingWindowInSeconds"] == 1


@pytest.mark.parametrize("bundle", WORKERS)
def test_a_stage_knows_its_queue_and_may_give_messages_back_to_it(either: Synthesized, bundle: str) -> None:
    queue = either.mapping(bundle)["EventSourceArn"]

    granted = [s for s in either.statements(bundle) if "sqs:ChangeMessageVisibility" in s["Action"]]

    assert [s["Resource"] for s in granted] == [queue]
    assert either.environment(bundle)["QUEUE_URL"] == f"<{queue['Fn::GetAtt'][0]}>"


def test_every_dead_letter_queue_raises_an_alarm(either: Synthesized) -> None:
    queues = either.all_of("AWS::SQS::Queue")
    dead_letter_queues = {name for name, queue in queues.items() if "RedrivePolicy" not in queue["Properties"]}
    alarms = either.properties_of("AWS::CloudWatch::Alarm")

    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for alarm in alarms
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 0
    }

    assert watched == dead_letter_queues
    assert all(alarm["AlarmActions"] for alarm in alarms)


def test_cleanup_runs_every_hour(either: Synthesized) -> None:
    (rule,) = [rule for rule in either.properties_of("AWS::Events::Rule") if "ScheduleExpression" in rule]
    logical_id, _ = either.functions()["cleanup"]

    assert rule["ScheduleExpression"] == "rate(1 hour)"
    assert rule["Targets"][0]["Arn"] == {"Fn::GetAtt": [logical_id, "Arn"]}


def test_the_bucket_announces_its_objects_without_a_helper_function(either: Synthesized) -> None:
    announcing = [b for b in either.properties_of("AWS::S3::Bucket") if "NotificationConfiguration" in b]

    assert [b["NotificationConfiguration"] for b in announcing] == [
        {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    ]
    assert "nodejs" not in json.dumps(either.template)
