"""Pushes to open browsers: a WebSocket API, and the Lambda that greets, forgets and tells connections."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from app.platform.concurrency import APP_ROLE
from app.platform.events import DuplicateFound, ItemFailed, ItemReady
from infrastructure.auth import Auth
from infrastructure.clouds import Cloud
from infrastructure.conversations import CONNECTIONS_BY_USER, Conversations
from infrastructure.database import Database
from infrastructure.nag import accept
from infrastructure.permissions import ROWS, allow
from infrastructure.pipeline import pattern_of
from infrastructure.pipeline_stage import dead_letter_queue, dead_letters_alarm
from infrastructure.python_function import PythonFunction
from infrastructure.wildcards import CONNECTIONS

STAGE = "live"
ROUTES = ("$connect", "$disconnect", "$default")


class WebSocketGateway(Construct):
    """The address alone: the web origin's content security policy names it before anything is served there."""

    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(scope, construct_id)
        self.api = apigatewayv2.WebSocketApi(
            self,
            "Api",
            api_name=f"collections-{cloud.environment}-live",
            # From private subnets functions push to it by IPv6.
            ip_address_type=apigatewayv2.IpAddressType.DUAL_STACK if cloud.network == "private" else None,
        )
        stage = apigatewayv2.WebSocketStage(
            self,
            "Stage",
            web_socket_api=self.api,
            stage_name=STAGE,
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(rate_limit=50, burst_limit=100),
        )
        self.url = cloud.hosts.websocket_url(self.api.api_id, STAGE)
        self.callback_url = cloud.hosts.websocket_callback_url(self.api.api_id, STAGE)
        accept(
            stage,
            "Access logs of WebSocket APIs need an account-wide role; the Lambda logs every connection itself.",
            "AwsSolutions-APIG1",
        )

    def allow_pushing(self, function: lambda_.Function) -> None:
        """Let a function send to connections, and end them."""
        connections = Stack.of(self).format_arn(
            service="execute-api", resource=self.api.api_id, resource_name=f"{STAGE}/*/@connections/*"
        )
        allow(function, "execute-api:ManageConnections", on=[connections], wildcard=CONNECTIONS)


class Realtime(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        gateway: WebSocketGateway,
        auth: Auth,
        database: Database,
        conversations: Conversations,
        requests: dynamodb.Table,
    ) -> None:
        super().__init__(scope, construct_id)
        self.function = PythonFunction(
            self,
            "Function",
            cloud=cloud,
            bundle="realtime",
            timeout_s=29,
            memory_mb=256,
            environment={
                **auth.settings,
                **conversations.settings,
                "CONNECTIONS_TABLE": conversations.connections.table_name,
                "WEBSOCKET_CALLBACK_URL": gateway.callback_url,
                "REQUESTS_TABLE": requests.table_name,
                "REQUESTS_PER_MINUTE": str(cloud.requests_per_minute),
            },
        )
        database.connect(self.function, role=APP_ROLE)
        self._allow_connections(conversations)
        # To ask a turn to stop, and to count what somebody says.
        for table in (conversations.sessions, requests):
            allow(self.function, "dynamodb:UpdateItem", on=[table.table_arn])
        gateway.allow_pushing(self.function)
        self._route(gateway)
        self.dlq = dead_letter_queue(self, "Dlq")
        accept(self.dlq, "It holds a rule's dead letters; cdk-nag looks for a queue's.", "AwsSolutions-SQS3")
        self.alarms = [dead_letters_alarm(self, "DeadLetters", queue=self.dlq)]
        self._listen()

    def _allow_connections(self, conversations: Conversations) -> None:
        table = conversations.connections.table_arn
        allow(self.function, *ROWS, on=[table])
        allow(self.function, "dynamodb:Query", on=[f"{table}/index/{CONNECTIONS_BY_USER}"])

    def _route(self, gateway: WebSocketGateway) -> None:
        integration = integrations.WebSocketLambdaIntegration("Function", self.function)
        for route_key in ROUTES:
            route = gateway.api.add_route(route_key, integration=integration)
            accept(
                route,
                "A browser cannot send headers here: the Lambda verifies the token in the query of $connect.",
                "AwsSolutions-APIG4",
            )

    def _listen(self) -> None:
        """Best effort: a push that is five minutes late tells nobody anything new."""
        target = targets.LambdaFunction(
            self.function, dead_letter_queue=self.dlq, retry_attempts=2, max_event_age=Duration.minutes(5)
        )
        told = pattern_of(ItemReady, ItemFailed, DuplicateFound)
        events.Rule(self, "Rule", event_pattern=told, targets=[target])
