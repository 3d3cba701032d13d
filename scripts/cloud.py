"""The local cloud's commands: up, down, status, logs, reset, token."""

import hashlib
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts import deploy as deployment
from scripts import function_logs, outputs, samples_upload, secrets, users, web
from scripts.console import console, fail, say
from scripts.local import emulator, paths, postgres

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
_FIRST_QUESTION = "how much did I pay for bread"
_STEPS = 6


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Where the local cloud listens, on 127.0.0.1.")] = emulator.DEFAULT_PORT,
) -> None:
    """Start everything, deploy, and put the samples through the pipeline. Repeat it at any time."""
    started = time.monotonic()
    with _step(1, "PostgreSQL with pgvector"):
        owner = postgres.start()
    with _step(2, "Local cloud"):
        process = emulator.start(port)
    with _step(3, "Stack and migrations") as report:
        found = _deploy_if_changed(process.endpoint, owner, report)
    with _step(4, "Demo user"):
        login = users.ensure_demo_user(found)
        token = users.access_token(login, found)
        web.publish_config(found, demo=login)
    with httpx.Client(base_url=found["ApiUrl"], headers={"Authorization": f"Bearer {token}"}, timeout=60) as api:
        with _step(5, "Sample collection"):
            ids = samples_upload.upload(api)
        _await_pipeline(api, ids)
        with _step(6, f"First search: “{_FIRST_QUESTION}”"):
            answer = api.post("/search", json={"query": _FIRST_QUESTION, "top_k": 5}).raise_for_status().json()
    _show_results(answer)
    _show_ways_in(found, login, time.monotonic() - started)


@app.command()
def down() -> None:
    """Stop everything. State stays under .local/."""
    say("Local cloud stopped." if emulator.stop() else "The local cloud was not running.")
    say("PostgreSQL stopped." if postgres.stop() else "PostgreSQL was not running.")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop everything and forget it: the database, the images, the users."""
    if not yes and not typer.confirm("Delete the local database, images and users?"):
        raise typer.Exit(1)
    down()
    shutil.rmtree(paths.STATE, ignore_errors=True)
    outputs.path("local").unlink(missing_ok=True)
    say("Forgotten. `make up` starts anew.")


@app.command()
def status() -> None:
    """What runs, what is deployed, and what the pipeline is doing."""
    process, found = emulator.running(), outputs.find("local")
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("PostgreSQL", "running" if postgres.is_running() else "[yellow]stopped[/]")
    table.add_row("Local cloud", f"running at {process.endpoint}" if process else "[yellow]stopped[/]")
    if process is None or found is None:
        console.print(table)
        fail("Not up. Run `make up`.")
    try:
        ready = httpx.get(f"{found['ApiUrl']}/health/ready", timeout=30).json()
    except (httpx.HTTPError, ValueError):
        console.print(table)
        fail("The API does not answer. Run `make up`; it mends what is broken.")
    table.add_row("API", f"{found['ApiUrl']} is {ready['status']}")
    for name, check in ready["checks"].items():
        table.add_row(f"  {name}", f"{'ok' if check['ok'] else '[red]down[/]'} ({check['latency_ms']:.0f} ms)")
    table.add_row("Web", found["WebUrl"])
    table.add_row("Provider keys", _keys(found))
    for stage, depth in _queue_depths(found).items():
        table.add_row(f"  {stage}", depth)
    console.print(table)


def _keys(found: dict[str, str]) -> str:
    """Which are missing; what fails for want of one says the same of each item."""
    if missing := secrets.missing(found):
        return f"[red]missing: {', '.join(missing)}[/] (`make secrets-populate`)"
    return "none missing"


@app.command()
def logs(
    function: Annotated[str, typer.Argument(help="api, image_processor, analyzer, …")],
    minutes: Annotated[int, typer.Option(help="How far back.")] = 60,
    cloud: Annotated[str, typer.Option(help="local or aws")] = "local",
) -> None:
    """Print a Lambda's log."""
    found = outputs.read("aws" if cloud == "aws" else "local")
    name = outputs.function_name(function, found) or fail(f"There is no function {function!r}.")
    for event in function_logs.events(name, found, since=time.time() - minutes * 60):
        moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).strftime("%H:%M:%S")
        print(moment, event["message"].rstrip())


@app.command()
def token() -> None:
    """Print an access token of the demo user, for curl."""
    login = users.demo_login() or fail("There is no demo user yet. Run `make up`.")
    print(users.access_token(login, outputs.read("local")))


@app.command()
def invoke(
    function: Annotated[str, typer.Argument(help="cleanup or migrate")],
    cloud: Annotated[str, typer.Option(help="local or aws")] = "local",
) -> None:
    """Run a Lambda that takes no input, now, and print its answer."""
    found = outputs.read("aws" if cloud == "aws" else "local")
    answer = outputs.client("lambda", found).invoke(
        FunctionName=found[f"{function.title()}FunctionName"], Payload=b"{}"
    )
    words = answer["Payload"].read().decode()
    if "FunctionError" in answer:
        fail(f"{function} failed: {words}")
    say(f"[green]✓[/] {function}: {words}")


@app.command()
def deploy_function(
    function: Annotated[str, typer.Argument(help="api, image_processor, analyzer, …")],
    cloud: Annotated[str, typer.Option(help="local or aws")] = "local",
) -> None:
    """Replace one Lambda's code, without the rest of the stack."""
    started = time.monotonic()
    name = deployment.deploy_function(function, "aws" if cloud == "aws" else "local")
    say(f"[green]✓[/] {function} runs the new code ({name}, {time.monotonic() - started:.1f} s)")


@contextmanager
def _step(number: int, title: str) -> Iterator[Any]:
    """Say what is happening and how far it is, then how long it took."""
    label = f"[dim]{number}/{_STEPS}[/] {title}"
    started = time.monotonic()
    with console.status(label) as spinner:
        yield lambda word: spinner.update(f"{label} [dim]{word}[/]")
    console.print(f"[green]✓[/] {label} [dim]{time.monotonic() - started:.1f} s[/]")


def _deploy_if_changed(endpoint: str, owner: str, report: deployment.Report) -> dict[str, str]:
    """Deploy, unless exactly this was deployed and still answers."""
    fingerprint = _fingerprint(endpoint, owner)
    found = outputs.find("local")
    if found and _recorded() == fingerprint and _answers(found):
        return found
    paths.DEPLOYED.unlink(missing_ok=True)
    report("bundles")
    deployment.build("local")
    report("synthesis")
    found = deployment.deploy_local(
        endpoint,
        database_url=postgres.role_url(owner, "collections_app", "collections"),
        database_admin_url=owner,
        report=report,
    )
    paths.DEPLOYED.write_text(json.dumps({"fingerprint": fingerprint}))
    return found


def _fingerprint(endpoint: str, owner: str) -> str:
    """What a deployment is made of: code, stack, page, packages, and where it goes."""
    digest = hashlib.sha256(f"{endpoint} {owner}".encode())
    for folder in ("app", "lambdas", "infrastructure", "web"):
        for path in sorted((paths.ROOT / folder).rglob("*")):
            if path.is_file() and not {"node_modules", "__pycache__", "e2e"} & set(path.parts):
                digest.update(f"{path.relative_to(paths.ROOT)}\n".encode() + path.read_bytes())
    for name in ("cdk.json", "requirements.txt"):
        digest.update((paths.ROOT / name).read_bytes())
    return digest.hexdigest()


def _recorded() -> str | None:
    try:
        fingerprint: str = json.loads(paths.DEPLOYED.read_text())["fingerprint"]
    except (OSError, ValueError, KeyError):
        return None
    return fingerprint


def _answers(found: dict[str, str]) -> bool:
    try:
        return httpx.get(f"{found['ApiUrl']}/health/ready", timeout=30).status_code == 200
    except httpx.HTTPError:
        return False


def _await_pipeline(api: httpx.Client, ids: list[str]) -> None:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("    reading, describing, embedding", total=len(ids))

        def show(settled: int, _total: int, counts: Counter[str]) -> None:
            waiting = ", ".join(f"{count} {state}" for state, count in counts.items() if state != "ready")
            progress.update(task, completed=settled, description=f"    {waiting or 'all ready'}")

        try:
            counts = samples_upload.wait(api, ids, show)
        except TimeoutError as exc:
            fail(f"{exc} See `make status` and `make logs FUNC=analyzer`.")
    failed = f", [red]{counts['failed']} failed[/]" if counts["failed"] else ""
    console.print(f"  [dim]{counts['ready']} images read, described and embedded{failed}[/]")


def _queue_depths(found: dict[str, str]) -> dict[str, str]:
    client = outputs.client("sqs", found)
    depths = {}
    for key in sorted(found):
        if key.endswith("QueueUrl"):
            stage = key.removesuffix("QueueUrl")
            waiting, dead = _depth(client, found[key]), _depth(client, found[f"{stage}DlqUrl"])
            depths[stage] = f"{waiting} waiting" + (f", [red]{dead} dead letters[/]" if dead else "")
    return depths


def _depth(client: Any, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes.get(name, 0)) for name in names)


def _show_results(answer: dict[str, Any]) -> None:
    table = Table("", "Score", "Headline", "Category", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for result in answer["results"]:
        table.add_row(str(result["rank"]), f"{result['score']:.3f}", result["headline"], result["category"])
    console.print(table)


def _show_ways_in(found: dict[str, str], login: users.Login, seconds: float) -> None:
    say(f"\n[bold green]Up[/] in {seconds:.0f} s.  Open [bold]{found['WebUrl']}[/]")
    say(f"Sign in as [bold]{login.email}[/] with the password in {os.path.relpath(paths.DEMO_USER)}.")
    say("Or ask from here:\n")
    console.print(
        f"""curl -s {found["ApiUrl"]}/search -H "Authorization: Bearer $(make -s token)" \\
     -H 'Content-Type: application/json' -d '{{"query": "when does my train leave"}}'""",
        soft_wrap=True,
        markup=False,
    )


if __name__ == "__main__":
    app()
