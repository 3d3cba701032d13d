"""The HTTP API: a gateway that checks tokens, and the one Lambda behind it."""

import json
from collections.abc import Mapping

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from app.platform.concurrency import APP_ROLE
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, JobRequested
from infrastructure.auth import Auth
from infrastructure.clouds import Cloud
from infrastructure.conversations import Conversations, expiring_table
from infrastructure.database import Database
from infrastructure.nag import accept
from infrastructure.permissions import ROWS
from infrastructure.pipeline import allow_publishing, allow_reading_parameters
from infrastructure.python_function import PythonFunction
from infrastructure.storage import EVERY_KIND, Storage

PUBLIC_PATHS = ("/health", "/health/ready", "/version")
# The gateway itself gives up after 30 s.
TIMEOUT_S = 29
# Not the user: the application's own line of the same request has their hash.
ACCESS_LOG = {
    "request_id": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "refused": "$context.authorizer.error",
    "failure": "$context.integrationErrorMessage",
}


# For pages of other origins, where there are any: our own page asks its own origin, under /api.
CORS: Mapping[str, object] = {
    "AllowMethods": ["*"],
    "AllowHeaders": ["authorization", "content-type", "idempotency-key", "if-match", "if-none-match"],
    "ExposeHeaders": [
        "etag", "idempotency-replayed", "location", "ratelimit-limit", "ratelimit-policy", "ratelimit-remaining",
        "ratelimit-reset", "retry-after", "x-request-id",
    ],
    "MaxAge": 3600,
}  # fmt: skip


class HttpGateway(Construct):
    """The address alone: the web origin is made from it, and what it serves is made after the web origin."""

    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(scope, construct_id)
        self.api = apigatewayv2.HttpApi(
            self, "Api", api_name=f"collections-{cloud.environment}", create_default_stage=False
        )
        resource = self.api.node.default_child
        assert isinstance(resource, apigatewayv2.CfnApi)
        if cloud.cors_origins:
            cloud.hosts.answer_preflights(resource, {"AllowOrigins": list(cloud.cors_origins), **CORS})
        self._open_stage(cloud)
        self.url = cloud.hosts.api_url(self.api.api_id)

    def _open_stage(self, cloud: Cloud) -> None:
        access_log = logs.LogGroup(
            self, "AccessLog", retention=cloud.log_retention, removal_policy=cloud.removal_policy
        )
        apigatewayv2.CfnStage(
            self,
            "Stage",
            api_id=self.api.api_id,
            stage_name="$default",
            auto_deploy=True,
            default_route_settings=apigatewayv2.CfnStage.RouteSettingsProperty(
                throttling_rate_limit=50, throttling_burst_limit=100
            ),
            access_log_settings=apigatewayv2.CfnStage.AccessLogSettingsProperty(
                # Not the attribute Arn: that one ends in `:*`, which names streams.
                destination_arn=Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=access_log.log_group_name,
                    arn_format=ArnFormat.COLON_RESOURCE_NAME,
                ),
                format=json.dumps(ACCESS_LOG),
            ),
        )


def answered_by(function: lambda_.Function) -> integrations.HttpLambdaIntegration:
    """A function as what answers routes, with one permission for all of them."""
    return integrations.HttpLambdaIntegration(
        "Function",
        function,
        payload_format_version=apigatewayv2.PayloadFormatVersion.VERSION_2_0,
        scope_permission_to_route=False,
    )


class Api(Construct):
    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cloud: Cloud,
        gateway: HttpGateway,
        auth: Auth,
        database: Database,
        storage: Storage,
        conversations: Conversations,
    ) -> None:
        super().__init__(scope, construct_id)
        # Answers to keyed requests, and how many requests a user made this minute.
        self.requests = expiring_table(self, "Requests", cloud, partition="id")
        self.function = PythonFunction(
            self,
            "Function",
            cloud=cloud,
            bundle="api",
            timeout_s=TIMEOUT_S,
            memory_mb=1024,
            environment={
                **auth.settings,
                **cloud.analysis_settings,
                **cloud.answer_model_settings,
                **cloud.embedding_settings,
                **cloud.usage_settings,
                **cloud.tracing_settings,
                **conversations.settings,
                "REQUESTS_TABLE": self.requests.table_name,
                "REQUESTS_PER_MINUTE": str(cloud.requests_per_minute),
            },
        )
        database.connect(self.function, role=APP_ROLE)
        storage.allow(self.function, read=[*EVERY_KIND, "exports"], write=["images"], delete=EVERY_KIND)
        conversations.checkpoints.grant(self.function, "dynamodb:DescribeTable")
        self.requests.grant(self.function, *ROWS)
        # New renditions, a new analysis and a rebuilt index enter the pipeline at different stages.
        allow_publishing(self.function, ImageUploaded, ImageProcessed, AnalysisComplete, JobRequested)
        auth.allow(self.function, "cognito-idp:AdminGetUser")
        allow_reading_parameters(self.function, environment=cloud.environment)
        self.authorizer = authorizers.HttpJwtAuthorizer(
            "Cognito", auth.issuer, jwt_audience=[auth.client.user_pool_client_id]
        )
        self._route(gateway.api)

    def _route(self, api: apigatewayv2.HttpApi) -> None:
        integration = answered_by(self.function)
        api.add_routes(
            path="/{proxy+}",
            methods=[apigatewayv2.HttpMethod.ANY],
            integration=integration,
            authorizer=self.authorizer,
        )
        for path in PUBLIC_PATHS:
            for route in api.add_routes(path=path, methods=[apigatewayv2.HttpMethod.GET], integration=integration):
                accept(route, "Answers without anyone's data.", "AwsSolutions-APIG4")
