"""The one stack: which capabilities there are, and which builds on which."""

from aws_cdk import Aws, CfnOutput, CfnParameter, Stack
from constructs import Construct

from infrastructure.api import Api, HttpGateway
from infrastructure.auth import Auth
from infrastructure.chat import Chat
from infrastructure.clouds import Cloud
from infrastructure.conversations import Conversations
from infrastructure.database import Database, GivenPostgres, RdsPostgres
from infrastructure.jobs import Jobs
from infrastructure.migrations import Migrations
from infrastructure.monitoring import Monitoring
from infrastructure.network import network
from infrastructure.pipeline import Pipeline
from infrastructure.pipeline_stage import PipelineStage
from infrastructure.python_function import PythonFunction
from infrastructure.realtime import Realtime, WebSocketGateway
from infrastructure.smoke import Smoke
from infrastructure.storage import Storage
from infrastructure.web import Web


class CollectionsStack(Stack):
    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(
            scope,
            construct_id,
            stack_name=f"collections-{cloud.environment}",
            description="A private, searchable memory for photos and screenshots",
            synthesizer=cloud.synthesizer,
            termination_protection=cloud.deletion_protection,
        )
        self.storage = Storage(self, "Storage", cloud=cloud)
        self.http = HttpGateway(self, "Http", cloud=cloud)
        self.live = WebSocketGateway(self, "Live", cloud=cloud)
        self.web = Web(self, "Web", cloud=cloud, storage=self.storage, gateway=self.http, live=self.live)
        self.auth = Auth(self, "Auth", cloud=cloud, web_url=self.web.url)
        self.conversations = Conversations(self, "Conversations", cloud=cloud)
        self.database = self._database(cloud)
        # Named by the moment at which it begins, so that every deployment migrates and is smoked, whatever it changes.
        deployment = CfnParameter(self, "Deployment", default="", description="When it began (scripts/deploy.py)")
        self.deployment = deployment.value_as_string
        self.migrations = Migrations(
            self, "Migrations", cloud=cloud, database=self.database, deployment=self.deployment
        )
        self.pipeline = Pipeline(self, "Pipeline", cloud=cloud, database=self.database, storage=self.storage)
        self.conversations.count_from(self.pipeline.cleanup)
        self.api = Api(
            self,
            "Api",
            cloud=cloud,
            gateway=self.http,
            auth=self.auth,
            database=self.database,
            storage=self.storage,
            conversations=self.conversations,
        )
        self.chat = Chat(
            self,
            "Chat",
            cloud=cloud,
            gateway=self.http,
            live=self.live,
            auth=self.auth,
            authorizer=self.api.authorizer,
            database=self.database,
            storage=self.storage,
            conversations=self.conversations,
            requests=self.api.requests,
        )
        self.realtime = Realtime(
            self,
            "Realtime",
            cloud=cloud,
            gateway=self.live,
            auth=self.auth,
            database=self.database,
            conversations=self.conversations,
            requests=self.api.requests,
        )
        self.chat.allow_asking(self.realtime.function)
        # It has searched before, and both must be done before the gateway gives up.
        self.chat.allow_asking(self.api.function, waits_s=20)
        self.jobs = Jobs(
            self,
            "Jobs",
            cloud=cloud,
            auth=self.auth,
            database=self.database,
            storage=self.storage,
            conversations=self.conversations,
            requests=self.api.requests,
            live=self.live,
        )
        self.stages = [*self.pipeline.stages, self.jobs.stage]
        self._migrate_first()
        self.smoke = self._smoke_last(cloud)
        self._monitor(cloud)
        self._tell(cloud)

    def _database(self, cloud: Cloud) -> Database:
        if cloud.database is not None:
            return GivenPostgres(cloud.database)
        return RdsPostgres(self, "Database", cloud=cloud, network=network(self, "Network", cloud=cloud))

    def _migrate_first(self) -> None:
        stages = (stage.function for stage in self.stages)
        served = (self.api.function, self.chat.function, self.realtime.function)
        self.migrations.run_before(*served, self.pipeline.cleanup, *stages)

    def _smoke_last(self, cloud: Cloud) -> Smoke:
        smoke = Smoke(
            self,
            "Smoke",
            cloud=cloud,
            api_url=self.http.url,
            workers=[stage.function for stage in self.stages],
            others=[self.api.function, self.chat.function, self.realtime.function, self.pipeline.cleanup],
            deployment=self.deployment,
        )
        smoke.run_after([self.http])
        return smoke

    def _monitor(self, cloud: Cloud) -> None:
        Monitoring(
            self,
            "Monitoring",
            cloud=cloud,
            api=self.http.api,
            api_function=self.api.function,
            stages=self.stages,
            unattended=[self.migrations.function, self.pipeline.cleanup],
            alarms=[
                *(alarm for stage in self.stages for alarm in stage.alarms),
                *self.realtime.alarms,
                *self.database.alarms,
            ],
        )

    def _tell(self, cloud: Cloud) -> None:
        """The outputs: what scripts, the front end and people need to find everything. Never a secret."""
        outputs = {
            "Cloud": cloud.name,
            "Region": Aws.REGION,
            "ApiUrl": self.http.url,
            "WebSocketUrl": self.live.url,
            "WebUrl": self.web.url,
            "CognitoUserPoolId": self.auth.user_pool.user_pool_id,
            "CognitoClientId": self.auth.client.user_pool_client_id,
            "CognitoDomain": self.auth.sign_in_url,
            "BucketName": self.storage.images.bucket_name,
            "WebBucketName": self.storage.web.bucket_name,
            "DistributionId": self.web.distribution.distribution_id,
            "RdsEndpoint": self.database.endpoint,
            **self._function_names(),
            **_queue_urls("ImageProcessor", self.pipeline.image_processor),
            **_queue_urls("Analyzer", self.pipeline.analyzer),
            **_queue_urls("Embedder", self.pipeline.embedder),
            **_queue_urls("Jobs", self.jobs.stage),
        }
        if cloud.hosts.endpoint:
            outputs["AwsEndpointUrl"] = cloud.hosts.endpoint
        for key, value in outputs.items():
            CfnOutput(self, key, value=value)

    def _function_names(self) -> dict[str, str]:
        functions: dict[str, PythonFunction] = {
            "Api": self.api.function,
            "ImageProcessor": self.pipeline.image_processor.function,
            "Analyzer": self.pipeline.analyzer.function,
            "Embedder": self.pipeline.embedder.function,
            "Cleanup": self.pipeline.cleanup,
            "Migrate": self.migrations.function,
            "Smoke": self.smoke.function,
            "Realtime": self.realtime.function,
            "Chat": self.chat.function,
            "Jobs": self.jobs.function,
        }
        return {f"{name}FunctionName": function.function_name for name, function in functions.items()}


def _queue_urls(name: str, stage: PipelineStage) -> dict[str, str]:
    return {f"{name}QueueUrl": stage.queue.queue_url, f"{name}DlqUrl": stage.dlq.queue_url}
