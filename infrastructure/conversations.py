"""What was said, and who is listening: DynamoDB tables whose items all expire."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.clouds import Cloud
from infrastructure.nag import accept
from infrastructure.permissions import allow

SESSIONS_BY_ACTIVITY = "user_id-last_activity-index"
CONNECTIONS_BY_USER = "user_id-index"


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)


class Conversations(Construct):
    def __init__(self, scope: Construct, construct_id: str, *, cloud: Cloud) -> None:
        super().__init__(scope, construct_id)
        # The key names that LangGraph's DynamoDBSaver is written for.
        self.checkpoints = expiring_table(self, "Checkpoints", cloud, partition="PK", sort="SK")
        self.sessions = expiring_table(self, "Sessions", cloud, partition="user_id", sort="session_id")
        self.sessions.add_global_secondary_index(
            index_name=SESSIONS_BY_ACTIVITY, partition_key=_text("user_id"), sort_key=_text("last_activity")
        )
        self.connections = expiring_table(self, "Connections", cloud, partition="connection_id")
        self.connections.add_global_secondary_index(index_name=CONNECTIONS_BY_USER, partition_key=_text("user_id"))
        self.settings = {
            "CHECKPOINTS_TABLE": self.checkpoints.table_name,
            "SESSIONS_TABLE": self.sessions.table_name,
        }

    def count_from(self, function: lambda_.Function) -> None:
        """Let a function count the sessions that are over."""
        for name, value in self.settings.items():
            function.add_environment(name, value)
        allow(function, "dynamodb:Scan", on=[self.sessions.table_arn])


def expiring_table(
    scope: Construct, construct_id: str, cloud: Cloud, *, partition: str, sort: str | None = None
) -> dynamodb.Table:
    """A table whose items expire at their `ttl`. Encrypted, as every table, with a key of DynamoDB's own."""
    table = dynamodb.Table(
        scope,
        construct_id,
        partition_key=_text(partition),
        sort_key=_text(sort) if sort else None,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        time_to_live_attribute="ttl",
        deletion_protection=cloud.deletion_protection,
        removal_policy=cloud.removal_policy,
    )
    accept(table, "Everything in it expires within hours: older states are not wanted back.", "AwsSolutions-DDB3")
    return table
