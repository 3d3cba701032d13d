"""Provider keys: from `.env` into the parameter store, back again, and which are missing. Values are never printed.

They are SecureStrings under `/collections/{environment}/`; the functions read them there (`app.platform.parameters`).
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from dotenv import dotenv_values, set_key
from rich.table import Table

from app.usage.service import PAID_CALLS
from scripts import outputs
from scripts.console import commands, console, fail, say
from scripts.local.paths import ROOT
from scripts.outputs import Cloud, cloud_name

# Parameter and what it is for; in `.env` it has the same name in capitals.
SECRETS = {
    "anthropic_api_key": "Claude",
    "openai_api_key": "OpenAI",
    "voyage_api_key": "Voyage",
    "tavily_api_key": "web search",
    "langsmith_api_key": "traces and prompts",
}
# Which a choice in a function's settings cannot do without. Bedrock and the local providers need none.
_NEEDED_BY = {"claude": "anthropic_api_key", "openai": "openai_api_key", "voyage": "voyage_api_key"}
_CHOICES = ("ANALYSIS_PROVIDER", "ANALYSIS_FALLBACK", "EMBEDDING_PROVIDER", "CHAT_PROVIDER")

app = commands()
Env = Annotated[str, typer.Option("--env", help="The environment, as it was deployed.")]
File = Annotated[Path, typer.Option(help="Lines of NAME=value.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite without asking.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]
State = Literal["new", "same", "other"]


@dataclass(frozen=True)
class Change:
    """One value that is to be stored, and how it compares with what is there."""

    name: str
    value: str
    state: State


class Store:
    """One environment's parameters."""

    def __init__(self, client: Any, environment: str) -> None:
        self._client = client
        self._path = f"/collections/{environment}/"

    def name_of(self, name: str) -> str:
        return f"{self._path}{name}"

    def values(self) -> dict[str, str]:
        pages = self._client.get_paginator("get_parameters_by_path").paginate(
            Path=self._path, Recursive=True, WithDecryption=True
        )
        found = (parameter for page in pages for parameter in page["Parameters"])
        return {each["Name"].removeprefix(self._path): each["Value"] for each in found}

    def put(self, name: str, value: str, *, secret: bool = True) -> None:
        kind = "SecureString" if secret else "String"
        self._client.put_parameter(Name=self.name_of(name), Value=value, Type=kind, Overwrite=True)


@app.command()
def populate(
    cloud: Cloud = "local",
    environment: Env = "dev",
    file: File = ROOT / ".env",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Store the keys of a .env file. Asks before it replaces one by another."""
    if not file.is_file():
        fail(f"There is no {file}. Put lines like ANTHROPIC_API_KEY=… there.")
    store = _store(cloud, environment)
    changes = compare(_in_file(file), store.values())
    if not changes:
        fail(f"{file.name} has none of {', '.join(name.upper() for name in SECRETS)}.")
    _show(changes, store)
    if dry_run:
        say("Nothing was stored.")
        return
    stored = 0
    for change in changes:
        if change.state == "same" or not _agreed(change, store.name_of(change.name), force=force):
            continue
        store.put(change.name, change.value)
        stored += 1
    say(f"[green]✓[/] {stored} stored. Functions take them up within a minute, or at their next start.")


@app.command()
def export(
    cloud: Cloud = "local",
    environment: Env = "dev",
    file: File = ROOT / ".env",
    force: Force = False,
    dry_run: DryRun = False,
) -> None:
    """Write the stored keys into a .env file that only you can read. Its other lines stay as they are."""
    store = _store(cloud, environment)
    stored = {name: value for name, value in store.values().items() if name in SECRETS}
    if not stored:
        fail(f"Nothing is stored under {store.name_of('')}.")
    changes = compare(stored, _in_file(file))
    _show(changes, store)
    if dry_run:
        say(f"{os.path.relpath(file)} was not touched.")
        return
    file.touch(mode=0o600)
    file.chmod(0o600)
    written = [change for change in changes if change.state != "same" and _agreed(change, file.name, force=force)]
    for change in written:
        set_key(file, change.name.upper(), change.value)
    say(f"[green]✓[/] {len(written)} written to {os.path.relpath(file)}")


@app.command()
def check(cloud: Cloud = "local", environment: Env = "dev") -> None:
    """Say which keys the deployed functions need, and which of them are missing."""
    name = cloud_name(cloud)
    found = outputs.read(name)
    store = _store(cloud, environment)
    needed, stored = needed_keys(function_settings(found)), store.values()
    for key in needed:
        state = f"[green]✓[/] {masked(stored[key])}" if stored.get(key) else "[red]missing[/]"
        say(f"{store.name_of(key)}  {SECRETS[key]}  {state}")
    if not needed:
        say("The providers that are chosen need no key.")
    if is_off(stored):
        say(f"[yellow]Paid calls are off[/] ({store.name_of(PAID_CALLS)})")
    if absent := [key for key in needed if not stored.get(key)]:
        fail(f"Put {', '.join(key.upper() for key in absent)} into .env and run `make secrets-populate CLOUD={name}`.")


@app.command("paid-calls")
def paid_calls(
    state: Annotated[str, typer.Argument(help="on or off")],
    cloud: Cloud = "local",
    environment: Env = "dev",
    dry_run: DryRun = False,
) -> None:
    """The kill switch: off stops every call that is paid for, within a minute; everything else goes on."""
    if state not in ("on", "off"):
        fail("Say on or off.")
    store = _store(cloud, environment)
    if dry_run:
        say(f"Would set {store.name_of(PAID_CALLS)} to {state}. Nothing was changed.")
        return
    store.put(PAID_CALLS, state, secret=False)
    say(f"[green]✓[/] Paid calls are {state} within a minute. What waited goes on by itself, with the hourly sweep.")


def compare(wanted: Mapping[str, str], there: Mapping[str, str]) -> list[Change]:
    """What storing `wanted` would do, for the keys that anybody reads."""

    def state(name: str) -> State:
        if not there.get(name):
            return "new"
        return "same" if there[name] == wanted[name] else "other"

    return [Change(name, wanted[name], state(name)) for name in SECRETS if wanted.get(name)]


def needed_keys(settings: Iterable[Mapping[str, str]]) -> list[str]:
    """The parameters that functions with these environments cannot do without."""
    chosen = {name.strip() for each in settings for choice in _CHOICES for name in each.get(choice, "").split(",")}
    allowed = {name for each in settings for name in json.loads(each.get("ANALYSIS_ALLOWED") or "{}")}
    return [key for key in SECRETS if key in {_NEEDED_BY.get(name) for name in chosen | allowed}]


def function_settings(found: dict[str, str]) -> list[Mapping[str, str]]:
    """The environments of the deployed functions."""
    client = outputs.client("lambda", found)
    names = [value for key, value in found.items() if key.endswith("FunctionName")]
    configured = (client.get_function_configuration(FunctionName=name) for name in names)
    return [each.get("Environment", {}).get("Variables", {}) for each in configured]


def missing(found: dict[str, str], environment: str = "dev") -> list[str]:
    """Full names of the parameters that the deployed functions need and do not have."""
    store = Store(outputs.client("ssm", found), environment)
    stored = store.values()
    return [store.name_of(key) for key in needed_keys(function_settings(found)) if not stored.get(key)]


def is_off(stored: Mapping[str, str]) -> bool:
    return stored.get(PAID_CALLS, "").strip().lower() == "off"


def masked(value: str) -> str:
    """Enough to tell two keys apart, too little to use one."""
    return f"{value[:4]}…{value[-2:]}" if len(value) > 16 else "…"


def _in_file(file: Path) -> dict[str, str]:
    values = dotenv_values(file, interpolate=False)
    return {name: (values.get(name.upper()) or "").strip() for name in SECRETS}


def _show(changes: list[Change], store: Store) -> None:
    words = {"new": "[green]new[/]", "same": "[dim]unchanged[/]", "other": "[yellow]another value is there[/]"}
    table = Table("Parameter", "For", "Value", "", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for change in changes:
        table.add_row(store.name_of(change.name), SECRETS[change.name], masked(change.value), words[change.state])
    console.print(table)


def _agreed(change: Change, where: str, *, force: bool) -> bool:
    return change.state == "new" or force or typer.confirm(f"Replace {change.name} in {where}?")


def _store(cloud: str, environment: str) -> Store:
    """On AWS also before anything is deployed: keys may be there first."""
    name = cloud_name(cloud)
    found = outputs.find(name)
    if found is None and name == "aws":
        import boto3

        return Store(boto3.client("ssm"), environment)
    return Store(outputs.client("ssm", found or outputs.read(name)), environment)


if __name__ == "__main__":
    app()
