"""Deploying the stack: bundles, CDK, migrations, smoke, the web page, outputs. One way for both clouds.

Migrations and smoke are steps of the stack itself (infrastructure/migrations.py, smoke.py): where one fails,
CloudFormation puts back everything as it was, whatever becomes of this program meanwhile.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from scripts import bundle, cdk, code_only, lambda_quota, locks, outputs, users, versions, web
from scripts.cdk import Place, Report
from scripts.console import agree, bar, commands, fail, say
from scripts.local import deployed, emulator, postgres
from scripts.local.emulator import CREDENTIALS
from scripts.outputs import Cloud, CloudName, cloud_name

ROOT = Path(__file__).resolve().parent.parent
_ASSETS_BUCKET = "collections-assets"
# Made by `cdk bootstrap`, which everybody's synthesizer looks at.
_BOOTSTRAPPED = "/cdk-bootstrap/hnb659fds/version"
# CloudFormation's clock and ours.
_CLOCKS_DIFFER = timedelta(minutes=1)

app = commands()
Environment = Annotated[str, typer.Option("--env", help="Part of the stack's name.")]
Context = Annotated[list[str] | None, typer.Option("--context", "-c", help="KEY=VALUE of infrastructure/clouds.py.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]


@contextmanager
def _bundles_for(place: Place) -> Iterator[None]:
    """All bundles, built, and replaced by nobody until they were read: CDK copies what it finds. Where others were
    chosen, these are there.
    """
    if "bundles" in place.context:
        yield
        return
    with locks.held(bundle.BUILD / place.cloud):
        build(place.cloud)
        yield


def build(cloud: CloudName) -> None:
    """All bundles, of one and the same moment."""
    info = bundle.build_info()
    with bar("    bundles", len(bundle.FUNCTIONS)) as advance:
        for name in bundle.FUNCTIONS:
            bundle.build(name, bundle.TARGETS[cloud], info=info)
            advance(1)


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
    place = _local(endpoint, database_url, database_admin_url, choices or {})
    with _synthesized(place, report=report) as assembly:
        return deploy(place, assembly, report=report)


def deploy(place: Place, assembly: Path, *, report: Report | None = None) -> dict[str, str]:
    """Deploy what was synthesized, and return the outputs. Where it fails it ends with why, and what serves."""
    if place.endpoint:
        _ensure_assets_bucket(place)
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "outputs.json"
        command = ["deploy", "--require-approval", "never", "--outputs-file", str(written)]
        # The moment names the deployment: one followed by an earlier one is undone (app/platform/custom_resource.py).
        command += ["--parameters", f"Deployment={began.isoformat(timespec='microseconds')}"]
        if place.endpoint:
            command += ["--method", "direct", "--progress", "events", "--ci"]
        try:
            cdk.run(place, command, report=report, assembly=assembly)
        except cdk.CdkFailed as exc:
            _fail(place, began, said=str(exc))
        found: dict[str, str] = next(iter(json.loads(written.read_text()).values()))
        _verify(place, found, _deployed(assembly))
    web.publish(found)
    outputs.write(place.cloud, found)
    return found


def _fail(place: Place, began: datetime, *, said: str) -> NoReturn:
    """Say what went wrong, and what serves now."""
    state = cdk.status(place)
    causes = cdk.causes(place, began - _CLOCKS_DIFFER) if state and "ROLLBACK" in state else []
    why = "".join(f"\n  {cause}" for cause in causes) or f"\n{said}"
    before = outputs.find(place.cloud)
    match state:
        case "UPDATE_ROLLBACK_COMPLETE":
            serves = versions.words(versions.of_api(before)) if before else "as before"
            fail(f"The deployment failed and was rolled back; the version before serves: {serves}.{why}")
        case "UPDATE_ROLLBACK_FAILED":
            mend = f"aws cloudformation continue-update-rollback --stack-name {place.stack}"
            fail(f"The deployment failed, and so did its rollback. Mend the cause, then run `{mend}`.{why}")
        case "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED":
            fail(
                "The first deployment failed, and was taken back: nothing serves. Mend the cause, run "
                f"`make infra-destroy CLOUD={place.cloud}`, and deploy again.{why}"
            )
        case _:
            fail(f"Nothing was deployed; the stack is {state or 'not there'}.{why}")


def _deployed(assembly: Path) -> dict[str, Path]:
    """The bundles that an assembly holds, by function: what was deployed, whatever was built since."""
    template = json.loads((assembly / "CollectionsStack.template.json").read_text())
    functions = (each for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function")
    return {
        function["Properties"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]: assembly
        / function["Metadata"]["aws:asset:path"]
        for function in functions
    }


def _verify(place: Place, found: dict[str, str], folders: Mapping[str, Path]) -> None:
    """That each function runs what was deployed, and that everything works as seen from here."""
    wanted = {name: versions.of_bundle(folder) for name, folder in folders.items()}
    looked = versions.look(found)
    # CloudFormation changes what differs from what it deployed itself, and knows nothing of code-only deployments.
    for name in sorted(name for name, said in looked.versions.items() if said != wanted[name]):
        say(f"[yellow]{name} ran {versions.words(looked.versions[name])}, put there without the stack: replaced.[/]")
        code_only.put(name, folders[name], found)
        looked = versions.look(found)
    problems = [*looked.problems]
    for name, said in looked.versions.items():
        if said != wanted[name]:
            problems.append(f"{name} is {versions.words(said)}, and not {versions.words(wanted[name])}.")
    if (answered := versions.of_api(found)) != wanted["api"]:
        problems.append(f"/version answers {versions.words(answered)}, and not {versions.words(wanted['api'])}.")
    if problems:
        outputs.write(place.cloud, found)
        fail("It is deployed, and does not work as seen from here. See `make logs FUNC=…`:\n  " + "\n  ".join(problems))


@app.command("bootstrap")
def bootstrap(cloud: Cloud = "local", environment: Environment = "dev", dry_run: DryRun = False) -> None:
    """Make what deployments need: on AWS CDK's bucket and roles, once per account and region."""
    place = _place(cloud_name(cloud), environment, None)
    if place.endpoint:
        if not dry_run:
            _ensure_assets_bucket(place)
        say(
            f"[green]✓[/] The bucket {_ASSETS_BUCKET}{' would be made' if dry_run else ' is there'} on the local cloud."
        )
        return
    account = place.client("sts").get_caller_identity()["Account"]
    target = f"aws://{account}/{place.region}"
    if dry_run:
        say(f"`cdk bootstrap {target}` would be run: the stack CDKToolkit with a bucket and roles for deployments.")
        return
    cdk.run_or_fail(place, ["bootstrap", target])
    say(f"[green]✓[/] {target} is ready for `make infra-deploy CLOUD=aws`.")


@app.command("synth")
def synthesize(cloud: Cloud = "local", environment: Environment = "dev", context: Context = None) -> None:
    """Write the template. For AWS this needs no account and no network once the bundles are built."""
    name = cloud_name(cloud)
    place = _place_to_look_at(name, environment, context)
    folder = "cdk.out" if name == "aws" else "build/cdk.out-local"
    with locks.held(ROOT / folder), _bundles_for(place):
        cdk.run_or_fail(place, ["synth", "--quiet", "--output", folder])
    say(f"[green]✓[/] {folder}/CollectionsStack.template.json")


@app.command("diff")
def show_changes(cloud: Cloud = "local", environment: Environment = "dev", context: Context = None) -> None:
    """Show what a deployment would change."""
    place = _place(cloud_name(cloud), environment, context)
    _check_bootstrapped(place)
    with _synthesized(place) as assembly:
        cdk.run_or_fail(place, ["diff"], assembly=assembly)


@app.command("deploy")
def deploy_and_tell(
    cloud: Cloud = "local",
    environment: Environment = "dev",
    context: Context = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> None:
    """Build, show the changes, ask, migrate, deploy, smoke, publish the web page, write the outputs."""
    place = _place(cloud_name(cloud), environment, context)
    _check_bootstrapped(place)
    # What is deployed is what was there when the question was asked, not what is edited meanwhile.
    fingerprint = _fingerprint(place)
    with _synthesized(place) as assembly:
        lambda_quota.check(place, assembly)
        cdk.run_or_fail(place, ["diff"], assembly=assembly)
        if dry_run:
            say("Nothing was deployed.")
            return
        agree(f"Deploy this to {_where(place)}?", yes=yes)
        deployed.forget()
        found = deploy(place, assembly)
    if place.endpoint:
        web.publish_config(found, demo=users.demo_login())
        if not context:
            deployed.record(fingerprint)
    say(f"[green]✓[/] {versions.words(versions.of_api(found))} serves. API {found['ApiUrl']}, web {found['WebUrl']}")


@app.command("destroy")
def destroy(
    cloud: Cloud = "local", environment: Environment = "dev", yes: Yes = False, dry_run: DryRun = False
) -> None:
    """Delete the stack. On AWS what holds data is kept: database, images, users, conversations."""
    place = _place(cloud_name(cloud), environment, None)
    if cdk.status(place) is None:
        fail(f"There is no stack {place.stack} in {_where(place)}.")
    kept, deleted = _resources(place)
    say(f"To be deleted: {len(deleted)} resources.")
    say(f"To be kept: {len(kept)} resources." + "".join(f"\n  {name}" for name in kept))
    if place.endpoint:
        say("PostgreSQL is not of the stack and stays; `make reset` forgets it too.")
    if dry_run:
        say("Nothing was deleted.")
        return
    agree(f"Delete {place.stack} from {_where(place)}?", yes=yes)
    place.client("cloudformation").update_termination_protection(
        StackName=place.stack, EnableTerminationProtection=False
    )
    _delete(place)
    _forget(place)
    say(f"[green]✓[/] {place.stack} is deleted.")


def _forget(place: Place) -> None:
    """The outputs, where they are this stack's: another environment's stay."""
    found = outputs.find(place.cloud)
    if found and found["ApiFunctionName"].startswith(place.stack):
        outputs.path(place.cloud).unlink()
        if place.endpoint:
            deployed.forget()


def _delete(place: Place) -> None:
    from botocore.exceptions import WaiterError

    client = place.client("cloudformation")
    began = datetime.now(UTC)
    client.delete_stack(StackName=place.stack)
    try:
        client.get_waiter("stack_delete_complete").wait(
            StackName=place.stack, WaiterConfig={"Delay": 1 if place.endpoint else 15, "MaxAttempts": 240}
        )
    except WaiterError:
        why = "".join(f"\n  {cause}" for cause in cdk.causes(place, began - _CLOCKS_DIFFER))
        fail(f"The stack could not be deleted; it is {cdk.status(place)}.{why}")


def _resources(place: Place) -> tuple[list[str], list[str]]:
    """What a deletion keeps, and what it deletes."""
    client = place.client("cloudformation")
    template = client.get_template(StackName=place.stack, TemplateStage="Original")["TemplateBody"]
    body = json.loads(template) if isinstance(template, str) else template
    kept: list[str] = []
    deleted: list[str] = []
    for page in client.get_paginator("list_stack_resources").paginate(StackName=place.stack):
        for resource in page["StackResourceSummaries"]:
            definition = body["Resources"].get(resource["LogicalResourceId"], {})
            stays = str(definition.get("DeletionPolicy", "")).startswith("Retain")
            name = f"{resource['ResourceType']} {resource.get('PhysicalResourceId', '')}"
            (kept if stays else deleted).append(name)
    return sorted(kept), sorted(deleted)


@contextmanager
def _synthesized(place: Place, *, report: Report | None = None) -> Iterator[Path]:
    """One assembly, its bundles in it: what is shown is what is deployed, and nothing that is edited meanwhile. Only
    until it is there does anybody have to wait who builds, too.
    """
    with tempfile.TemporaryDirectory() as folder:
        with _bundles_for(place):
            cdk.run_or_fail(place, ["synth", "--quiet", "--output", folder], report=report)
        yield Path(folder)


def _check_bootstrapped(place: Place) -> None:
    """Said before the bundles are built and the question is asked."""
    from botocore.exceptions import ClientError

    if place.endpoint:
        return
    place.client("sts").get_caller_identity()
    try:
        place.client("ssm").get_parameter(Name=_BOOTSTRAPPED)
    except ClientError as exc:
        if exc.response["Error"]["Code"] != "ParameterNotFound":
            raise
        fail(f"{place.region} is not ready for CDK in this account. Run `make infra-bootstrap CLOUD=aws` first.")


def _where(place: Place) -> str:
    if place.endpoint:
        return f"the local cloud at {place.endpoint}"
    return f"AWS account {place.client('sts').get_caller_identity()['Account']}, {place.region}"


def _place(cloud: CloudName, environment: str, context: list[str] | None) -> Place:
    """A place that can be deployed to."""
    if cloud == "aws":
        return _place_to_look_at(cloud, environment, context)
    process = emulator.running()
    if process is None or not postgres.is_running():
        fail("The local cloud does not run. Run `make up` first.")
    owner = postgres.start()
    return _local(process.endpoint, _app_url(owner), owner, _choices(context), environment=environment)


def _place_to_look_at(cloud: CloudName, environment: str, context: list[str] | None) -> Place:
    """A place that a template can be made for, whether it is there or not."""
    if cloud == "local":
        owner = "postgresql://owner@/collections?host=/somewhere"
        return _local(
            f"http://127.0.0.1:{emulator.DEFAULT_PORT}", owner, owner, _choices(context), environment=environment
        )
    import boto3

    region = boto3.session.Session().region_name
    return Place("aws", region or "us-east-1", environment=environment, context=_choices(context))


def _local(endpoint: str, url: str, admin_url: str, choices: Mapping[str, str], *, environment: str = "dev") -> Place:
    context = {
        "endpoint": endpoint,
        "assets_bucket": _ASSETS_BUCKET,
        "database_url": url,
        "database_admin_url": admin_url,
        **choices,
    }
    return Place("local", CREDENTIALS["AWS_REGION"], environment=environment, endpoint=endpoint, context=context)


def _app_url(owner: str) -> str:
    return postgres.role_url(owner, "collections_app", "collections")


def _choices(context: list[str] | None) -> dict[str, str]:
    choices = {}
    for choice in context or []:
        key, equals, value = choice.partition("=")
        if not (key and equals):
            fail(f"{choice!r} is no choice: say CONTEXT='KEY=VALUE …'. infrastructure/clouds.py names the keys.")
        choices[key] = value
    return choices


def _fingerprint(place: Place) -> str:
    return deployed.fingerprint(place.endpoint, postgres.start()) if place.endpoint else ""


def _ensure_assets_bucket(place: Place) -> None:
    """The local cloud's stand-in for `cdk bootstrap`."""
    s3 = place.client("s3")
    # Once it was restarted, the emulator has forgotten that this region takes one's own bucket a second time.
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=_ASSETS_BUCKET)


if __name__ == "__main__":
    app()
