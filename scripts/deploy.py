"""Deploying the stack: bundles, CDK, outputs, the web page. One way for both clouds."""

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from scripts import bundle, outputs, web
from scripts.console import fail, say
from scripts.local.emulator import CREDENTIALS
from scripts.outputs import CloudName

ROOT = Path(__file__).resolve().parent.parent
CDK = ROOT / "infrastructure" / "node_modules" / ".bin" / "cdk"
# jsii warns at length about Node 20, which works and which many machines still have.
_QUIET = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20"}
_ASSETS_BUCKET = "collections-assets"
# Zip files know no date before this one.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
Report = Callable[[str], None]


def build(cloud: CloudName) -> None:
    for name in bundle.FUNCTIONS:
        bundle.build(name, bundle.TARGETS[cloud])


def cdk(
    command: list[str],
    *,
    context: Mapping[str, str],
    environment: Mapping[str, str] | None = None,
    report: Report | None = None,
) -> None:
    """Run the CDK CLI; `report` gets a word per resource as it goes. Ends with CDK's own words when it fails."""
    arguments = [part for key, value in context.items() for part in ("-c", f"{key}={value}")]
    python = f"{sys.executable} -m infrastructure.app"
    process = subprocess.Popen(
        [str(CDK), *command, "--app", python, *arguments],
        cwd=ROOT,
        env={**os.environ, **_QUIET, **(environment or {})},
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
        fail(f"CDK failed:\n{''.join(said[-40:])}" if report else "CDK failed, see above.")


def deploy_local(
    endpoint: str,
    *,
    database_url: str,
    database_admin_url: str,
    report: Report,
    choices: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Deploy to the local cloud, publish the web page, and return the outputs.

    `choices` is further context: what infrastructure/clouds.py lets one choose, such as the providers.
    """
    environment = CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint}
    _ensure_assets_bucket(endpoint)
    context = {
        "cloud": "local",
        "endpoint": endpoint,
        "assets_bucket": _ASSETS_BUCKET,
        "database_url": database_url,
        "database_admin_url": database_admin_url,
        **(choices or {}),
    }
    with tempfile.TemporaryDirectory() as folder:
        command = ["deploy", "--require-approval", "never", "--method", "direct", "--progress", "events", "--ci"]
        written = Path(folder) / "outputs.json"
        cdk(
            [*command, "--output", f"{folder}/cdk.out", "--outputs-file", str(written)],
            context=context,
            environment=environment,
            report=report,
        )
        found: dict[str, str] = next(iter(json.loads(written.read_text()).values()))
    web.publish(found)
    outputs.write("local", found)
    return found


@app.command("synth")
def synthesize_for_aws() -> None:
    """Write the template for AWS. Needs no account and no network once the bundles are built."""
    cdk(["synth", "--quiet"], context={"cloud": "aws"})
    say("[green]✓[/] cdk.out/CollectionsStack.template.json")


@app.command("aws")
def deploy_aws(
    environment: Annotated[str, typer.Option("--env", help="Part of the stack's name.")] = "dev",
    alarm_email: Annotated[str | None, typer.Option(help="Who hears of alarms.")] = None,
) -> None:
    """Build, show the changes, ask, deploy with the migrations, publish the web page."""
    build("aws")
    context = {"cloud": "aws", "env": environment} | ({"alarm_email": alarm_email} if alarm_email else {})
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "outputs.json"
        cdk(["deploy", "--require-approval", "any-change", "--outputs-file", str(written)], context=context)
        found: dict[str, str] = next(iter(json.loads(written.read_text()).values()))
    web.publish(found)
    outputs.write("aws", found)
    say(f"[green]✓[/] Deployed. API {found['ApiUrl']}, web {found['WebUrl']}")


def deploy_function(name: str, cloud: CloudName) -> str:
    """Replace one Lambda's code and wait until it runs. Returns the function's name in the cloud."""
    if name not in bundle.FUNCTIONS:
        fail(f"There is no function {name!r}. Use one of: {', '.join(bundle.FUNCTIONS)}.")
    found = outputs.read(cloud)
    function = found[f"{''.join(part.title() for part in name.split('_'))}FunctionName"]
    folder = bundle.build(name, bundle.TARGETS[cloud])
    client = outputs.client("lambda", found)
    with tempfile.TemporaryDirectory() as scratch:
        archive = _zip(folder, Path(scratch) / "code.zip")
        client.update_function_code(FunctionName=function, ZipFile=archive.read_bytes())
    client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
    return function


def _zip(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(folder)), _ZIP_EPOCH)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive


def _ensure_assets_bucket(endpoint: str) -> None:
    """The local cloud's stand-in for `cdk bootstrap`."""
    client = outputs.client("s3", {"Region": CREDENTIALS["AWS_REGION"], "AwsEndpointUrl": endpoint})
    client.create_bucket(Bucket=_ASSETS_BUCKET)


if __name__ == "__main__":
    app()
