"""Writes a ChromaDB directory as years of use leave it. Run by `make_chroma`, where `chromadb` is installed.

Some vectors are in the written index and some in the queue still; one entry was deleted, one changed, one added twice.
"""

import json
import sys
from pathlib import Path

import chromadb

asked = json.load(sys.stdin)
folder, (name, other), saved = Path(asked["folder"]), asked["names"], asked["saved"]
client = chromadb.PersistentClient(str(folder), settings=chromadb.Settings(anonymized_telemetry=False))


def add(collection, entries, ids=None, **changes):
    collection.add(
        ids=ids or [entry["item_id"] for entry in entries],
        embeddings=[changes.get("vector", entry["vector"]) for entry in entries],
        documents=[entry["text"] for entry in entries],
        metadatas=[{key: entry[key] for key in ("item_id", "headline", "summary")} for entry in entries],
    )


small = {"hnsw:space": "cosine", "hnsw:batch_size": 3, "hnsw:sync_threshold": 5}
collection = client.create_collection(name, metadata=small)
add(collection, saved[:10])
add(collection, [{**saved[0], "item_id": "deleted-later"}])
collection.delete(ids=["deleted-later"])
# What is deleted in the index, and a vector that a later one took the place of.
collection.delete(ids=[saved[1]["item_id"]])
add(collection, saved[1:2])
collection.update(ids=[saved[2]["item_id"]], embeddings=[saved[3]["vector"]])
collection.upsert(
    ids=[saved[2]["item_id"]],
    embeddings=[saved[2]["vector"]],
    documents=[saved[2]["text"]],
    metadatas=[{key: saved[2][key] for key in ("item_id", "headline", "summary")}],
)
# Adding what is there changes nothing.
add(collection, saved[4:5], vector=saved[5]["vector"])
# One item in two pieces, whose entries have ids of their own.
add(collection, [saved[10], saved[10]], ids=["piece-1", "piece-2"])
add(collection, saved[11:])
add(
    client.create_collection(other, metadata={"hnsw:space": "l2", "embedding_model": "text-embedding-3-small"}),
    saved[:3],
    vector=[3.0, 4.0],
)

said = {}
for each in (collection, client.get_collection(other)):
    found = each.get(include=["embeddings", "metadatas"])
    said[each.name] = {
        id_: {"item_id": metadata["item_id"], "vector": [round(float(number), 6) for number in vector]}
        for id_, metadata, vector in zip(found["ids"], found["metadatas"], found["embeddings"], strict=True)
    }
(folder.parent / f"{folder.name}.json").write_text(json.dumps(said))
