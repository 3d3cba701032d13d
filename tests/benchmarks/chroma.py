"""ChromaDB as many users share it: one collection, `where={"user_id": …}`. Runs in an environment of its own.

    python -m tests.benchmarks.chroma FOLDER ROWS OWN_ROWS

It fills FOLDER once with OWN_ROWS of the corpus of ROWS (all of the measured tenants' items, and others'), says so in a
line, and then answers lines: {"size": of the tenant, "category": or null, "vectors": base64 of (n, 1024) float32}
becomes {"milliseconds": [n], "ids": [n][10]}.
"""

import base64
import json
import sys
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import chromadb
import numpy as np

from tests.benchmarks.search_corpus import DIMENSIONS, Chunk, Corpus

_BATCH = 2_000


def main(folder: str, rows: int, own_rows: int) -> None:
    corpus = Corpus(rows)
    client = chromadb.PersistentClient(folder, settings=chromadb.Settings(anonymized_telemetry=False))
    collection = client.get_or_create_collection("items", configuration={"hnsw": {"space": "cosine"}})
    started = time.perf_counter()
    if collection.count() < own_rows:
        _fill(collection, corpus, own_rows)
    _say({"rows": collection.count(), "seconds": round(time.perf_counter() - started)})
    for line in sys.stdin:
        _say(_answer(collection, corpus, json.loads(line)))


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


def _fill(collection: Any, corpus: Corpus, own_rows: int) -> None:
    """The measured tenants' items and as many others as fit, in the order of arrival, as in the database."""
    measured = {str(corpus.tenant(size)) for size in corpus.sizes}
    others_left = own_rows - sum(corpus.sizes)
    for chunk in corpus.chunks():
        owners = _ids(chunk.owners)
        taken = []
        for row, owner in enumerate(owners):
            if owner in measured or others_left > 0:
                others_left -= owner not in measured
                taken.append(row)
        for start in range(0, len(taken), _BATCH):
            _add(collection, chunk, owners, taken[start : start + _BATCH])


def _add(collection: Any, chunk: Chunk, owners: list[str], rows: list[int]) -> None:
    ids = _ids(chunk.ids)
    collection.upsert(
        ids=[ids[row] for row in rows],
        embeddings=chunk.vectors[rows].astype(np.float32),
        metadatas=[{"user_id": owners[row], "category": chunk.categories[row]} for row in rows],
    )


def _ids(packed: Any) -> list[str]:
    return [str(UUID(bytes=each.tobytes())) for each in packed]


def _answer(collection: Any, corpus: Corpus, asked: dict[str, Any]) -> dict[str, Any]:
    vectors = np.frombuffer(base64.b64decode(asked["vectors"]), dtype=np.float32).reshape(-1, DIMENSIONS)
    where: dict[str, Any] = {"user_id": str(corpus.tenant(asked["size"]))}
    if asked["category"]:
        where = {"$and": [where, {"category": asked["category"]}]}
    milliseconds, ids = [], []
    for vector in vectors:
        started = time.perf_counter()
        found = collection.query(query_embeddings=[vector], n_results=10, where=where, include=["distances"])
        milliseconds.append((time.perf_counter() - started) * 1000)
        ids.append(found["ids"][0])
    return {"milliseconds": milliseconds, "ids": ids}


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
