"""The embeddings of recent queries: people search again for what they just searched for, page by page, mode by mode."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from app.platform.logs import note
from app.search.models import Embedder


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What the cache of one container did since it started. `hit_rate` is in 0..1."""

    size: int
    entries: int
    hits: int
    misses: int

    @property
    def hit_rate(self) -> float:
        return self.hits / (self.hits + self.misses) if self.hits else 0.0


class QueryVectors:
    """Least recently used go first. One per container; safe to share among threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._vectors: OrderedDict[tuple[str, str], list[float]] = OrderedDict()
        self._hits = self._misses = 0
        self._lock = Lock()

    def over(self, embedder: Embedder) -> Embedder:
        """The same embedder, asked only for queries that are not remembered."""
        return _Remembering(embedder, self)

    def report(self) -> CacheReport:
        with self._lock:
            return CacheReport(self._size, len(self._vectors), self._hits, self._misses)

    def find(self, key: tuple[str, str]) -> list[float] | None:
        """The vector for (model, query); counts as a hit or a miss."""
        with self._lock:
            vector = self._vectors.get(key)
            if vector is None:
                self._misses += 1
            else:
                self._hits += 1
                self._vectors.move_to_end(key)
            return vector

    def keep(self, key: tuple[str, str], vector: list[float]) -> None:
        with self._lock:
            self._vectors[key] = vector
            while len(self._vectors) > self._size:
                self._vectors.popitem(last=False)


class _Remembering:
    """An `Embedder`; what fails is not remembered."""

    def __init__(self, embedder: Embedder, vectors: QueryVectors) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self.provider = embedder.provider
        self.model = embedder.model
        self.dimensions = embedder.dimensions

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        key = (self.model, text)
        vector = self._vectors.find(key)
        # Its average is the hit rate: over all containers in the log group, of each one in its own log stream.
        note(query_cache_hit=int(vector is not None))
        if vector is None:
            vector = self._embedder.embed_query(text)
            self._vectors.keep(key, vector)
        return vector
