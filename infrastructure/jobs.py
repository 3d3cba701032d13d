"""Work that outlasts a request: a queue, and one Lambda that goes on with whatever job a message names."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from app.platform.concurrency import APP_ROLE
from app.platform.events import JobRequested
from infrastructure.auth import Auth
from infrastructure.clouds import Cloud
from infrastructure.conversations import CONNECTIONS_BY_USER, Conversations
from infrastructure.database import Database
from infrastructure.permissions import allow
from infrastructure.pipeline import allow_publishing, allow_reading_parameters, rule_for
from infrastructure.pipeline_stage import PipelineStage
from infrastructure.realtime import WebSocketGateway
from infrastructure.storage import Storage


class Jobs(Construct):
    """A stage like the pipeline's: each message is a minute of a job, which asks for the next one itself."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        auth: Auth,
        database: Database,
        storage: Storage,
        conversations: Conversations,
        requests: dynamodb.Table,
        live: WebSocketGateway,
    ) -> None:
        super().__init__(scope, construct_id)
        # Lambda's network grows with its memory, and an export is nothing but copying.
        self.stage = PipelineStage(
            self, "Stage", cloud=cloud, name="jobs", memory_mb=1024, rules=rule_for(JobRequested)
        )
        self.function = self.stage.function
        database.connect(self.function, role=APP_ROLE)
        allow_publishing(self.function, JobRequested)
        storage.allow(self.function, read=["images", "exports"], write=["exports"])
        storage.allow_tagging(self.function, "exports")
        self._let_users_go(auth, storage, conversations, requests, live)
        for name, value in {**cloud.embedding_settings, **cloud.usage_settings}.items():
            self.function.add_environment(name, value)
        allow_reading_parameters(self.function, environment=cloud.environment)

    def _let_users_go(
        self,
        auth: Auth,
        storage: Storage,
        conversations: Conversations,
        requests: dynamodb.Table,
        live: WebSocketGateway,
    ) -> None:
        """What the deletion of an account empties."""
        storage.allow_emptying(self.function)
        auth.allow(self.function, "cognito-idp:AdminGetUser", "cognito-idp:AdminDeleteUser")
        live.allow_pushing(self.function)
        self.function.add_environment("WEBSOCKET_CALLBACK_URL", live.callback_url)
        tables = {
            "CHECKPOINTS_TABLE": (conversations.checkpoints, "dynamodb:Scan"),
            "SESSIONS_TABLE": (conversations.sessions, "dynamodb:Query"),
            "CONNECTIONS_TABLE": (conversations.connections, None),
            "REQUESTS_TABLE": (requests, "dynamodb:Scan"),
        }
        for name, (table, read) in tables.items():
            self.function.add_environment(name, table.table_name)
            actions = [action for action in (read, "dynamodb:BatchWriteItem") if action]
            allow(self.function, *actions, on=[table.table_arn])
        by_user = f"{conversations.connections.table_arn}/index/{CONNECTIONS_BY_USER}"
        allow(self.function, "dynamodb:Query", on=[by_user])
