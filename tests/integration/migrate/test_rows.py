"""SQLite → PostgreSQL: all of it, once, whatever happens in between, and nothing of the source touched."""

import hashlib
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.cleanup.store import CleanupStore
from app.items.models import Status
from app.platform.errors import InvalidInput, NotAuthenticated
from scripts.migrate import previous, rows
from scripts.migrate.rows import WAITS_FOR
from tests.integration.migrate.conftest import Collection
from tests.integration.migrate.previous_application import SAVED, add_analysis, write_sqlite

MOMENT = "2025-11-01T09:30:00"


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    return write_sqlite(tmp_path / "collections.db")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def change(sqlite: Path, statement: str, *parameters: Any) -> None:
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute(statement, parameters)
        connection.commit()


def table(owner: psycopg.Connection, name: str, user_id: UUID) -> list[Any]:
    return owner.execute(f"SELECT * FROM {name} WHERE user_id = %s ORDER BY 2, 3", [user_id]).fetchall()


def test_every_item_arrives_with_its_analyses_and_waits_for_its_image(collection: Collection, sqlite: Path) -> None:
    outcome = collection.migrate_rows(sqlite)

    first, last = collection.item(SAVED[0].old_id), collection.item(SAVED[-1].old_id)
    versions = collection.analyses.versions(collection.user_id, first.item_id)
    assert len(collection.everything()) == len(SAVED)
    assert (first.status, first.waits_for, first.reuse_analysis) == (Status.UPLOADING, WAITS_FOR, True)
    assert first.created_at == datetime(2025, 11, 1, 9, 30, 0, 123456, UTC)
    assert first.original_filename == "IMG receipt-bakery.jpg"
    assert first.object_key == f"{collection.user_id}/images/{first.item_id}/original.jpg"
    assert ([version.version for version in versions], first.generation) == ([2, 1], 2)
    assert versions[0].raw_response["headline"] == "Bakery receipt"
    assert (versions[0].provider_used, versions[0].model_used) == ("anthropic", "claude-sonnet-4-5")
    assert versions[0].created_at == first.created_at
    assert collection.analyses.versions(collection.user_id, last.item_id) == []
    assert outcome.counts["items added"] == len(SAVED)
    assert outcome.counts["analyses added"] == len(SAVED)
    assert outcome.counts["items without an analysis"] == 1
    assert not outcome.reasons


def test_a_second_run_changes_nothing(
    collection: Collection, sqlite: Path, owner: psycopg.Connection, user_id: UUID
) -> None:
    collection.migrate_rows(sqlite)
    before = table(owner, "items", user_id), table(owner, "analyses", user_id)

    outcome = collection.migrate_rows(sqlite)

    assert (table(owner, "items", user_id), table(owner, "analyses", user_id)) == before
    assert outcome.counts["items added"] == outcome.counts["analyses added"] == 0
    assert outcome.counts["items there already"] == outcome.counts["analyses there already"] == len(SAVED)


def test_a_dry_run_counts_and_keeps_nothing(collection: Collection, sqlite: Path) -> None:
    outcome = collection.migrate_rows(sqlite, dry_run=True)

    assert outcome.counts["items added"] == len(SAVED)
    assert collection.everything() == []


def test_nothing_of_the_source_is_touched(collection: Collection, sqlite: Path) -> None:
    before, listed = digests(sqlite.parent), sqlite.stat()

    collection.migrate_rows(sqlite)

    assert digests(sqlite.parent) == before
    assert sqlite.stat().st_mtime_ns == listed.st_mtime_ns


def test_what_is_in_the_write_ahead_log_is_read_and_left_there(collection: Collection, tmp_path: Path) -> None:
    """The application still runs, or was killed."""
    sqlite = tmp_path / "collections.db"
    with closing(sqlite3.connect(sqlite)) as running:
        running.execute("PRAGMA journal_mode = wal")
        running.execute("CREATE TABLE held (x)")
        write_sqlite(sqlite, SAVED[:3])
        before = digests(tmp_path)

        collection.migrate_rows(sqlite)

        assert (tmp_path / "collections.db-wal").stat().st_size > 0
        assert digests(tmp_path) == before
    assert len(collection.everything()) == 3


def test_rows_that_are_none_are_reported_and_do_not_stop_the_rest(collection: Collection, sqlite: Path) -> None:
    broken = [
        ("mime_type", "application/pdf", "mime_type is no kind of image that is taken here"),
        ("created_at", "yesterday", "created_at is no date"),
        ("file_size", -5, "file_size is no number from 0 on"),
        ("id", "", "id is empty"),
        ("original_filename", b"\xff\xfe", "original_filename is no text"),
    ]
    for number, (column, value, _) in enumerate(broken):
        change(sqlite, f"UPDATE items SET {column} = ? WHERE id = ?", value, SAVED[number].old_id)
    change(sqlite, "UPDATE items SET original_filename = CAST(x'ff41' AS TEXT) WHERE id = ?", SAVED[5].old_id)
    raw = {6: "{not json", 7: "[1, 2]", 8: json.dumps({"headline": "no category"}), 9: "[" * 100_000}
    for number, text in raw.items():
        change(sqlite, "UPDATE analyses SET raw_response = ? WHERE item_id = ?", text, SAVED[number].old_id)
    with closing(sqlite3.connect(sqlite)) as connection:
        add_analysis(connection, "nobody", 1, json.dumps(SAVED[0].raw_response), MOMENT)
        connection.execute("UPDATE analyses SET version = 0 WHERE item_id = ?", [SAVED[10].old_id])
        connection.commit()

    outcome = collection.migrate_rows(sqlite)

    assert {reason.partition(": ")[2] for reason in outcome.reasons} == {
        *(reason for _, _, reason in broken),
        "original_filename is no UTF-8",
        "raw_response is no JSON",
        "raw_response is no JSON object",
        "it has no category",
        "version is no number from 1 on",
        "there is no item nobody",
        # The item without an id left its analysis behind.
        f"there is no item {SAVED[3].old_id}",
    }
    assert len(collection.everything()) == len(SAVED) - 6
    rejected = [json.loads(line) for line in outcome.rejected_rows.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert {"kind": "item", "old_id": SAVED[1].old_id, "reason": "created_at is no date"} in rejected


def test_what_providers_wrote_freely_is_made_a_document(collection: Collection, tmp_path: Path) -> None:
    sqlite = write_sqlite(tmp_path / "free.db", SAVED[:1])
    free = {
        "category": "Travel", "headline": "x" * 300, "summary": None, "subcategories": "one", "mood": "calm",
        "image_details": {"extracted_text": "first line\nsecond \x00line", "objects": None, "themes": [1, None, "sea"]},
        "media_metadata": None,
    }  # fmt: skip
    change(sqlite, "UPDATE analyses SET raw_response = ?", json.dumps(free))

    outcome = collection.migrate_rows(sqlite)

    item = collection.item(SAVED[0].old_id)
    document = collection.analyses.latest(collection.user_id, [item.item_id])[item.item_id].raw_response
    assert (document["category"], document["headline"], document["summary"]) == ("Travel", "x" * 140, "")
    assert document["subcategories"] == ["one"]
    assert document["image_details"]["extracted_text"] == ["first line", "second line"]
    assert document["image_details"]["themes"] == ["1", "sea"]
    assert outcome.counts["analyses without their 'mood'"] == 2


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\x00 and then nothing"])
def test_what_is_no_database_is_told_in_one_line(collection: Collection, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.db"
    path.write_bytes(content)

    with pytest.raises(InvalidInput, match=r"other\.db"):
        collection.migrate_rows(path)


def test_another_users_collection_is_as_it_was(
    collection: Collection, collection_of: Callable[[UUID], Collection], sqlite: Path, owner: psycopg.Connection
) -> None:
    stranger = collection_of(uuid4())
    stranger.migrate_rows(sqlite)
    before = [table(owner, name, stranger.user_id) for name in ("items", "analyses")]

    collection.migrate_rows(sqlite)

    assert [table(owner, name, stranger.user_id) for name in ("items", "analyses")] == before
    assert {item.item_id for item in collection.everything()}.isdisjoint(
        {item.item_id for item in stranger.everything()}
    )


def test_nothing_comes_back_into_a_deleted_account(
    collection: Collection, sqlite: Path, owner: psycopg.Connection, user_id: UUID
) -> None:
    owner.execute("INSERT INTO deleted_users (user_id) VALUES (%s)", [user_id])

    with pytest.raises(NotAuthenticated):
        collection.migrate_rows(sqlite)


def test_cleanup_leaves_alone_what_waits_for_its_image(
    collection: Collection, sqlite: Path, owner: psycopg.Connection, user_id: UUID, cleanup_items: CleanupStore
) -> None:
    collection.migrate_rows(sqlite)
    owner.execute(
        "UPDATE items SET updated_at = %s WHERE user_id = %s", [datetime.now(UTC) - timedelta(days=9), user_id]
    )

    unsettled = {item.ref.user_id for item in cleanup_items.unsettled(older_than_seconds=900)}

    assert user_id not in unsettled


def test_an_analysis_that_came_later_does_not_take_the_number_of_one_that_was_made_here(
    collection: Collection, sqlite: Path
) -> None:
    collection.migrate_rows(sqlite)
    with closing(sqlite3.connect(sqlite)) as connection:
        add_analysis(connection, SAVED[1].old_id, 2, json.dumps(SAVED[0].raw_response), MOMENT)
        connection.commit()

    outcome = collection.migrate_rows(sqlite)

    assert dict(outcome.reasons) == {"analysis: the migrated item went on without it": 1}


KILLED = """
import sys
from io import StringIO
from pathlib import Path
from uuid import UUID
from app.platform.database import Database
from app.platform.settings import DatabaseSettings
from scripts.migrate import previous, rows
from scripts.migrate.report import Outcome

def stop(count):
    print(count, flush=True)
    sys.stdin.readline()

database = Database(DatabaseSettings(database_url=sys.argv[1]))
found, user_id = previous.read(Path(sys.argv[2])), UUID(sys.argv[3])
rows.migrate(found, user_id, database=database, outcome=Outcome(StringIO()), advance=stop)
"""


def test_killed_in_the_middle_it_goes_on_where_it_stopped(
    collection: Collection, tmp_path: Path, app_url: str, user_id: UUID
) -> None:
    many = [replace(SAVED[0], file=f"invented-{number}.jpg") for number in range(3 * rows.BATCH)]
    sqlite = write_sqlite(tmp_path / "many.db", many)
    command = [sys.executable, "-c", KILLED, app_url, str(sqlite), str(user_id)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"{rows.BATCH}\n"
        process.kill()
    after_the_kill = {item.item_id for item in collection.everything()}

    outcome = collection.migrate_rows(sqlite)

    assert len(after_the_kill) == rows.BATCH
    assert outcome.counts["items there already"] == rows.BATCH
    assert {item.item_id for item in collection.everything()} == {
        previous.new_item_id(user_id, each.old_id) for each in many
    }


def test_the_same_old_id_is_always_the_same_new_one() -> None:
    user_id = UUID("11111111-2222-4333-8444-555555555555")

    assert previous.new_item_id(user_id, "a") == UUID("b6160c2c-65f7-50e3-9873-642acf537e0d")
    assert previous.new_item_id(uuid4(), "a") != previous.new_item_id(user_id, "a")
