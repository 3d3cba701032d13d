"""The front end in a real browser: what is loaded first, when it is seen, how it answers, what a large grid takes."""

import io
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from PIL import Image

from app.items.s3 import rendition_key
from scripts import browser, web
from tests.benchmarks import api
from tests.benchmarks.report import Figure, save
from tests.e2e.local_cloud import LocalCloud, new_login

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local-bench" / "web"
PORT = 4597
FEW, MANY = 1_000, 10_000
_THUMBNAIL_SIDE = 512
_SAMPLES = 24


def measure() -> None:
    with _cloud() as cloud:
        seen = _seen(cloud)
    save(
        "web",
        f"The front end, in Chromium without a GPU: {FEW:,} and {MANY:,} pictures on the local cloud",
        _figures(seen),
    )


def _figures(seen: dict[str, Any]) -> list[Figure]:
    frames: list[float] = seen["frames"]
    megabytes = seen["heap"] / 2**20
    return [
        Figure.of(
            "JavaScript before the first picture, gzipped", "kB", [web.first_script_bytes() / 1000], goal="≤ 200 kB"
        ),
        Figure.of(f"{FEW:,} pictures, nothing cached: largest contentful paint", "ms", seen["paint"], goal="≤ 2500 ms"),
        Figure.of(f"{FEW:,} pictures: cumulative layout shift", "", seen["shift"], goal="≤ 0.1"),
        _percentile("Search box: key to next paint, p50", "ms", seen["latencies"], 50),
        _percentile("Search box: key to next paint, p95", "ms", seen["latencies"], 95, goal="≤ 200 ms"),
        Figure.of(f"{MANY:,} pictures fetched: JavaScript heap", "MB", [megabytes]),
        Figure.of(f"{MANY:,} pictures fetched: elements in the document", "", [seen["nodes"]]),
        Figure.of(f"{MANY:,} pictures, scrolling: frames", "/s", [1000 * len(frames) / sum(frames)], goal="60 /s"),
        _percentile(f"{MANY:,} pictures, scrolling: frame, p95", "ms", frames, 95),
    ]


def _percentile(what: str, unit: str, values: Sequence[float], percent: int, *, goal: str = "") -> Figure:
    chosen = statistics.quantiles(values, n=100)[percent - 1]
    return Figure(what, unit, chosen, min(values), max(values), len(values), goal)


@contextmanager
def _cloud() -> Iterator[LocalCloud]:
    """A deployed local cloud of the benchmark's own."""
    try:
        _run("up", "--port", str(PORT))
        yield LocalCloud(json.loads((STATE / "outputs.json").read_text()))
    finally:
        _run("down")


def _run(*arguments: str) -> None:
    environment = {**os.environ, "COLLECTIONS_STATE": str(STATE)}
    subprocess.run(
        [sys.executable, "-m", "scripts.cloud", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )


def _seen(cloud: LocalCloud) -> dict[str, Any]:
    told = {
        "url": cloud.outputs["WebUrl"],
        "browser": browser.find_or_install(),
        "few": _person_with(cloud, FEW),
        "many": _person_with(cloud, MANY),
    }
    done = subprocess.run(
        ["node", "bench/measure.js"],
        cwd=ROOT / "web",
        env={**os.environ, "BENCH": json.dumps(told)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=1800,
        check=True,
    )
    seen: dict[str, Any] = json.loads(done.stdout)
    return seen


def _person_with(cloud: LocalCloud, items: int) -> dict[str, str]:
    """Somebody whose collection was put straight into the database and the bucket."""
    email, password = new_login(cloud)
    pool = cloud.outputs["CognitoUserPoolId"]
    attributes = cloud.client("cognito-idp").admin_get_user(UserPoolId=pool, Username=email)["UserAttributes"]
    user_id = UUID(next(each["Value"] for each in attributes if each["Name"] == "sub"))
    with psycopg.connect(_database_url(cloud), autocommit=True) as connection:
        ids = api.fill(connection, user_id, items)
    _put_thumbnails(cloud, user_id, ids)
    return {"email": email, "password": password}


def _database_url(cloud: LocalCloud) -> str:
    return f"postgresql://postgres@/collections?host={cloud.outputs['RdsEndpoint']}"


def _put_thumbnails(cloud: LocalCloud, user_id: UUID, ids: Sequence[UUID]) -> None:
    bodies, bucket, s3 = _thumbnails(), cloud.outputs["BucketName"], cloud.client("s3")

    def put(numbered: tuple[int, UUID]) -> None:
        number, item_id = numbered
        key = rendition_key(user_id, item_id, "thumbnail", 0)
        s3.put_object(Bucket=bucket, Key=key, Body=bodies[number % len(bodies)], ContentType="image/webp")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, enumerate(ids)))


def _thumbnails() -> list[bytes]:
    """Of some samples, as the pipeline makes them."""
    made = []
    for path in sorted((ROOT / "samples").glob("*.jpg"))[:_SAMPLES]:
        with Image.open(path) as image:
            image.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
            out = io.BytesIO()
            image.convert("RGB").save(out, "WEBP", quality=80)
            made.append(out.getvalue())
    return made
