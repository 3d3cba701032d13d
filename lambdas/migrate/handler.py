"""Database migrations, as a CloudFormation custom resource (the deployment) or invoked by hand (`make db-migrate`)."""

import json
import urllib.request
from collections.abc import Mapping
from typing import Any

from app.platform import aws, migrations
from app.platform.logs import logger
from app.platform.settings import MigrationSettings

_PHYSICAL_ID = "collections-migrations"
# CloudFormation refuses an answer beyond 4 kB, and then waits for another until it times out.
_REASON_MAX_LENGTH = 1000


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    if "ResponseURL" not in event:
        return {"applied": _migrate()}
    try:
        # Deleting the stack deletes no data: what becomes of the database is the database's removal policy.
        applied = [] if event["RequestType"] == "Delete" else _migrate()
    except Exception as exc:
        _answer(event, {"Status": "FAILED", "Reason": _reason(exc)})
        raise
    _answer(event, {"Status": "SUCCESS", "Data": {"Applied": ",".join(applied)}})
    return {"applied": applied}


def _migrate() -> list[str]:
    settings = MigrationSettings()
    url = settings.database_admin_url or _url_from_secret(settings)
    if migrations.ensure_database(url, settings.database_name):
        logger.info("database created", database=settings.database_name)
    applied = migrations.migrate(migrations.for_database(url, settings.database_name))
    logger.info("migrated", applied=applied)
    return applied


def _url_from_secret(settings: MigrationSettings) -> str:
    answer = aws.client("secretsmanager").get_secret_value(SecretId=settings.database_admin_secret_arn)
    return migrations.url_from_rds_secret(json.loads(answer["SecretString"]))


def _reason(exc: Exception) -> str:
    """One byte a character: JSON would make six of each that is not ASCII."""
    return f"{type(exc).__name__}: {exc}"[:_REASON_MAX_LENGTH].encode("ascii", "replace").decode()


def _answer(event: Mapping[str, Any], outcome: Mapping[str, Any]) -> None:
    """Tell CloudFormation, at the presigned URL that came with the request, how it went."""
    body = {
        "PhysicalResourceId": _PHYSICAL_ID,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
        **outcome,
    }
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's own URL
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=20):  # noqa: S310
        pass
