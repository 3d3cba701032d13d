"""Conversations: a Lambda of their own, because a language model's libraries would triple every other cold start."""

from aws_cdk import Duration
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from app.platform.concurrency import APP_ROLE
from infrastructure.api import HttpGateway, answered_by
from infrastructure.auth import Auth
from infrastructure.clouds import Cloud
from infrastructure.conversations import SESSIONS_BY_ACTIVITY, Conversations
from infrastructure.database import Database
from infrastructure.permissions import ROWS, allow
from infrastructure.pipeline import allow_claude_on_bedrock, allow_reading_parameters
from infrastructure.python_function import PythonFunction
from infrastructure.realtime import WebSocketGateway
from infrastructure.storage import Storage

PATHS = ("/chat", "/chat/{proxy+}")
# A turn's last step must begin before `chat_turn_deadline_s` and may take a model call; a session's lock lasts longer.
TIMEOUT_S = 170


class Chat(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        gateway: HttpGateway,
        live: WebSocketGateway,
        auth: Auth,
        authorizer: apigatewayv2.IHttpRouteAuthorizer,
        database: Database,
        storage: Storage,
        conversations: Conversations,
        requests: dynamodb.Table,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PythonFunction(
            self,
            "Function",
            cloud=cloud,
            bundle="chat",
            timeout_s=TIMEOUT_S,
            # A whole vCPU: what a cold start spends on imports goes by that.
            memory_mb=1769,
            environment={
                **auth.settings,
                **cloud.chat_settings,
                **cloud.embedding_settings,
                **cloud.usage_settings,
                **cloud.tracing_settings,
                **conversations.settings,
                "REQUESTS_TABLE": requests.table_name,
                "REQUESTS_PER_MINUTE": str(cloud.requests_per_minute),
                "CONNECTIONS_TABLE": conversations.connections.table_name,
                "WEBSOCKET_CALLBACK_URL": live.callback_url,
            },
        )
        database.connect(self.function, role=APP_ROLE)
        storage.allow(self.function, read=["thumbnails"])
        storage.allow_checkpoints(self.function)
        self._allow_tables(conversations, requests)
        live.allow_pushing(self.function)
        allow_reading_parameters(self.function, environment=cloud.environment)
        if cloud.chat_provider == "bedrock":
            allow_claude_on_bedrock(self.function, "bedrock:InvokeModelWithResponseStream")
        self._allow_itself()
        # A turn that failed is told to whoever asked, and never begun again behind their back.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        self._route(gateway.api, authorizer)

    def allow_asking(self, function: lambda_.Function, *, waits_s: int | None = None) -> None:
        """Let a function have something answered here, and wait for it so long."""
        function.add_environment("CHAT_FUNCTION_NAME", self.function.function_name)
        if waits_s is not None:
            function.add_environment("CHAT_WAIT_S", str(waits_s))
        allow(function, "lambda:InvokeFunction", on=[self.function.function_arn])

    def _allow_tables(self, conversations: Conversations, requests: dynamodb.Table) -> None:
        sessions = conversations.sessions.table_arn
        allow(self.function, *ROWS, on=[requests.table_arn])
        allow(self.function, *ROWS, on=[sessions])
        allow(self.function, "dynamodb:Query", on=[f"{sessions}/index/{SESSIONS_BY_ACTIVITY}"])
        checkpoints = ("GetItem", "Query", "PutItem", "BatchGetItem", "BatchWriteItem")
        allow(
            self.function,
            *(f"dynamodb:{action}" for action in checkpoints),
            on=[conversations.checkpoints.table_arn],
        )

    def _allow_itself(self) -> None:
        """A request has its turn answered by another invocation. A policy apart: the role's own comes before the
        function, and could not name it."""
        role = self.function.role
        assert role is not None
        iam.Policy(
            self,
            "AskItself",
            roles=[role],
            statements=[iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.function.function_arn])],
        )

    def _route(self, api: apigatewayv2.HttpApi, authorizer: apigatewayv2.IHttpRouteAuthorizer) -> None:
        integration = answered_by(self.function)
        for path in PATHS:
            api.add_routes(
                path=path, methods=[apigatewayv2.HttpMethod.ANY], integration=integration, authorizer=authorizer
            )
