"""What a deployed stack is called and where it answers: `.local-outputs.json` and `.aws-outputs.json`, same keys."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from scripts.console import fail
from scripts.local.paths import OUTPUTS, ROOT

CloudName = Literal["local", "aws"]
# What commands take, and `cloud_name` makes a name of.
Cloud = Annotated[str, typer.Option(help="local or aws")]
# The emulator takes any.
EMULATOR_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
_DEPLOY_WITH = {"local": "make up", "aws": "make infra-deploy CLOUD=aws"}


def cloud_name(said: str) -> CloudName:
    """The cloud that somebody named, or an end with those there are: a typing error must not reach the other one."""
    names: dict[str, CloudName] = {"local": "local", "aws": "aws"}
    return names.get(said) or fail(f"There is no cloud {said!r}. Say CLOUD=local or CLOUD=aws.")


def path(cloud: CloudName) -> Path:
    return OUTPUTS if cloud == "local" else ROOT / ".aws-outputs.json"


def write(cloud: CloudName, outputs: dict[str, str]) -> None:
    """Replace the file in one step: nobody ever reads half of it."""
    temporary = path(cloud).with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(outputs, indent=2, sort_keys=True) + "\n")
    temporary.replace(path(cloud))


def find(cloud: CloudName) -> dict[str, str] | None:
    try:
        loaded: dict[str, str] = json.loads(path(cloud).read_text())
    except (OSError, ValueError):
        return None
    return loaded


def read(cloud: CloudName) -> dict[str, str]:
    """The outputs, or an end with what to do about their absence."""
    return find(cloud) or fail(f"There are no outputs of the {cloud} cloud yet. Run `{_DEPLOY_WITH[cloud]}` first.")


def function_name(name: str, outputs: dict[str, str]) -> str | None:
    """What the function `image_processor`, say, is called in the cloud; None: there is none."""
    return outputs.get(f"{_key(name)}FunctionName")


def queue_urls(stage: str, outputs: dict[str, str]) -> tuple[str, str] | None:
    """A stage's queue and its dead letters; None: there is no such stage."""
    if f"{_key(stage)}DlqUrl" not in outputs:
        return None
    return outputs[f"{_key(stage)}QueueUrl"], outputs[f"{_key(stage)}DlqUrl"]


def _key(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))


def client(service: str, outputs: dict[str, str]) -> Any:
    """A boto3 client for the cloud that these outputs describe."""
    import boto3

    if "AwsEndpointUrl" not in outputs:
        return boto3.client(service, region_name=outputs["Region"])
    return boto3.client(
        service,
        region_name=outputs["Region"],
        endpoint_url=outputs["AwsEndpointUrl"],
        **{name.lower(): value for name, value in EMULATOR_CREDENTIALS.items()},
    )
