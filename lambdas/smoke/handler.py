"""The deployment's last step, as a CloudFormation custom resource: what does not work is rolled back."""

from collections.abc import Mapping
from typing import Any

from app.platform import aws, smoke
from app.platform.build_info import probed
from app.platform.custom_resource import answer
from app.platform.logs import logger

_PHYSICAL_ID = "collections-smoke"


@probed
def handler(event: Mapping[str, Any], _context: object) -> Mapping[str, str]:
    return answer(event, _PHYSICAL_ID, lambda: _smoke(event))


def _smoke(event: Mapping[str, Any]) -> Mapping[str, str]:
    """Raises SmokeFailed, which undoes an update. A first deployment stays as it is: there is nothing to go back to,
    and whoever deploys asks the same."""
    if event["RequestType"] == "Create":
        return {}
    wanted = event["ResourceProperties"]
    found = smoke.look(
        wanted["api_url"],
        functions=wanted["functions"],
        workers=wanted["workers"],
        invoke=smoke.invoker(aws.client("lambda", waits_s=60)),
    )
    if found.problems:
        raise smoke.SmokeFailed(" ".join(found.problems))
    logger.info("works", versions=found.versions)
    return {}
