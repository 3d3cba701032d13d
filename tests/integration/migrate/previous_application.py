"""The previous application's data, as its own code wrote it: a SQLite file, and images called as their items.

Its ChromaDB directories are beside this file, one written by each of ChromaDB's engines: `make_chroma`.
"""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from PIL import Image

CHROMA = {engine: Path(__file__).with_name("chroma") / engine for engine in ("0.6", "1.5")}
COLLECTION, OTHER_COLLECTION = "collections_vectors_prod", "collections_vectors_golden"
MODEL = "all-MiniLM-L6-v2"
_NAMES = UUID("6f5f4c6e-0df5-4c53-9d1e-3f1f7b0a2a55")


@dataclass(frozen=True)
class Saved:
    """One image with what was said of it."""

    file: str
    category: str
    headline: str
    summary: str
    text: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()

    @property
    def old_id(self) -> str:
        return str(uuid5(_NAMES, self.file))

    @property
    def stored_as(self) -> str:
        return f"{self.old_id}{Path(self.file).suffix}"

    @property
    def raw_response(self) -> dict[str, Any]:
        return {
            "category": self.category,
            "subcategories": [self.category.lower(), "saved"],
            "headline": self.headline,
            "summary": self.summary,
            "image_details": {
                "extracted_text": list(self.text),
                "objects": list(self.objects),
                "themes": ["daily life"],
            },
            "media_metadata": {"original_poster": "", "hashtags": [], "location_tags": []},
        }

    @property
    def flat_text(self) -> str:
        """What it embedded: every field once, one after another."""
        fields = [self.summary, self.headline, self.category, *self.text, "daily life", *self.objects]
        return " ".join(field for field in fields if field)


SAVED = (
    Saved(
        "receipt-bakery.jpg",
        "Shopping",
        "Bakery receipt",
        "Bread and rolls, paid by card.",
        ("Krume & Korn",),
        ("receipt",),
    ),
    Saved(
        "receipt-groceries.jpg",
        "Shopping",
        "Supermarket receipt",
        "Vegetables, milk and coffee.",
        ("TOTAL",),
        ("receipt",),
    ),
    Saved("recipe-soup.jpg", "Food", "Recipe for a soup", "Lentils, carrots and cumin, half an hour.", (), ("page",)),
    Saved(
        "ticket-nordlinie.jpg", "Travel", "Ferry ticket", "A crossing by ferry in summer.", ("Nordlinie",), ("ticket",)
    ),
    Saved("ferry.jpg", "Travel", "A white ferry at the pier", "A ship waits in the harbour.", (), ("ferry", "water")),
    Saved("riverside.webp", "Travel", "Walk along the river", "A path under trees beside the water.", (), ("river",)),
    Saved(
        "sneakers-for-sale.jpg", "Fashion", "Sneakers for sale", "A pair of running shoes, hardly worn.", (), ("shoes",)
    ),
    Saved("scarf.webp", "Fashion", "Wool scarf", "A long knitted scarf.", (), ("scarf",)),
    Saved(
        "poster-kupferhalle.jpg",
        "Events",
        "Concert poster",
        "A band plays in the Kupferhalle.",
        ("Kupferhalle",),
        ("poster",),
    ),
    Saved(
        "wifi-note.jpg",
        "Home",
        "Wi-Fi password on a note",
        "The network's name and its password.",
        ("WiFi",),
        ("note",),
    ),
    Saved("kitchen.jpg", "Home", "A small kitchen", "Shelves, a window and a green wall.", (), ("shelf", "window")),
    Saved("desk-setup.jpg", "Home", "A desk with two screens", "A tidy place to work at.", (), ("desk", "screen")),
    Saved(
        "warranty-card.jpg", "Documents", "Warranty of a coffee machine", "Two years from the purchase.", (), ("card",)
    ),
    Saved("letter-2026-04.jpg", "Documents", "Letter of the landlord", "The rent changes in June.", (), ("letter",)),
)


def write_sqlite(path: Path, saved: Sequence[Saved] = SAVED) -> Path:
    """With two versions of the first item's analysis, as after a second look, and none of the last item's."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SCHEMA)
        for number, each in enumerate(saved):
            moment = f"2025-11-{number % 28 + 1:02}T09:30:00.123456"
            connection.execute(
                "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    each.old_id,
                    each.stored_as,
                    f"IMG {each.file}",
                    f"./data/images/{each.stored_as}",
                    1000,
                    mime_type(each.file),
                    moment,
                    moment,
                ],
            )
            for version in range(1, 3 if number == 0 else 1 if each is saved[-1] and len(saved) > 1 else 2):
                add_analysis(connection, each.old_id, version, json.dumps(each.raw_response), moment)
        connection.commit()
    return path


def add_analysis(connection: sqlite3.Connection, old_id: str, version: int, raw: Any, moment: str) -> None:
    connection.execute(
        "INSERT INTO analyses (id, item_id, version, category, summary, raw_response, provider_used, model_used,"
        " trace_id, created_at) VALUES (?, ?, ?, NULL, NULL, ?, 'anthropic', 'claude-sonnet-4-5', NULL, ?)",
        [f"{old_id}-{version}", old_id, version, raw, moment],
    )


def write_images(folder: Path, saved: Sequence[Saved] = SAVED) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for each in saved:
        # Small, and no two alike: what is in them is nobody's business here.
        Image.new("RGB", (64, 48), (SAVED.index(each) * 16, 90, 160)).save(folder / each.stored_as)
    return folder


def mime_type(file: str) -> str:
    return {"jpg": "image/jpeg", "webp": "image/webp", "png": "image/png"}[file.rsplit(".", 1)[1]]


# Its tables, its full-text index and what it noted of vectors. Of sqlite-vec there is the entry of a virtual table
# whose module nobody has loaded here.
SCHEMA = """
CREATE TABLE items (
  id TEXT PRIMARY KEY, filename TEXT NOT NULL, original_filename TEXT, file_path TEXT NOT NULL, file_size INTEGER,
  mime_type TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL
);
CREATE TABLE analyses (
  id TEXT PRIMARY KEY, item_id TEXT NOT NULL, version INTEGER NOT NULL DEFAULT 1, category TEXT, summary TEXT,
  raw_response TEXT, provider_used TEXT, model_used TEXT, trace_id TEXT, created_at TEXT NOT NULL,
  FOREIGN KEY (item_id) REFERENCES items(id) ON DELETE CASCADE
);
CREATE INDEX idx_analyses_item_id ON analyses(item_id);
CREATE INDEX idx_analyses_category ON analyses(category);
CREATE VIRTUAL TABLE items_fts USING fts5(item_id UNINDEXED, content, tokenize='unicode61 remove_diacritics 2');
CREATE TABLE embeddings (
  id TEXT PRIMARY KEY, item_id TEXT NOT NULL, analysis_id TEXT NOT NULL, embedding_model TEXT NOT NULL,
  embedding_dimensions INTEGER NOT NULL, embedding_source TEXT NOT NULL, created_at TEXT NOT NULL
);
PRAGMA writable_schema = on;
INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql)
  VALUES ('table', 'vec_items', 'vec_items', 0, 'CREATE VIRTUAL TABLE vec_items USING vec0(embedding float[1024])');
PRAGMA writable_schema = off;
"""
