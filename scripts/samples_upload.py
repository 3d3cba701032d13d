"""The sample collection through the whole pipeline, by the public API."""

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
    """Upload every sample; what is there already stays what it is. Returns the items' ids."""
    # Two at a time: each is an API Lambda at work, and the pipeline wants the other cores.
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda path: _upload_one(api, path), paths()))


def _upload_one(api: httpx.Client, path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    answer = api.post("/items", files={"file": (path.name, path.read_bytes(), kind)})
    answer.raise_for_status()
    return str(answer.json()["id"])


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
