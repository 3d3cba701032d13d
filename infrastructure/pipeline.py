"""From an object in the bucket to an item that can be found: three stages chained by events, and what tidies up."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from app.platform.concurrency import APP_ROLE, CLEANUP_ROLE
from app.platform.events import (
    ORIGINALS_WILDCARD,
    S3_OBJECT_CREATED,
    S3_SOURCE,
    AnalysisComplete,
    DuplicateFound,
    Event,
    ImageProcessed,
    ImageUploaded,
    ItemFailed,
    ItemReady,
    JobRequested,
)
from infrastructure.clouds import Cloud
from infrastructure.database import Database
from infrastructure.nag import accept_wildcards
from infrastructure.permissions import allow
from infrastructure.pipeline_stage import PipelineStage
from infrastructure.python_function import PythonFunction
from infrastructure.storage import EVERY_KIND, Storage
from infrastructure.wildcards import CLAUDE_ON_BEDROCK, PARAMETERS

# One vCPU: decoding 50 megapixels is the one thing here that is bound by the processor.
IMAGE_PROCESSOR_MB = 1769


class Pipeline(Construct):
    def __init__(
        self, scope: Construct, construct_id: str, *, cloud: Cloud, database: Database, storage: Storage
    ) -> None:
        super().__init__(scope, construct_id)
        self._cloud, self._database, self._storage = cloud, database, storage
        self.image_processor = self._image_processor()
        self.analyzer = self._analyzer()
        self.embedder = self._embedder()
        self.stages = [self.image_processor, self.analyzer, self.embedder]
        self.cleanup = self._cleanup()

    def _image_processor(self) -> PipelineStage:
        stage = PipelineStage(
            self,
            "ImageProcessor",
            cloud=self._cloud,
            name="image_processor",
            memory_mb=IMAGE_PROCESSOR_MB,
            rules={"ObjectCreated": self._new_originals(), **rule_for(ImageUploaded)},
        )
        # Deletes too: renditions that nobody looks at any more, and the objects of a duplicate. It writes an original
        # where the duplicate's is the only one there is.
        self._storage.allow(stage.function, read=["images"], write=EVERY_KIND, delete=EVERY_KIND)
        self._database.connect(stage.function, role=APP_ROLE)
        # `AnalysisComplete`: an item that took over a duplicate's title is embedded again.
        allow_publishing(stage.function, ImageProcessed, DuplicateFound, AnalysisComplete, ItemFailed)
        return stage

    def _new_originals(self) -> events.EventPattern:
        return events.EventPattern(
            source=[S3_SOURCE],
            detail_type=[S3_OBJECT_CREATED],
            detail={
                "bucket": {"name": [self._storage.images.bucket_name]},
                "object": {"key": [{"wildcard": ORIGINALS_WILDCARD}]},
            },
        )

    def _analyzer(self) -> PipelineStage:
        stage = PipelineStage(
            self,
            "Analyzer",
            cloud=self._cloud,
            name="analyzer",
            memory_mb=1024,
            rules=rule_for(ImageProcessed),
        )
        cloud = self._cloud
        for name, value in {**cloud.analysis_settings, **cloud.tracing_settings, **cloud.usage_settings}.items():
            stage.function.add_environment(name, value)
        if "bedrock" in self._cloud.analysis_choices:
            allow_claude_on_bedrock(stage.function)
        self._storage.allow(stage.function, read=["display"])
        self._database.connect(stage.function, role=APP_ROLE)
        allow_publishing(stage.function, AnalysisComplete, ItemFailed)
        allow_reading_parameters(stage.function, environment=self._cloud.environment)
        return stage

    def _embedder(self) -> PipelineStage:
        stage = PipelineStage(
            self,
            "Embedder",
            cloud=self._cloud,
            name="embedder",
            memory_mb=512,
            rules=rule_for(AnalysisComplete),
        )
        for name, value in {**self._cloud.embedding_settings, **self._cloud.usage_settings}.items():
            stage.function.add_environment(name, value)
        self._database.connect(stage.function, role=APP_ROLE)
        allow_publishing(stage.function, ItemReady, ItemFailed)
        allow_reading_parameters(stage.function, environment=self._cloud.environment)
        return stage

    def _cleanup(self) -> PythonFunction:
        function = PythonFunction(self, "Cleanup", cloud=self._cloud, bundle="cleanup", timeout_s=300, memory_mb=256)
        self._database.connect(function, role=CLEANUP_ROLE)
        self._storage.allow(function, read=["images"])
        # Also what a user who has left had still on its way.
        self._storage.allow_emptying(function)
        # What makes a waiting item or job move again, whatever it waits for.
        allow_publishing(function, ImageUploaded, ImageProcessed, AnalysisComplete, ItemFailed, JobRequested)
        events.Rule(
            self,
            "Hourly",
            schedule=events.Schedule.rate(Duration.hours(1)),
            targets=[targets.LambdaFunction(function, retry_attempts=2)],
        )
        return function


def rule_for(event: type[Event]) -> dict[str, events.EventPattern]:
    return {event.detail_type: pattern_of(event)}


def pattern_of(*classes: type[Event]) -> events.EventPattern:
    """The rule that consumes exactly what these classes publish."""
    return events.EventPattern(
        source=sorted({event.source for event in classes}),
        detail_type=sorted({event.detail_type for event in classes}),
    )


def allow_publishing(function: lambda_.Function, *classes: type[Event]) -> None:
    """Let a function speak on the default bus, as these sources only."""
    bus = Stack.of(function).format_arn(service="events", resource="event-bus", resource_name="default")
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["events:PutEvents"],
            resources=[bus],
            conditions={"ForAllValues:StringEquals": {"events:source": sorted({event.source for event in classes})}},
        )
    )


def allow_claude_on_bedrock(function: lambda_.Function, action: str = "bedrock:InvokeModel") -> None:
    """Let a function call Claude, directly or through an inference profile, which may serve it from any region."""
    stack = Stack.of(function)
    models = stack.format_arn(
        service="bedrock", region="*", account="", resource="foundation-model", resource_name="anthropic.*"
    )
    profiles = stack.format_arn(
        service="bedrock", region="*", resource="inference-profile", resource_name="*.anthropic.*"
    )
    allow(function, action, on=[models, profiles], wildcard=CLAUDE_ON_BEDROCK)


def allow_reading_parameters(function: lambda_.Function, *, environment: str) -> None:
    """Let a function read the provider keys, once per cold start and by path."""
    stack = Stack.of(function)
    path = stack.format_arn(service="ssm", resource="parameter", resource_name=f"collections/{environment}")
    resources = [path, f"{path}/*"]
    allow(function, "ssm:GetParametersByPath", on=resources)
    accept_wildcards(function, PARAMETERS, resources[1:])
