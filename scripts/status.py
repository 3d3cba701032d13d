"""What a cloud is doing: its stack and API, which code its functions run, what its queues hold, which keys it lacks."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from botocore.exceptions import ClientError
from rich.markup import escape
from rich.table import Table

from app.platform.smoke import SmokeFailed
from scripts import bundle, outputs, secrets, versions
from scripts.console import console, fail
from scripts.local import emulator, postgres
from scripts.outputs import CloudName

_MEND = {"local": "Run `make up`; it mends what is broken.", "aws": "See `make lambda-logs FUNC=api CLOUD=aws`."}


def show(cloud: CloudName, environment: str) -> None:
    """Print it. Fails where the cloud is not up, or its API not ready."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    try:
        problem = _local_processes(table) if cloud == "local" else None
        problem = problem or _deployment(table, cloud, environment)
    finally:
        console.print(table)
    if problem:
        fail(problem)


def _local_processes(table: Table) -> str | None:
    process = emulator.running()
    table.add_row("PostgreSQL", "running" if postgres.is_running() else "[yellow]stopped[/]")
    table.add_row("Local cloud", f"running at {process.endpoint}" if process else "[yellow]stopped[/]")
    return None if process and outputs.find("local") else "Not up. Run `make up`."


def _deployment(table: Table, cloud: CloudName, environment: str) -> str | None:
    """Returns what is wrong."""
    found = outputs.read(cloud)
    table.add_row("Stack", _stack(found, f"collections-{environment}"))
    problem = _api(table, found)
    table.add_row("Web", found["WebUrl"])
    for version, names in _versions(found).items():
        table.add_row("Code", f"{version}: {names}")
    table.add_row("Provider keys", _keys(found, environment))
    for stage, depth in _queue_depths(found).items():
        table.add_row(f"  {stage}", depth)
    return f"{problem} {_MEND[cloud]}" if problem else None


def _stack(found: dict[str, str], name: str) -> str:
    try:
        stack = outputs.client("cloudformation", found).describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as exc:
        return f"[red]{escape(exc.response['Error']['Message'])}[/]"
    state = stack["StackStatus"]
    changed = stack.get("LastUpdatedTime") or stack["CreationTime"]
    colour = "green" if state in ("CREATE_COMPLETE", "UPDATE_COMPLETE") else "red"
    return f"{name} is [{colour}]{state}[/] since {changed:%Y-%m-%d %H:%M}"


def _api(table: Table, found: dict[str, str]) -> str | None:
    try:
        ready = httpx.get(f"{found['ApiUrl']}/health/ready", timeout=30).json()
        checks = ready["checks"].items()
    except (httpx.HTTPError, ValueError, KeyError):
        table.add_row("API", f"[red]{found['ApiUrl']} does not answer[/]")
        return "The API does not answer."
    table.add_row("API", f"{found['ApiUrl']} is {ready['status']}")
    for name, check in checks:
        table.add_row(f"  {name}", f"{'ok' if check['ok'] else '[red]down[/]'} ({check['latency_ms']:.0f} ms)")
    return None if ready["status"] == "ready" else "The API is not ready."


def _versions(found: dict[str, str]) -> dict[str, str]:
    """Which functions say they are which code."""
    names = [name for name in bundle.FUNCTIONS if outputs.function_name(name, found)]
    with ThreadPoolExecutor(4) as pool:
        said = dict(zip(names, pool.map(lambda name: _version(name, found), names), strict=True))
    if len(set(said.values())) == 1:
        return {said[names[0]]: "all functions"}
    common = [version for version, _ in Counter(said.values()).most_common()]
    return {version: ", ".join(name for name in names if said[name] == version) for version in common}


def _version(name: str, found: dict[str, str]) -> str:
    try:
        return escape(versions.words(versions.of_function(name, found)))
    except SmokeFailed as exc:
        return f"[red]{escape(str(exc))}[/]"


def _keys(found: dict[str, str], environment: str) -> str:
    """Which are missing; what fails for want of one says the same of each item."""
    if missing := secrets.missing(found, environment):
        return f"[red]missing: {', '.join(missing)}[/] (`make secrets-populate`)"
    return "none missing"


def _queue_depths(found: dict[str, str]) -> dict[str, str]:
    client = outputs.client("sqs", found)
    depths = {}
    for key in sorted(found):
        if key.endswith("QueueUrl"):
            stage = key.removesuffix("QueueUrl")
            waiting, dead = _depth(client, found[key]), _depth(client, found[f"{stage}DlqUrl"])
            depths[stage] = f"{waiting} waiting" + (f", [red]{dead} dead letters[/] (`make dlq-list`)" if dead else "")
    return depths


def _depth(client: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)
