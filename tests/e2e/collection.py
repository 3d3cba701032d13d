"""One user's collection, as a client of the public API sees it."""

import io
import time
from dataclasses import dataclass
from typing import Any

import httpx
from PIL import Image, ImageDraw, ImageFont

_SETTLES_WITHIN_S = 300


@dataclass
class Collection:
    """The API with one user's token."""

    api: httpx.Client
    cloud: Any

    def upload(self, body: bytes, name: str = "photo.png", kind: str = "image/png") -> httpx.Response:
        return self.api.post("/items", files={"file": (name, body, kind)})

    def settled(self, item_id: str) -> dict[str, Any]:
        """The item once it is ready or failed."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while time.monotonic() < deadline:
            item = self.api.get(f"/items/{item_id}").raise_for_status().json()
            if item["status"] in ("ready", "failed"):
                return item
            time.sleep(0.2)
        raise AssertionError(f"{item_id} is still {item['status']}")

    def search(self, query: str, **options: Any) -> list[dict[str, Any]]:
        answer = self.api.post("/search", json={"query": query, **options})
        return answer.raise_for_status().json()["results"]

    def items(self) -> list[dict[str, Any]]:
        return self.api.get("/items", params={"limit": 100}).raise_for_status().json()["items"]

    def delete_all(self) -> None:
        for item in self.items():
            self.api.delete(f"/items/{item['id']}").raise_for_status()


def note(text: str, size: tuple[int, int] = (900, 500)) -> bytes:
    """A PNG with `text` written on it, large enough to be read; the same text gives the same bytes."""
    image = Image.new("RGB", size, (250, 246, 235))
    ImageDraw.Draw(image).multiline_text((60, 60), text, fill=(20, 20, 30), font=ImageFont.load_default(size=56))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
