"""Made-up items for the search benchmark: the same seed makes the same texts, vectors, tenants and queries anywhere.

Words follow Zipf's law as Mandelbrot amended it (content words: the most frequent stands in half of the documents).
Vectors have 128 dimensions' worth of topics, in 1024: items crowd around topics and their parts, as embeddings do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import numpy as np

DIMENSIONS, TENANTS = 1024, (100, 1_000, 10_000, 100_000)
CATEGORY, CATEGORY_SHARE, TAG, TAG_SHARE = "recipe", 0.1, "trip", 0.02
CHUNK = 10_000
_OTHER_ITEMS = 200  # each of the other tenants
_BURST = 50  # people upload some at once, so rows of one tenant lie in runs, all over the table
_VOCABULARY, _MANDELBROT = 50_000, 10
_TOPICS, _PARTS, _INTRINSIC = 400, 12, 128
_SEED = 4

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive items: ids and owners as 16 bytes each, `(n, 1024)` float16 vectors of about unit norm."""

    owners: Array
    ids: Array
    texts: list[str]
    vectors: Array
    categories: list[str]
    tagged: Array


@dataclass(frozen=True)
class Corpus:
    """`rows` items: one tenant of each size in TENANTS that fits, and tenants of 200 items."""

    rows: int

    @property
    def sizes(self) -> list[int]:
        return [size for size in TENANTS if size <= self.rows // 2]

    def tenant(self, size: int) -> UUID:
        """The one that has `size` items."""
        return UUID(bytes=self._tenants[self.sizes.index(size)].tobytes())

    def chunks(self) -> Iterator[Chunk]:
        for number, start in enumerate(range(0, self.rows, CHUNK)):
            yield self._chunk(number, self._owners[start : start + CHUNK])

    def tenants(self) -> dict[int, Chunk]:
        """All items of the tenants of `sizes`, by size."""
        parts: dict[int, list[Chunk]] = {size: [] for size in self.sizes}
        for number, start in enumerate(range(0, self.rows, CHUNK)):
            owners = self._owners[start : start + CHUNK]
            if (owners < len(self.sizes)).any():
                chunk = self._chunk(number, owners)
                for index, size in enumerate(self.sizes):
                    parts[size].append(_only(chunk, np.flatnonzero(owners == index)))
        return {size: _joined(own) for size, own in parts.items()}

    def _chunk(self, number: int, owners: Array) -> Chunk:
        rng = np.random.default_rng([_SEED, number])
        size = len(owners)
        share = rng.random((2, size))
        return Chunk(
            self._tenants[owners],
            _uuids(rng, size),
            self._texts(rng, size),
            self._vectors(rng, size),
            [CATEGORY if each < CATEGORY_SHARE else "photo" for each in share[0]],
            share[1] < TAG_SHARE,
        )

    def _texts(self, rng: np.random.Generator, size: int) -> list[str]:
        """20 to 300 words each, 50 in the median."""
        lengths = np.clip(rng.lognormal(np.log(50), 0.6, size), 5, 300).astype(int)
        words = np.searchsorted(self._cumulated, rng.random(lengths.sum()))
        spelled = self._words[words]
        return [" ".join(part) for part in np.split(spelled, np.cumsum(lengths)[:-1])]

    def _vectors(self, rng: np.random.Generator, size: int) -> Array:
        topic, part = rng.integers(0, _TOPICS, size), rng.integers(0, _PARTS, size)
        latent = self._topics[topic] + 0.7 * self._parts[topic, part]
        latent += 0.7 * rng.standard_normal((size, _INTRINSIC), dtype=np.float32)
        made = latent @ self._basis + 0.3 * rng.standard_normal((size, DIMENSIONS), dtype=np.float32)
        return unit(made).astype(np.float16)

    @cached_property
    def _owners(self) -> Array:
        """(rows,) int: which tenant an item belongs to, in the order of arrival."""
        sizes = [*self.sizes, *[_OTHER_ITEMS] * (-(-(self.rows - sum(self.sizes)) // _OTHER_ITEMS))]
        bursts = np.repeat(np.arange(len(sizes)), [size // _BURST for size in sizes])
        np.random.default_rng(_SEED).shuffle(bursts)
        return np.repeat(bursts, _BURST)[: self.rows]

    @cached_property
    def _tenants(self) -> Array:
        return _uuids(np.random.default_rng(_SEED + 1), self._owners.max() + 1)

    @cached_property
    def _cumulated(self) -> Array:
        frequency = 1 / (np.arange(_VOCABULARY) + 1 + _MANDELBROT)
        return np.cumsum(frequency / frequency.sum())

    @cached_property
    def _words(self) -> Array:
        return np.array([_word(rank) for rank in range(_VOCABULARY)], dtype=object)

    @cached_property
    def _topics(self) -> Array:
        return _normal((_TOPICS, _INTRINSIC), 2)

    @cached_property
    def _parts(self) -> Array:
        return _normal((_TOPICS, _PARTS, _INTRINSIC), 3)

    @cached_property
    def _basis(self) -> Array:
        return _normal((_INTRINSIC, DIMENSIONS), 5) / np.float32(_INTRINSIC**0.5)


def queries(items: Chunk, count: int) -> tuple[list[str], Array]:
    """Three words of some item each, and `(count, 1024)` float32 vectors, each near some item."""
    rng = np.random.default_rng(_SEED)
    words = [" ".join(rng.choice(items.texts[pick].split(), 3)) for pick in rng.integers(0, len(items.texts), count)]
    near = items.vectors[rng.integers(0, len(items.texts), count)].astype(np.float32)
    return words, unit(near + 0.02 * rng.standard_normal(near.shape, dtype=np.float32))


def unit(vectors: Array) -> Array:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _only(chunk: Chunk, rows: Array) -> Chunk:
    return Chunk(
        chunk.owners[rows],
        chunk.ids[rows],
        [chunk.texts[row] for row in rows],
        chunk.vectors[rows],
        [chunk.categories[row] for row in rows],
        chunk.tagged[rows],
    )


def _joined(parts: Sequence[Chunk]) -> Chunk:
    return Chunk(
        np.concatenate([part.owners for part in parts]),
        np.concatenate([part.ids for part in parts]),
        [text for part in parts for text in part.texts],
        np.concatenate([part.vectors for part in parts]),
        [category for part in parts for category in part.categories],
        np.concatenate([part.tagged for part in parts]),
    )


def _uuids(rng: np.random.Generator, count: int) -> Array:
    """(count,) of 16 bytes, as random as version 4."""
    octets = rng.integers(0, 256, (count, 16), dtype=np.uint8)
    octets[:, 6] = octets[:, 6] & 0x0F | 0x40
    octets[:, 8] = octets[:, 8] & 0x3F | 0x80
    return octets.view("V16").reshape(count)


def _normal(shape: tuple[int, ...], offset: int) -> Array:
    return np.random.default_rng(_SEED + offset).standard_normal(shape, dtype=np.float32)


def _word(rank: int) -> str:
    """A made-up word that no stemmer changes and no stop list knows."""
    letters, rank = [], rank + 30
    while rank:
        rank, letter = divmod(rank, 20)
        letters.append("bcdfghjklmnpqrtvwxzu"[letter] + "o")
    return "".join(letters) + "k"
