"""One user of the harness's cloud, and images that no two of them have."""

import base64
import io
import json
import random
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx
from PIL import Image


@dataclass(frozen=True)
class Prepared:
    """An item whose object is not uploaded yet: faults can be laid for its id before anything happens."""

    id: str
    key: str
    name: str
    owner: str
    form: dict[str, Any]
    body: bytes

    def send(self) -> None:
        answer = httpx.post(
            self.form["url"], data=self.form["fields"], files={"file": (self.name, self.body)}, timeout=30
        )
        answer.raise_for_status()


@dataclass
class Person:
    """The API with one user's token."""

    api: httpx.Client

    @cached_property
    def id(self) -> str:
        payload = self.api.headers["authorization"].split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"]

    def prepare(self, files: dict[str, bytes]) -> list[Prepared]:
        """An item and a form for every file, in order."""
        declared = [
            {"filename": name, "content_type": "image/png", "file_size": len(body)} for name, body in files.items()
        ]
        answer = self.api.post("/uploads", json={"files": declared}).raise_for_status().json()
        return self._prepared(answer, files)

    def try_prepare(self, files: dict[str, bytes]) -> tuple[list[Prepared], bool]:
        """As `prepare`; nothing, and True, when told 429."""
        try:
            return self.prepare(files), False
        except httpx.HTTPStatusError as exc:
            if exc.response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                raise
            return [], True

    def _prepared(self, answer: dict[str, Any], files: dict[str, bytes]) -> list[Prepared]:
        return [
            Prepared(made["item"]["id"], made["upload"]["fields"]["key"], name, self.id, made["upload"], body)
            for made, (name, body) in zip(answer["uploads"], files.items(), strict=True)
        ]

    def upload(self, files: dict[str, bytes]) -> list[Prepared]:
        prepared = self.prepare(files)
        for each in prepared:
            each.send()
        return prepared

    def item(self, item_id: str) -> httpx.Response:
        return self.api.get(f"/items/{item_id}")


def photos(count: int, prefix: str = "photo") -> dict[str, bytes]:
    """Small images of noise, each its own, by file name."""
    return {f"{prefix}-{number}.png": noise(random.randbytes(8)) for number in range(count)}


def noise(seed: bytes, size: tuple[int, int] = (96, 64)) -> bytes:
    image = Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
