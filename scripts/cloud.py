"""The cloud's commands: up, down, reset and token on this machine; status, logs, functions and their code on both."""

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, Any

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts import bundle, code_only, function_logs, locks, outputs, samples_upload, status, users, versions, web
from scripts import deploy as deployment
from scripts.cdk import Report
from scripts.console import agree, commands, console, fail, say
from scripts.local import deployed, emulator, paths, postgres
from scripts.outputs import Cloud, cloud_name

app = commands()
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
_FIRST_QUESTION = "how much did I pay for bread"
_STEPS = 6


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Where the local cloud listens, on 127.0.0.1.")] = emulator.DEFAULT_PORT,
) -> None:
    """Start everything, deploy, and put the samples through the pipeline. Repeat it at any time."""
    started = time.monotonic()
    with locks.held(paths.STATE):
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
    with locks.held(paths.STATE):
        _stop()


def _stop() -> None:
    say("Local cloud stopped." if emulator.stop() else "The local cloud was not running.")
    say("PostgreSQL stopped." if postgres.stop() else "PostgreSQL was not running.")


@app.command()
def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Stop everything and forget it: the database, the images, the users."""
    agree("Delete the local database, images and users?", yes=yes)
    with locks.held(paths.STATE):
        _stop()
        shutil.rmtree(paths.STATE, ignore_errors=True)
        outputs.path("local").unlink(missing_ok=True)
    say("Forgotten. `make up` starts anew.")


@app.command("status")
def show_status(
    cloud: Cloud = "local", environment: Annotated[str, typer.Option("--env", help="As it was deployed.")] = "dev"
) -> None:
    """What runs, what is deployed, and what the pipeline is doing."""
    status.show(cloud_name(cloud), environment)


@app.command()
def logs(
    function: Annotated[str, typer.Argument(help="api, image_processor, analyzer, …")],
    minutes: Annotated[int, typer.Option(help="How far back.")] = 60,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what is written from now on.")] = False,
    cloud: Cloud = "local",
) -> None:
    """Print a Lambda's log."""
    found = outputs.read(cloud_name(cloud))
    name = outputs.function_name(function, found) or fail(
        f"There is no function {function!r}. Use one of: {', '.join(bundle.FUNCTIONS)}."
    )
    read = function_logs.follow if follow else function_logs.events
    with suppress(KeyboardInterrupt):
        for event in read(name, found, since=time.time() - minutes * 60):
            moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).strftime("%H:%M:%S")
            print(moment, event["message"].rstrip(), flush=follow)


@app.command()
def token() -> None:
    """Print an access token of the demo user, for curl."""
    login = users.demo_login() or fail("There is no demo user yet. Run `make up`.")
    print(users.access_token(login, outputs.read("local")))


@app.command()
def invoke(
    function: Annotated[str, typer.Argument(help="cleanup or migrate")],
    cloud: Cloud = "local",
    dry_run: DryRun = False,
) -> None:
    """Run a Lambda that takes no input, now, and print its answer."""
    found = outputs.read(cloud_name(cloud))
    if dry_run:
        say(f"Would invoke {found[f'{function.title()}FunctionName']}. Nothing was changed.")
        return
    with console.status(function):
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
    cloud: Cloud = "local",
    dry_run: DryRun = False,
) -> None:
    """Replace one Lambda's code, without the rest of the stack."""
    if dry_run:
        say(f"Would build {function} and replace its code ({cloud_name(cloud)}). Nothing was changed.")
        return
    started = time.monotonic()
    with console.status(function):
        info = code_only.deploy(function, cloud_name(cloud))
    say(f"[green]✓[/] {function} runs the new code: {versions.words(info)} ({time.monotonic() - started:.1f} s)")


@app.command()
def deploy_all(
    cloud: Cloud = "local",
    dry_run: DryRun = False,
) -> None:
    """Replace every Lambda's code. Where one does not work, it runs what it ran before, and the rest is left alone."""
    name = cloud_name(cloud)
    found = outputs.read(name)
    functions = [function for function in bundle.FUNCTIONS if outputs.function_name(function, found)]
    if dry_run:
        say(f"Would replace the code of {', '.join(functions)} ({cloud}). Nothing was changed.")
        return
    for function in functions:
        started = time.monotonic()
        with console.status(function):
            info = code_only.deploy(function, name)
        say(f"[green]✓[/] {function}: {versions.words(info)} [dim]{time.monotonic() - started:.1f} s[/]")


@contextmanager
def _step(number: int, title: str) -> Iterator[Any]:
    """Say what is happening and how far it is, then how long it took."""
    label = f"[dim]{number}/{_STEPS}[/] {title}"
    started = time.monotonic()
    with console.status(label) as spinner:
        yield lambda word: spinner.update(f"{label} [dim]{word}[/]")
    console.print(f"[green]✓[/] {label} [dim]{time.monotonic() - started:.1f} s[/]")


def _deploy_if_changed(endpoint: str, owner: str, report: Report) -> dict[str, str]:
    """Deploy, unless exactly this was deployed and still answers."""
    fingerprint = deployed.fingerprint(endpoint, owner)
    found = outputs.find("local")
    if found and deployed.recorded() == fingerprint and _answers(found):
        return found
    deployed.forget()
    report("bundles and synthesis")
    found = deployment.deploy_local(
        endpoint,
        database_url=postgres.role_url(owner, "collections_app", "collections"),
        database_admin_url=owner,
        report=report,
    )
    deployed.record(fingerprint)
    return found


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
