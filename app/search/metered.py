"""Queries that are embedded at somebody's expense."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from app.search.models import Embedder


class MeteredEmbedder:
    """An `Embedder` whose every call is one unit of a quota, reserved before it and settled after it.

    Raises, beside what the embedder does, QuotaExceeded and Paused: then nobody was asked.
    """

    def __init__(self, embedder: Embedder, paying: Callable[[], AbstractContextManager[None]]) -> None:
        self._embedder = embedder
        self._paying = paying
        self.provider = embedder.provider
        self.model = embedder.model
        self.dimensions = embedder.dimensions

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        with self._paying():
            return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        with self._paying():
            return self._embedder.embed_query(text)
