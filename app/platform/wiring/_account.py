"""What an account holds, its export and its end."""

from functools import cache, partial
from typing import TYPE_CHECKING

from app.platform import aws, wiring
from app.platform.settings import AccountSettings, ConversationSettings, RealtimeSettings, RequestSettings

if TYPE_CHECKING:
    from app.account.cognito import UserDirectory
    from app.account.models import PersonalData
    from app.account.s3 import ObjectsOfUser
    from app.account.store import AccountStore
    from app.jobs.models import Advance


@cache
def account() -> "AccountStore":
    from app.account.store import AccountStore

    return AccountStore(wiring.database())


@cache
def account_settings() -> AccountSettings:
    return AccountSettings()


@cache
def user_directory() -> "UserDirectory":
    from app.account.cognito import UserDirectory

    return UserDirectory(aws.client("cognito-idp"), wiring.account_settings().cognito_user_pool_id)


@cache
def objects_of_user() -> "ObjectsOfUser":
    from app.account.s3 import ObjectsOfUser

    return ObjectsOfUser(aws.client("s3"), wiring.storage_settings().bucket_name)


@cache
def export() -> "Advance":
    """The steps of an export."""
    from app.account import export
    from app.account.s3 import ExportBucket

    bucket = ExportBucket(aws.client("s3"), wiring.storage_settings().bucket_name)
    return partial(export.advance, account=wiring.account(), bucket=bucket)


@cache
def deletion() -> "Advance":
    """The steps of an account's deletion: rows go first, so that workers are fenced out of what follows."""
    from app.account import deletion, dynamodb
    from app.account.store import RowsOfUser

    tables = ConversationSettings()
    connections_table = RealtimeSettings().connections_table
    requests_table = RequestSettings().requests_table
    client = aws.client("dynamodb")
    stores: list[PersonalData] = [
        RowsOfUser(wiring.database()),
        dynamodb.RowsOfTable(
            client,
            connections_table,
            name="connections",
            keys=("connection_id",),
            search=dynamodb.connections_of,
            before=lambda key: wiring.websocket_gateway().close(key["connection_id"]["S"]),
        ),
        dynamodb.RowsOfTable(
            client,
            tables.sessions_table,
            name="sessions",
            keys=("user_id", "session_id"),
            search=dynamodb.sessions_of,
        ),
        dynamodb.RowsOfTable(
            client, tables.checkpoints_table, name="checkpoints", keys=("PK", "SK"), search=dynamodb.checkpoints_of
        ),
        dynamodb.RowsOfTable(client, requests_table, name="answers", keys=("id",), search=dynamodb.answers_of),
        wiring.objects_of_user(),
    ]
    return partial(deletion.advance, stores=stores, directory=wiring.user_directory())
