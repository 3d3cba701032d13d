"""Replacing one Lambda's code without the rest of the stack; code that does not work gives way to what was there."""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import httpx

from app.platform.smoke import SmokeFailed
from scripts import bundle, locks, outputs, versions
from scripts.bundle import BuildInfo
from scripts.console import fail
from scripts.outputs import CloudName

# Zip files know no date before this one.
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def deploy(name: str, cloud: CloudName) -> BuildInfo:
    """Build one Lambda's bundle, replace its code, wait until it runs, and return which code it then says it is."""
    if name not in bundle.FUNCTIONS:
        fail(f"There is no function {name!r}. Use one of: {', '.join(bundle.FUNCTIONS)}.")
    found = outputs.read(cloud)
    with locks.held(bundle.BUILD / cloud):
        folder = bundle.build(name, bundle.TARGETS[cloud])
        code, info = _zipped(folder), versions.of_bundle(folder)
    client, function = outputs.client("lambda", found), versions.function_name(name, found)
    before = httpx.get(client.get_function(FunctionName=function)["Code"]["Location"], timeout=60).raise_for_status()
    replace(client, function, code)
    if problem := _wrong(name, found, info):
        replace(client, function, before.content)
        fail(f"The new code of {name} does not work, and what was there before runs again: {problem}")
    return info


def put(name: str, folder: Path, found: dict[str, str]) -> None:
    """Have a function run what is in this folder."""
    replace(outputs.client("lambda", found), versions.function_name(name, found), _zipped(folder))


def replace(client: Any, function: str, archive: bytes) -> None:
    client.update_function_code(FunctionName=function, ZipFile=archive)
    client.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1, "MaxAttempts": 300})


def _wrong(name: str, found: dict[str, str], wanted: BuildInfo) -> str | None:
    """Why it is not the wanted code that runs; None: it is."""
    try:
        said = versions.of_function(name, found)
    except SmokeFailed as exc:
        return str(exc)
    if said != wanted:
        return f"it says it is {versions.words(said)}, and not {versions.words(wanted)}."
    if name == "api" and (answered := versions.of_api(found)) != wanted:
        return f"/version answers {versions.words(answered)}, and not {versions.words(wanted)}."
    return None


def _zipped(folder: Path) -> bytes:
    with tempfile.TemporaryFile() as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), _ZIP_EPOCH)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
        file.seek(0)
        return file.read()
