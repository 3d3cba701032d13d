"""A newcomer's first minutes: clone, `make up`, a search; then a second start, a redeploy, and single uploads."""

import io
import json
import os
import random
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
from PIL import Image, ImageDraw, ImageFont

from tests.benchmarks.report import Figure, save

ROOT = Path(__file__).resolve().parents[2]
PORT = 4596
UPLOADS = 20
RESTARTS = 3


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "collections"
        started = time.monotonic()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        try:
            _make(clone, "up", f"PORT={PORT}")
            first = time.monotonic() - started
            again = [_seconds(clone, "up", f"PORT={PORT}") for _ in range(RESTARTS)]
            redeploys = [_redeploy(clone) for _ in range(RESTARTS)]
            uploads = [_upload(clone, number) for number in range(UPLOADS + 1)][1:]  # the first one starts the workers
        finally:
            _make(clone, "down")
    figures = [
        Figure.of("Fresh clone → first search result, warm package cache", "s", [first], goal="≤ 180 s"),
        Figure.of("Second `make up`", "s", again, goal="≤ 25 s"),
        Figure.of("Redeploy of one Lambda's code", "s", redeploys, goal="≤ 5 s"),
        Figure.of("Upload → ready, all of it", "s", [total for total, _ in uploads]),
        Figure.of("Upload → ready, without provider time", "s", [own for _, own in uploads], goal="≤ 1.5 s"),
    ]
    save("local_cloud", "The local cloud", figures)


def _make(clone: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "VIRTUAL_ENV")}
    done = subprocess.run(["make", *arguments], cwd=clone, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"make {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _seconds(clone: Path, *arguments: str) -> float:
    started = time.monotonic()
    _make(clone, *arguments)
    return time.monotonic() - started


def _redeploy(clone: Path) -> float:
    """Change the API's code, redeploy it, and wait until the new code answers; what the command itself takes."""
    with (clone / "app" / "api.py").open("a") as file:
        file.write("\n# a change\n")
    words = _make(clone, "lambda-deploy", "FUNC=api")
    found = re.search(r"([\d.]+) s\)", words)
    assert found, words
    return float(found[1])


def _upload(clone: Path, number: int) -> tuple[float, float]:
    """Seconds from the upload to `ready`, in all and without what the providers took."""
    outputs: dict[str, str] = json.loads((clone / ".local-outputs.json").read_text())
    with _api(clone, outputs) as api:
        started = time.monotonic()
        item = api.post("/items", files={"file": (f"{number}.png", _picture(number), "image/png")}).json()
        while item["status"] not in ("ready", "failed"):
            time.sleep(0.02)
            item = api.get(f"/items/{item['id']}").json()
        total = time.monotonic() - started
    assert item["status"] == "ready", item["error"]
    return total, total - _provider_seconds(item["id"], outputs)


@contextmanager
def _api(clone: Path, outputs: dict[str, str]) -> Iterator[httpx.Client]:
    token = _make(clone, "-s", "token").strip()
    with httpx.Client(base_url=outputs["ApiUrl"], headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        yield client


def _provider_seconds(item_id: str, outputs: dict[str, str]) -> float:
    """What the analyzer and the embedder say in their logs that their providers took for this item."""
    spent = 0.0
    for key in ("AnalyzerFunctionName", "EmbedderFunctionName"):
        lines = _log_lines(outputs, outputs[key], item_id)
        spent += sum(line["provider_ms"] for line in lines if "provider_ms" in line) / 1000
    return spent


def _log_lines(outputs: dict[str, str], function: str, item_id: str) -> list[dict[str, Any]]:
    """The function's JSON log lines that name this item, once there are some."""
    options = {
        "region_name": outputs["Region"],
        "endpoint_url": outputs["AwsEndpointUrl"],
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    config = boto3.client("lambda", **options).get_function_configuration(FunctionName=function)
    pages = boto3.client("logs", **options).get_paginator("filter_log_events")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        events = [
            event["message"]
            for page in pages.paginate(logGroupName=config["LoggingConfig"]["LogGroup"])
            for event in page["events"]
        ]
        lines = [json.loads(message) for message in events if item_id in message and message.startswith("{")]
        if lines:
            return lines
        time.sleep(0.2)
    raise AssertionError(f"{function} never logged {item_id}")


def _picture(number: int) -> bytes:
    """A phone-sized picture with a few words on it, another one each time."""
    image = Image.effect_noise((900, 1200), 18).convert("RGB")
    words = f"Receipt {number}\n{random.Random(number).randrange(10**9)}"
    ImageDraw.Draw(image).multiline_text((80, 200), words, fill=(10, 10, 10), font=ImageFont.load_default(size=90))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
