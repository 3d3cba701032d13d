"""The sample collection through the whole pipeline, by the public API."""

import hashlib
import mimetypes
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
IMAGE_TYPES = {".jpg", ".jpeg", ".png", ".webp"}
_SETTLED = {"ready", "failed"}
_GIVE_UP_AFTER_S = 900

# Called with the number of settled items, of all items, and how many are in which state.
Progress = Callable[[int, int, Counter[str]], None]


def paths() -> list[Path]:
    return sorted(path for path in SAMPLES.iterdir() if path.suffix in IMAGE_TYPES)


def upload(api: httpx.Client) -> list[str]:
    """Upload every sample that is not there yet, straight to storage. Returns all the items' ids."""
    files = {path: path.read_bytes() for path in paths()}
    declared = [_declare(path, body) for path, body in files.items()]
    answer = api.post("/uploads", json={"files": declared}).raise_for_status().json()
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(_post_form, prepared["upload"], path.name, body)
            for prepared, (path, body) in zip(answer["uploads"], files.items(), strict=True)
            if prepared["upload"]
        ]
        for job in jobs:
            job.result()
    return [prepared["item"]["id"] for prepared in answer["uploads"]]


def _declare(path: Path, body: bytes) -> dict[str, Any]:
    return {
        "filename": path.name,
        "content_type": mimetypes.guess_type(path.name)[0] or "application/octet-stream",
        "file_size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def _post_form(form: dict[str, Any], name: str, body: bytes) -> None:
    httpx.post(form["url"], data=form["fields"], files={"file": (name, body)}, timeout=60).raise_for_status()


def wait(api: httpx.Client, ids: list[str], progress: Progress) -> Counter[str]:
    """Wait until every item is ready or failed. Returns how many ended in which state.

    Raises:
        TimeoutError: some did not settle.
    """
    deadline = time.monotonic() + _GIVE_UP_AFTER_S
    while time.monotonic() < deadline:
        statuses = states(api)
        counts = Counter(statuses[item_id] for item_id in ids)
        settled = sum(counts[state] for state in _SETTLED)
        progress(settled, len(ids), counts)
        if settled == len(ids):
            return counts
        time.sleep(0.5)
    raise TimeoutError("Some samples are still on their way.")


def states(api: httpx.Client) -> dict[str, str]:
    """The status of every item of the user."""
    found: dict[str, str] = {}
    cursor = None
    while True:
        page: dict[str, Any] = api.get("/items", params={"limit": 100} | ({"cursor": cursor} if cursor else {})).json()
        found |= {item["id"]: item["status"] for item in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found
