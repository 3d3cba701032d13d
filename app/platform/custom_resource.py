"""A function as CloudFormation's custom resource: it does its work, and answers at the URL that came with the request.

The CDK's provider framework would add three Lambdas in Node for this.
"""

import json
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from app.platform.logs import logger

# CloudFormation refuses an answer beyond 4 kB, and then waits for another until it times out.
_REASON_MAX_LENGTH = 1000

Event = Mapping[str, Any]


def asked_by_cloudformation(event: Event) -> bool:
    return "ResponseURL" in event


def answer(event: Event, physical_id: str, work: Callable[[], Mapping[str, str]]) -> Mapping[str, str]:
    """Do `work` for CloudFormation, tell it how that went, and return what the work returned.

    A deletion deletes nothing, and one deployment's rollback does nothing: what was done for the version before is done
    already, and failing here would leave the stack between two versions.

    Raises:
        Exception: what `work` raised, after CloudFormation has been told of it.
    """
    try:
        data = {} if event["RequestType"] == "Delete" or _rolls_back(event) else work()
    except Exception as exc:
        _put(event, {"PhysicalResourceId": physical_id, "Status": "FAILED", "Reason": _reason(exc)})
        raise
    _put(event, {"PhysicalResourceId": physical_id, "Status": "SUCCESS", "Data": dict(data)})
    return data


def _rolls_back(event: Event) -> bool:
    """Deployments are named by the moment they began: one that is followed by an earlier one is undone."""
    before = event.get("OldResourceProperties", {}).get("deployment", "")
    rolls_back: bool = event["ResourceProperties"].get("deployment", "") < before
    if rolls_back:
        logger.warning("rolled back", deployment=before)
    return rolls_back


def _reason(exc: Exception) -> str:
    """One byte a character: JSON would make six of each that is not ASCII."""
    return f"{type(exc).__name__}: {exc}"[:_REASON_MAX_LENGTH].encode("ascii", "replace").decode()


def _put(event: Event, outcome: Mapping[str, Any]) -> None:
    asked = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    request = urllib.request.Request(  # noqa: S310  # CloudFormation's own URL
        event["ResponseURL"], data=json.dumps({**asked, **outcome}).encode(), method="PUT", headers={"Content-Type": ""}
    )
    with urllib.request.urlopen(request, timeout=20):  # noqa: S310
        pass
