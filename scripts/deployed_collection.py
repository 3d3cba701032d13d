"""A user's collection in a deployed cloud, asked over its public API, as any client would."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from app.platform.errors import Unavailable
from app.search.models import SearchType
from scripts import users
from scripts.console import fail
from scripts.local import paths
from scripts.outputs import CloudName

# What `make cognito-get-token` saved.
SAVED_TOKEN = paths.TEST_TOKEN
_TOP_K = 10


@dataclass(frozen=True, slots=True)
class Found:
    """One item of the collection that can be searched."""

    item_id: str
    filename: str
    provider: str


class DeployedCollection:
    """Searches and lists, through an HTTP client with the API's address and a token."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api

    def items(self) -> Iterator[Found]:
        """Every item that is ready."""
        cursor = None
        while True:
            page = self._get("/items", limit=100, status="ready", **({"cursor": cursor} if cursor else {}))
            for item in page["items"]:
                analysis = item["latest_analysis"] or {}
                yield Found(item["id"], item["original_filename"], analysis.get("provider_used", ""))
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def search(self, query: str, mode: SearchType) -> list[str]:
        """Item ids, best first.

        Raises:
            Unavailable: no answer, or not one of success. It counts against the search.
        """
        try:
            answer = self._api.post("/search", json={"query": query, "search_type": mode, "top_k": _TOP_K})
            answer.raise_for_status()
        except httpx.HTTPError as exc:
            raise Unavailable(str(exc)) from exc
        return [result["item_id"] for result in answer.json()["results"]]

    def config(self) -> dict[str, Any]:
        """What its searches run with."""
        return self._get("/search/config")

    def version(self) -> dict[str, Any]:
        return self._get("/version")

    def _get(self, path: str, **parameters: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self._api.get(path, params=parameters).raise_for_status().json()
        return answer


def saved_token(cloud: CloudName, found: dict[str, str]) -> str:
    """TOKEN, or the saved one, or (locally) the demo user's; or an end with what to do."""
    if token := os.environ.get("TOKEN", "").strip():
        return token
    if SAVED_TOKEN.exists():
        return SAVED_TOKEN.read_text().strip()
    login = users.demo_login() if cloud == "local" else None
    if login is None:
        fail(f"There is no token in {SAVED_TOKEN.name} or TOKEN. Run `make cognito-get-token CLOUD={cloud}`.")
    return users.access_token(login, found)
