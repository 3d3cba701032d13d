"""Database migrations, as a CloudFormation custom resource (the deployment) or invoked by hand (`make db-migrate`)."""

import json
from collections.abc import Mapping
from typing import Any

from app.platform import aws, migrations
from app.platform.build_info import probed
from app.platform.custom_resource import answer, asked_by_cloudformation
from app.platform.logs import logger
from app.platform.settings import MigrationSettings

_PHYSICAL_ID = "collections-migrations"


@probed
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    if not asked_by_cloudformation(event):
        return {"applied": _migrate()}
    # Deleting the stack deletes no data: what becomes of the database is the database's removal policy.
    return dict(answer(event, _PHYSICAL_ID, lambda: {"Applied": ",".join(_migrate())}))


def _migrate() -> list[str]:
    settings = MigrationSettings()
    url = settings.database_admin_url or _url_from_secret(settings)
    if migrations.ensure_database(url, settings.database_name):
        logger.info("database created", database=settings.database_name)
    applied = migrations.migrate(migrations.for_database(url, settings.database_name))
    logger.info("migrated", applied=applied)
    return applied


def _url_from_secret(settings: MigrationSettings) -> str:
    stored = aws.client("secretsmanager").get_secret_value(SecretId=settings.database_admin_secret_arn)
    return migrations.url_from_rds_secret(json.loads(stored["SecretString"]))
