"""One stage of the pipeline: rule → queue (→ dead letters) → Lambda, and the alarms that watch it."""

from collections.abc import Mapping
from typing import Literal

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.alarms import FIVE_MINUTES, MINUTE, Limit, alarm
from infrastructure.clouds import Cloud, StageScale
from infrastructure.python_function import PythonFunction

StageName = Literal["image_processor", "analyzer", "embedder", "jobs"]

# With back-off between receives, a provider may be down for hours before anything is given up.
MAX_RECEIVES = 20
WAITING_TOO_LONG = Duration.minutes(30)


class PipelineStage(Construct):
    """What the queue adds to a plain rule → Lambda: hours of retries, bounded concurrency, batches, dead letters."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        name: StageName,
        memory_mb: int,
        rules: Mapping[str, events.EventPattern],
    ) -> None:
        super().__init__(scope, construct_id)
        self.dlq = dead_letter_queue(self, "Dlq")
        self.queue = sqs.Queue(
            self,
            "Queue",
            visibility_timeout=Duration.seconds(cloud.clock.visibility_s),
            retention_period=Duration.days(4),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dlq, max_receive_count=MAX_RECEIVES),
        )
        self.function = PythonFunction(
            self,
            "Function",
            cloud=cloud,
            bundle=name,
            timeout_s=cloud.clock.lambda_timeout_s,
            memory_mb=memory_mb,
            environment={"QUEUE_URL": self.queue.queue_url, "LEASE_SECONDS": str(cloud.clock.lease_s)},
        )
        self._chain(rules, cloud.stages[name])
        self.alarms = [dead_letters_alarm(self, "DeadLetters", queue=self.dlq), self._waiting_alarm()]

    def _chain(self, rules: Mapping[str, events.EventPattern], scale: StageScale) -> None:
        # What cannot even be queued lies beside what could not be worked off: same message, same redrive.
        target = targets.SqsQueue(self.queue, dead_letter_queue=self.dlq)
        for rule, pattern in rules.items():
            events.Rule(self, rule, event_pattern=pattern, targets=[target])
        self.function.add_event_source(
            event_sources.SqsEventSource(
                self.queue,
                batch_size=scale.batch_size,
                max_batching_window=Duration.seconds(scale.batching_window_s),
                max_concurrency=scale.max_concurrency,
                report_batch_item_failures=True,
            )
        )

    def _waiting_alarm(self) -> cloudwatch.Alarm:
        return alarm(
            self,
            "WaitingTooLong",
            metric=self.queue.metric_approximate_age_of_oldest_message(period=FIVE_MINUTES, statistic="Maximum"),
            limit=Limit(WAITING_TOO_LONG.to_seconds()),
            says="The oldest message has waited for half an hour: the stage fails or is too slow.",
            runbook="a-stage-stands-still",
        )


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """Two weeks to look at what could not be handled."""
    return sqs.Queue(
        scope,
        construct_id,
        retention_period=Duration.days(14),
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
    )


def dead_letters_alarm(scope: Construct, construct_id: str, *, queue: sqs.Queue) -> cloudwatch.Alarm:
    return alarm(
        scope,
        construct_id,
        metric=queue.metric_approximate_number_of_messages_visible(period=MINUTE, statistic="Maximum"),
        limit=Limit(0),
        says="A message was given up.",
        runbook="dead-letters",
    )
