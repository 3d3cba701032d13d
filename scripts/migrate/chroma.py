"""ChromaDB's persistent directory, read as it lies on the disk.

Not through the `chromadb` package: its client writes into the directory as soon as it opens it (and brings an older one
up to date), it loads whole indexes into memory, and it is 370 MB of packages for one afternoon's use. The layout is the
same since ChromaDB 0.4; tests/integration/migrate compares what is read here with what the package itself says, for
directories of both its engines (0.x in Python, 1.x in Rust).

`chroma.sqlite3` knows which entries there are, with their metadata. A vector is in the index of its collection
(`data_level0.bin`, hnswlib's format: https://github.com/chroma-core/hnswlib, `saveIndex`), or still in the queue of
what was not written there yet (`embeddings_queue`). The index's entries have numbers, and `index_metadata.pickle` says
which id is which number.
"""

import os
import pickle
import sqlite3
import struct
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

from app.platform.errors import InvalidInput
from scripts.migrate.untouched import opened, tables

# `chromadb.types.Operation`, as the queue has it.
_ADD, _UPDATE, _UPSERT, _DELETE = range(4)
_FLOAT = struct.calcsize("<f")
# format version (int), offset of level 0, most elements, elements, bytes of each, offset of its label, offset of data
_HEADER = struct.Struct("<i6Q")
_LABEL = struct.Struct("<Q")
# Where collections and embedding functions note what made the vectors.
_MODEL_KEYS = ("embedding_model", "model", "model_name")

Vector = array[float]


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of the directory. `model` is None where it does not say what embedded its texts."""

    id: str
    name: str
    model: str | None
    entries: int


@dataclass(frozen=True, slots=True)
class OldVectors:
    """What there is of one item: its vectors (more than one where its text was cut to pieces), and of which texts.

    `headline` and `summary` are those of the analysis that was embedded, where the entry remembers them.
    """

    old_id: str
    vectors: tuple[Vector | None, ...]
    headline: str | None
    summary: str | None


@contextmanager
def directory(path: Path) -> Iterator["Directory"]:
    """Raises InvalidInput: it is no directory of ChromaDB's, or of an engine before 0.4."""
    with opened(path / "chroma.sqlite3") as connection:
        needed = {"collections", "segments", "embeddings", "embedding_metadata", "embeddings_queue", "max_seq_id"}
        if needed - tables(connection):
            raise InvalidInput(f"{path} was not written by ChromaDB 0.4 or newer.")
        yield Directory(path, connection)


class Directory:
    """The collections of an opened directory."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path = path
        self._connection = connection

    def collections(self) -> list[Collection]:
        return [
            Collection(id_, name, self._model(id_), self._count(id_))
            for id_, name in self._connection.execute("SELECT id, name FROM collections ORDER BY name")
        ]

    def collection(self, name: str) -> Collection:
        """The collection of this name; without a name the only one.

        Raises:
            InvalidInput: there is none, or it is not clear which.
        """
        found = self.collections()
        chosen = [each for each in found if not name or each.name == name]
        if len(chosen) != 1:
            names = ", ".join(each.name for each in found) or "none"
            raise InvalidInput(f"Name the collection with COLLECTION=. There are: {names}.")
        return chosen[0]

    def read(self, collection: Collection) -> Iterator[OldVectors]:
        """Item by item, in the order of old ids."""
        metadata_segment = self._segment(collection.id, "METADATA")
        with self._vectors(collection.id) as vector_of:
            rows = self._connection.execute(SELECT_ENTRIES, [metadata_segment])
            for old_id, entries in groupby(rows, key=lambda row: row[0]):
                of_item = list(entries)
                yield OldVectors(old_id, tuple(vector_of(row[1]) for row in of_item), *of_item[0][2:])

    @contextmanager
    def _vectors(self, collection_id: str) -> Iterator[Any]:
        segment = self._segment(collection_id, "VECTOR")
        index = self._path / segment
        labels = _labels(index / "index_metadata.pickle")
        queued = self._queued(collection_id, segment, labels)
        if not labels:
            yield lambda entry_id: self._in_queue(queued, entry_id)
            return
        with (index / "data_level0.bin").open("rb") as data:
            written = _Index(data, (index / "header.bin").read_bytes(), labels)
            yield lambda entry_id: self._in_queue(queued, entry_id) or written.get(entry_id)

    def _queued(self, collection_id: str, segment: str, written: dict[str, int]) -> dict[str, int]:
        """Of every entry whose vector waits in the queue, the number of the queue's row that has it."""
        row = self._connection.execute("SELECT seq_id FROM max_seq_id WHERE segment_id = ?", [segment]).fetchone()
        there = set(written)
        latest: dict[str, int] = {}
        for number, operation, entry_id, has_vector in self._connection.execute(
            SELECT_QUEUE, [_number(row[0]) if row else -1, f"%/{collection_id}"]
        ):
            if operation == _DELETE:
                there.discard(entry_id)
                latest.pop(entry_id, None)
            # Adding what is there changes nothing, and neither does updating what is not.
            elif (operation == _UPSERT or (operation == _ADD) is (entry_id not in there)) and has_vector:
                there.add(entry_id)
                latest[entry_id] = number
        return latest

    def _in_queue(self, queued: dict[str, int], entry_id: str) -> Vector | None:
        if entry_id not in queued:
            return None
        query = "SELECT vector, encoding FROM embeddings_queue WHERE seq_id = ?"
        vector, encoding = self._connection.execute(query, [queued[entry_id]]).fetchone()
        return _floats(vector) if encoding == "FLOAT32" else None

    def _segment(self, collection_id: str, scope: str) -> str:
        query = "SELECT id FROM segments WHERE collection = ? AND scope = ?"
        row = self._connection.execute(query, [collection_id, scope]).fetchone()
        if row is None:
            raise InvalidInput(f"The collection has no {scope.lower()} segment.")
        return str(row[0])

    def _count(self, collection_id: str) -> int:
        row = self._connection.execute(COUNT_ITEMS, [self._segment(collection_id, "METADATA")]).fetchone()
        return int(row[0])

    def _model(self, collection_id: str) -> str | None:
        rows = self._connection.execute(
            "SELECT key, str_value FROM collection_metadata WHERE collection_id = ?", [collection_id]
        )
        said = dict(rows.fetchall())
        return next((said[key] for key in _MODEL_KEYS if said.get(key)), None)


class _Index:
    """The vectors of a written index, looked up one at a time: the file is as large as the collection."""

    def __init__(self, data: BinaryIO, header: bytes, labels: dict[str, int]) -> None:
        _, self._start, _, elements, self._stride, label_at, self._data_at = _HEADER.unpack_from(header)
        self._width = label_at - self._data_at
        self._file = data.fileno()
        self._labels = labels
        self._places = {
            _LABEL.unpack(os.pread(self._file, _LABEL.size, self._start + place * self._stride + label_at))[0]: place
            for place in range(elements)
        }

    def get(self, entry_id: str) -> Vector | None:
        place = self._places.get(self._labels.get(entry_id, -1))
        if place is None:
            return None
        return _floats(os.pread(self._file, self._width, self._start + place * self._stride + self._data_at))


class _Metadata:
    """`PersistentData` of ChromaDB 0.x: attributes, nothing else."""

    id_to_label: dict[str, int]


class _Unpickler(pickle.Unpickler):
    """Data only. A pickle can name any function of any module to be called; this one's may name one class."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("chromadb.segment.impl.vector.local_persistent_hnsw", "PersistentData"):
            return _Metadata
        raise InvalidInput(f"The index's metadata wants {module}.{name}, which is no data.")


def _labels(path: Path) -> dict[str, int]:
    """The number of every id in a written index; none where nothing was written yet."""
    if not path.exists():
        return {}
    try:
        with path.open("rb") as file:
            loaded = _Unpickler(file).load()
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError) as exc:
        raise InvalidInput(f"{path} cannot be read: {exc}.") from exc
    labels: dict[str, int] = loaded["id_to_label"] if isinstance(loaded, dict) else loaded.id_to_label
    return labels


def _floats(stored: bytes) -> Vector:
    return array("f", stored[: len(stored) // _FLOAT * _FLOAT])


def _number(stored: Any) -> int:
    """ChromaDB 0.x kept some sequence numbers as big-endian bytes."""
    return int.from_bytes(stored, "big") if isinstance(stored, bytes) else int(stored)


# An entry is of the item that its metadata names, or of the one whose id it has.
SELECT_ENTRIES = """
SELECT coalesce(item.string_value, e.embedding_id) AS old_id, e.embedding_id, headline.string_value,
  summary.string_value
FROM embeddings AS e
LEFT JOIN embedding_metadata AS item ON item.id = e.id AND item.key = 'item_id'
LEFT JOIN embedding_metadata AS headline ON headline.id = e.id AND headline.key = 'headline'
LEFT JOIN embedding_metadata AS summary ON summary.id = e.id AND summary.key = 'summary'
WHERE e.segment_id = ? ORDER BY 1, 2
"""
COUNT_ITEMS = """
SELECT count(DISTINCT coalesce(item.string_value, e.embedding_id))
FROM embeddings AS e LEFT JOIN embedding_metadata AS item ON item.id = e.id AND item.key = 'item_id'
WHERE e.segment_id = ?
"""
SELECT_QUEUE = """
SELECT seq_id, operation, id, vector IS NOT NULL FROM embeddings_queue WHERE seq_id > ? AND topic LIKE ? ORDER BY seq_id
"""
