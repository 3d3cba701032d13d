"""Which code runs where: what a bundle says it is, what a function says, and what the API answers at /version."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from app.platform import smoke
from app.platform.build_info import PROBE
from scripts import bundle, outputs
from scripts.bundle import BuildInfo


def of_bundle(folder: Path) -> BuildInfo:
    info: BuildInfo = json.loads((folder / "app" / "platform" / "build_info.json").read_text())
    return info


def of_function(name: str, found: dict[str, str]) -> BuildInfo:
    """What the function says.

    Raises:
        SmokeFailed: it does not start.
    """
    info: BuildInfo = smoke.invoker(outputs.client("lambda", found))(function_name(name, found), PROBE)
    return info


def of_api(found: Mapping[str, str]) -> BuildInfo | None:
    """What /version says; None: nothing."""
    try:
        answer = httpx.get(f"{found['ApiUrl']}/version", timeout=30)
    except httpx.TransportError:
        return None
    if answer.status_code != 200:
        return None
    told: dict[str, Any] = answer.json()
    return {key: told[key] for key in ("version", "git_sha", "built_at")}


def look(found: dict[str, str]) -> smoke.Smoke:
    """Smoke from here, where users are. Versions are by bundle."""
    names = {function_name(name, found): name for name in bundle.FUNCTIONS}
    looked = smoke.look(
        found["ApiUrl"],
        functions=list(names),
        workers=[function for function, name in names.items() if outputs.queue_urls(name, found)],
        invoke=smoke.invoker(outputs.client("lambda", found)),
    )
    return smoke.Smoke({names[name]: version for name, version in looked.versions.items()}, looked.problems)


def function_name(name: str, found: dict[str, str]) -> str:
    return outputs.function_name(name, found) or f"collections-{name} (of which the outputs know nothing)"


def words(info: Mapping[str, Any] | None) -> str:
    """For people: `0.1.0, commit 4d96577a2e96-dirty of 2026-11-21T13:10:59+00:00`."""
    if info is None:
        return "nothing that answers"
    sha, dirty = str(info["git_sha"]).removesuffix("-dirty"), "-dirty" * str(info["git_sha"]).endswith("-dirty")
    return f"{info['version']}, commit {sha[:12]}{dirty} of {info['built_at']}"
