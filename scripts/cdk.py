"""The CDK CLI, and what CloudFormation says of what became of its work."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from scripts import outputs
from scripts.console import fail
from scripts.local.emulator import CREDENTIALS
from scripts.outputs import CloudName

ROOT = Path(__file__).resolve().parent.parent
CLI = ROOT / "infrastructure" / "node_modules" / ".bin" / "cdk"
# jsii warns at length about Node 20, which works and which many machines still have.
_QUIET = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"}
# Not a cause: what CloudFormation broke off for another resource's sake.
_BROKEN_OFF = re.compile(r"cancelled|rollback requested", re.IGNORECASE)

Report = Callable[[str], None]


class CdkFailed(Exception):
    """The CLI's last words, as far as they were kept: without `report` people have seen them."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the stack goes, in the words of the CDK CLI and of boto3.

    Args:
        region: AWS's; the local cloud has one as well.
        endpoint: the local cloud's; None is AWS.
    """

    cloud: CloudName
    region: str
    environment: str = "dev"
    endpoint: str | None = None
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def stack(self) -> str:
        return f"collections-{self.environment}"

    def client(self, service: str) -> Any:
        where = {"AwsEndpointUrl": self.endpoint} if self.endpoint else {}
        return outputs.client(service, {"Region": self.region, **where})


def run(place: Place, command: Sequence[str], *, report: Report | None = None, assembly: Path | None = None) -> None:
    """Run the CLI; `report` gets a word per resource as it goes, instead of people seeing it all.

    Args:
        assembly: what `synth` wrote, to be worked on instead of being made anew.

    Raises:
        CdkFailed: it did not end well.
    """
    context = {"cloud": place.cloud, "env": place.environment, **place.context}
    choices = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
    stack = [str(assembly)] if assembly else [f"{sys.executable} -m infrastructure.app", *choices]
    there = CREDENTIALS | {"AWS_ENDPOINT_URL": place.endpoint} if place.endpoint else {"AWS_REGION": place.region}
    process = subprocess.Popen(
        [str(CLI), *command, "--app", *stack],
        cwd=ROOT,
        env={**os.environ, **_QUIET, **there},
        stdout=subprocess.PIPE if report else None,
        stderr=subprocess.STDOUT if report else None,
        text=True,
    )
    said: list[str] = []
    for line in process.stdout or ():
        said.append(line)
        if report and (event := re.search(r"\|\s*(\d+)\s*\|.*_COMPLETE\s*\|\s*(\S+)", line)):
            report(f"{event[1]} resources, {event[2]}")
    if process.wait():
        raise CdkFailed("".join(said[-40:]))


def run_or_fail(
    place: Place, command: Sequence[str], *, report: Report | None = None, assembly: Path | None = None
) -> None:
    """As `run`; ends the program where it fails."""
    try:
        run(place, command, report=report, assembly=assembly)
    except CdkFailed as exc:
        fail(f"CDK failed.\n{exc}" if str(exc) else "CDK failed, see above.")


def status(place: Place) -> str | None:
    """What CloudFormation says of the stack; None: there is none."""
    from botocore.exceptions import ClientError

    try:
        (stack,) = place.client("cloudformation").describe_stacks(StackName=place.stack)["Stacks"]
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    found: str = stack["StackStatus"]
    return found


def causes(place: Place, since: datetime) -> list[str]:
    """What failed since then, first things first, each with its reason."""
    pages = place.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=place.stack)
    found = []
    for event in (event for page in pages for event in page["StackEvents"]):
        if event["Timestamp"] < since:
            break
        reason = event.get("ResourceStatusReason", "")
        if event["ResourceStatus"].endswith("_FAILED") and reason and not _BROKEN_OFF.search(reason):
            found.append(f"{_named(event)}: {reason}")
    return [*dict.fromkeys(reversed(found))]


def _named(event: Mapping[str, Any]) -> str:
    names = {"Custom::Migrations": "The migrations", "Custom::Smoke": "The smoke test of the new version"}
    return names.get(event["ResourceType"], f"{event['LogicalResourceId']} ({event['ResourceType']})")
