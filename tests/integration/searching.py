"""What the tests of the search statement share: a tenant's items, and how its statements are planned."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg

from app.items.s3 import original_key
from app.items.store import ItemStore, NewItem
from app.platform.database import Database
from app.platform.settings import DatabaseSettings, SearchSettings
from app.search import store
from app.search.models import DIMENSIONS, Document, Hit, Ranking, SearchFilter, SearchType
from app.search.store import SearchStore

MODEL = "test-model"
# Fusion by ranks, as these tests work it out; test_search_answers.py has fusion by scores.
SETTINGS = SearchSettings(hybrid_fusion="ranks")
NOWHERE = SearchFilter()
# What the statement ranks; an agentic search is several of these (app/search/agentic.py).
RANKINGS = (SearchType.BM25, SearchType.VECTOR, SearchType.HYBRID)


@dataclass
class Tenant:
    """One user's searchable items."""

    database: Database
    user_id: UUID
    settings: SearchSettings = SETTINGS

    def add(self, text: str, *, vector: Sequence[float] | None = None, model: str = MODEL, **columns: Any) -> UUID:
        """An item whose whole document is `text`."""
        return self.add_document(Document("", "", text), vector=vector, model=model, **columns)

    def add_document(
        self, document: Document, *, vector: Sequence[float] | None = None, model: str = MODEL, **columns: Any
    ) -> UUID:
        items, item_id = ItemStore(self.database), uuid4()
        key = original_key(self.user_id, item_id, "image/png")
        items.add(NewItem(self.user_id, item_id, key, "photo.png", "image/png", 1))
        with self.database.tenant(self.user_id) as connection:
            if columns:
                assignments = ", ".join(f"{name} = %({name})s" for name in columns)
                connection.execute(
                    f"UPDATE items SET {assignments} WHERE item_id = %(item_id)s".encode(),
                    columns | {"item_id": item_id},
                )
        item = items.get(self.user_id, item_id)
        assert item is not None
        with self.database.tenant(self.user_id) as connection:
            store.save(connection, item, document, list(vector or pointing(0)), model)
        return item_id

    def search(self, query: str = "", search_type: SearchType = SearchType.BM25, **asked: Any) -> list[Hit]:
        """What `ranking` finds."""
        return self.ranking(query, search_type, **asked).hits

    def ranking(
        self,
        query: str = "",
        search_type: SearchType = SearchType.BM25,
        *,
        vector: Sequence[float] | None = None,
        narrow: SearchFilter = NOWHERE,
        top_k: int = 10,
        model: str = MODEL,
    ) -> Ranking:
        return SearchStore(self.database, self.settings).search(
            self.user_id,
            query=query,
            vector=list(vector) if vector is not None else None,
            embedding_model=model,
            search_type=search_type,
            narrow=narrow,
            top_k=top_k,
        )

    def rows(self, where: str = "true") -> list[dict[str, Any]]:
        """What the index holds: every document's lexemes with their counts, its length, its vector."""
        statement = f"""
            SELECT item_id, s.doc_len, embedding::text AS embedding,
              (SELECT coalesce(json_object_agg(lexeme, tf), '{{}}') FROM item_postings AS p
               WHERE p.user_id = s.user_id AND p.item_id = s.item_id) AS counts
            FROM item_search AS s JOIN item_vectors USING (user_id, item_id) WHERE user_id = %s AND {where}
        """
        with self.database.tenant(self.user_id) as connection:
            return connection.execute(statement.encode(), [self.user_id]).fetchall()

    def lexemes(self, query: str) -> dict[str, int]:
        statement = "SELECT lexeme, cardinality(positions) AS count FROM unnest(to_tsvector('english', %s))"
        with self.database.tenant(self.user_id) as connection:
            return {row["lexeme"]: row["count"] for row in connection.execute(statement, [query]).fetchall()}


def pointing(direction: int, lean: float = 0.0) -> list[float]:
    """A unit vector along one axis, leaning towards the next."""
    vector = [0.0] * DIMENSIONS
    vector[direction], vector[direction + 1] = math.sqrt(1 - lean * lean), lean
    return vector


class Explaining(Database):
    """Plans every statement instead of running it."""

    options = "FORMAT JSON"

    @contextmanager
    def tenant(self, user_id: UUID) -> Iterator[Any]:
        with super().tenant(user_id) as connection:
            yield _Planner(connection, self)

    plans: list[dict[str, Any]]


@dataclass
class _Planner:
    connection: Any
    database: Explaining

    def execute(self, statement: bytes, parameters: Mapping[str, Any]) -> "_Planner":
        explained = f"EXPLAIN ({self.database.options}) ".encode() + statement
        self.database.plans = [row["QUERY PLAN"] for row in self.connection.execute(explained, parameters).fetchall()]
        return self

    def fetchall(self) -> list[Any]:
        return []


TABLES = {"items", "item_search", "item_postings", "item_vectors", "analyses"}


def nodes(plan: Any) -> Iterator[dict[str, Any]]:
    if isinstance(plan, list):
        for entry in plan:
            yield from nodes(entry)
    elif isinstance(plan, dict):
        if "Node Type" in plan:
            yield plan
        for value in plan.values():
            yield from nodes(value)


@contextmanager
def explained(app_url: str, options: str = "FORMAT JSON") -> Iterator[Explaining]:
    """A database that plans; its `plans` are those of the last statement."""
    explaining = Explaining(DatabaseSettings(database_url=app_url))
    explaining.options = options
    try:
        yield explaining
    finally:
        explaining.close()


def assert_reads_one_tenant(plans: list[dict[str, Any]]) -> None:
    """Every table by an index, and every index by the tenant."""
    found = list(nodes(plans))
    assert {node["Relation Name"] for node in found if "Relation Name" in node} >= TABLES
    assert not [node for node in found if node["Node Type"] == "Seq Scan"]
    by_index = [node for node in found if "Index Name" in node]
    assert not [node["Index Name"] for node in by_index if not re.search(r"\buser_id = ", node.get("Index Cond", ""))]


def given_crowd(owner: psycopg.Connection) -> list[UUID]:
    """Twenty thousand items of two hundred other tenants, all alike."""
    user_ids = [uuid4() for _ in range(200)]
    owner.execute(
        """
        INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size)
        SELECT user_id, gen_random_uuid(), 'ready', n::text, 'x.png', 'image/png', 1
        FROM unnest(%s) AS user_id CROSS JOIN generate_series(1, 100) AS n
        """,
        [user_ids],
    )
    owner.execute(
        """
        WITH facts AS (
          INSERT INTO item_search (user_id, item_id, occurred_at, doc_len)
          SELECT user_id, item_id, created_at, 2 FROM items WHERE user_id = ANY(%s) RETURNING *
        ),
        postings AS (
          INSERT INTO item_postings (user_id, item_id, doc_len, tf, lexeme)
          SELECT user_id, item_id, doc_len, 1, lexeme FROM facts CROSS JOIN unnest('{lemon,tart}'::text[]) AS lexeme
        )
        INSERT INTO item_vectors (user_id, item_id, embedding, embedding_model, document_hash)
        SELECT user_id, item_id, %s::halfvec, %s, '' FROM facts
    """,
        [user_ids, json.dumps(pointing(0)), MODEL],
    )
    owner.execute(
        """
        INSERT INTO analyses (user_id, item_id, analysis_id, version, raw_response, provider_used, model_used,
          prompt_version)
        SELECT user_id, item_id, gen_random_uuid(), 1, '{}', 'p', 'm', 'v' FROM items WHERE user_id = ANY(%s)
    """,
        [user_ids],
    )
    return user_ids
