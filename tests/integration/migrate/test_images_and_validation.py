"""Images through the pipeline, without paying for what is known; and the proof that all of it arrived."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.items import s3
from app.items.models import Status
from app.platform.errors import Unavailable
from scripts.migrate import chroma, images, previous, validate
from scripts.migrate.rows import WAITS_FOR
from tests.integration.migrate.conftest import Collection
from tests.integration.migrate.previous_application import CHROMA, COLLECTION, MODEL, SAVED, write_images, write_sqlite
from tests.integration.migrate.test_rows import digests


@pytest.fixture
def sqlite(tmp_path: Path) -> Path:
    return write_sqlite(tmp_path / "collections.db")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_images(tmp_path / "images")


@pytest.fixture
def migrated(collection: Collection, sqlite: Path, folder: Path) -> Collection:
    collection.migrate_rows(sqlite)
    collection.migrate_vectors(CHROMA["1.5"])
    collection.migrate_images(folder)
    collection.run_pipeline()
    return collection


def keys(collection: Collection) -> list[str]:
    return [entry["Key"] for entry in collection.s3.list_objects_v2(Bucket=collection.bucket).get("Contents", [])]


def test_every_item_is_ready_and_nobody_was_paid_for_what_was_known(migrated: Collection) -> None:
    everything = migrated.everything()

    assert {item.status for item in everything} == {Status.READY}
    # The item that had no analysis is described; it and the one whose text was cut into pieces are embedded.
    assert (migrated.analyzer.calls, migrated.embedder.texts) == (1, 2)
    first = migrated.item(SAVED[0].old_id)
    assert [version.version for version in migrated.analyses.versions(migrated.user_id, first.item_id)] == [2, 1]
    assert set(keys(migrated)) == {
        key
        for item in everything
        for key in s3.keys_of(item.user_id, item.item_id, item.object_key, {item.rendition_generation})
    }


def test_what_the_folder_has_is_sent_once(migrated: Collection, folder: Path) -> None:
    before = migrated.everything()

    outcome = migrated.migrate_images(folder)
    migrated.run_pipeline()

    assert outcome.counts["there already"] == len(SAVED)
    assert migrated.everything() == before


def test_it_goes_on_after_a_crash_between_object_and_row(collection: Collection, sqlite: Path, folder: Path) -> None:
    collection.migrate_rows(sqlite)
    item = collection.item(SAVED[0].old_id)
    collection.images.put(item.object_key, (folder / SAVED[0].stored_as).read_bytes(), content_type="image/jpeg")

    outcome = collection.migrate_images(folder)

    assert outcome.counts["on their way already"] == 1
    assert outcome.counts["sent"] == len(SAVED) - 1
    assert {item.waits_for for item in collection.everything()} == {None}


def test_what_was_sent_before_the_image_store_failed_waits_no_more(
    collection: Collection, sqlite: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.migrate_rows(sqlite)
    first = next(images.files(folder))
    put = collection.images.put

    def put_one(key: str, body: bytes, *, content_type: str) -> None:
        if body != first.read_bytes():
            raise Unavailable("The image store does not answer.")
        put(key, body, content_type=content_type)

    monkeypatch.setattr(collection.images, "put", put_one)
    with pytest.raises(Unavailable):
        collection.migrate_images(folder)

    sent = collection.item(first.stem)
    assert sent.waits_for is None
    assert {item.waits_for for item in collection.everything() if item.item_id != sent.item_id} == {WAITS_FOR}


def test_a_dry_run_sends_nothing(collection: Collection, sqlite: Path, folder: Path) -> None:
    collection.migrate_rows(sqlite)

    outcome = collection.migrate_images(folder, dry_run=True)

    assert outcome.counts["to be sent"] == len(SAVED)
    assert keys(collection) == []


def test_nothing_of_the_folder_is_touched(collection: Collection, sqlite: Path, folder: Path) -> None:
    before = digests(folder)
    collection.migrate_rows(sqlite)

    collection.migrate_images(folder)

    assert digests(folder) == before


def test_files_that_are_no_items_image_are_reported(collection: Collection, sqlite: Path, folder: Path) -> None:
    collection.migrate_rows(sqlite)
    (folder / "holiday.jpg").write_bytes(b"nobody knows me")
    (folder / SAVED[1].stored_as).write_bytes(b"")
    (folder / SAVED[2].stored_as).write_bytes(b"this is no image")

    outcome = collection.migrate_images(folder)
    collection.run_pipeline()
    again = collection.migrate_images(folder)

    assert dict(outcome.reasons) == {
        "image: there is no such item: run migrate-db first": 1,
        "image: empty, or larger than 50 MiB": 1,
    }
    assert again.reasons["image: the pipeline refused it: not_an_image"] == 1
    assert collection.item(SAVED[2].old_id).status is Status.FAILED
    assert collection.item(SAVED[3].old_id).status is Status.READY


def test_files_with_names_of_their_own_are_found_by_the_database(
    collection: Collection, sqlite: Path, folder: Path
) -> None:
    with closing(sqlite3.connect(sqlite)) as connection:
        connection.execute("UPDATE items SET filename = 'mine.jpg' WHERE id = ?", [SAVED[0].old_id])
        connection.execute("UPDATE items SET file_path = 'C:\\images\\yours.jpg' WHERE id = ?", [SAVED[1].old_id])
        connection.commit()
    (folder / SAVED[0].stored_as).rename(folder / "mine.jpg")
    (folder / SAVED[1].stored_as).rename(folder / "yours.jpg")
    collection.migrate_rows(sqlite)

    with previous.stored_names(sqlite) as old_id_of:
        outcome = collection.migrate_images(folder, old_id_of=old_id_of)

    assert outcome.counts["sent"] == len(SAVED)


def test_two_items_of_one_image_become_one_and_stay_one(collection: Collection, sqlite: Path, folder: Path) -> None:
    shutil.copyfile(folder / SAVED[0].stored_as, folder / SAVED[1].stored_as)
    collection.migrate_rows(sqlite)
    collection.migrate_images(folder)
    # Both at once; the one that came second is tried again.
    collection.run_pipeline()
    collection.run_pipeline()

    again = collection.migrate_rows(sqlite)
    counts, fields, _ = validate.rows(previous.read(sqlite), collection.user_id, collection.against)
    checked = validate.checksums(folder, collection.user_id, collection.against)

    assert len(collection.everything()) == len(SAVED) - 1
    assert again.counts["items of an image that is there already"] == 1
    assert (counts.first, fields.first, checked.first) == ([], [], [])


def test_progress_tells_what_waits_from_what_moves(collection: Collection, sqlite: Path, folder: Path) -> None:
    collection.migrate_rows(sqlite)
    before = images.progress(collection.user_id, collection.database)
    (folder / SAVED[0].stored_as).unlink()
    collection.migrate_images(folder)
    sent = images.progress(collection.user_id, collection.database)
    collection.run_pipeline()

    assert (before.waiting, before.under_way) == (len(SAVED), 0)
    assert (sent.waiting, sent.under_way) == (1, len(SAVED) - 1)
    assert images.progress(collection.user_id, collection.database).ready == len(SAVED) - 1


def checks(collection: Collection, sqlite: Path, folder: Path, model: str = MODEL) -> dict[str, validate.Check]:
    counts, fields, sample = validate.rows(previous.read(sqlite), collection.user_id, collection.against)
    made = [counts, fields, validate.checksums(folder, collection.user_id, collection.against)]
    with chroma.directory(CHROMA["1.5"]) as opened:
        chosen = opened.collection(COLLECTION)
        made.append(validate.vectors(opened.read(chosen), collection.user_id, collection.against))
        made.append(
            validate.searches(
                lambda: opened.read(chosen), collection.user_id, collection.against, model=model, asked=sample
            )
        )
    return {check.name: check for check in made}


def wrong(found: dict[str, validate.Check]) -> set[str]:
    return {name for name, check in found.items() if not check.is_good}


@pytest.mark.parametrize("model", [MODEL, "another"])
def test_validation_finds_everything_as_it_was(migrated: Collection, sqlite: Path, folder: Path, model: str) -> None:
    """By the same model it asks for headlines; where another one made the old vectors, for what is like an item."""
    found = checks(migrated, sqlite, folder, model)

    assert wrong(found) == set(), found
    assert {name: check.compared for name, check in found.items()} == {
        "counts": 2 * len(SAVED),
        "fields": len(SAVED),
        "images": len(SAVED),
        "vectors": len(SAVED),
        "searches": len(SAVED) - (1 if model == MODEL else 0),
    }


def test_a_missing_item_is_told(migrated: Collection, sqlite: Path, folder: Path, owner: psycopg.Connection) -> None:
    owner.execute("DELETE FROM items WHERE item_id = %s", [migrated.item(SAVED[0].old_id).item_id])

    found = checks(migrated, sqlite, folder)

    assert {"counts", "images"} <= wrong(found)
    assert found["counts"].first == [f"item {SAVED[0].old_id} is missing"]


def test_a_missing_analysis_is_told(
    migrated: Collection, sqlite: Path, folder: Path, owner: psycopg.Connection
) -> None:
    item_id = migrated.item(SAVED[0].old_id).item_id
    owner.execute("DELETE FROM analyses WHERE item_id = %s AND version = 1", [item_id])

    assert wrong(checks(migrated, sqlite, folder)) == {"counts"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE items SET original_filename = 'other' WHERE item_id = %s",
        "UPDATE items SET created_at = created_at + interval '1 second' WHERE item_id = %s",
        "UPDATE analyses SET model_used = 'other' WHERE item_id = %s",
        "UPDATE analyses SET raw_response = jsonb_set(raw_response, '{summary}', '\"other\"') WHERE item_id = %s",
    ],
)
def test_a_changed_field_is_told(
    migrated: Collection, sqlite: Path, folder: Path, owner: psycopg.Connection, statement: str
) -> None:
    owner.execute(statement, [migrated.item(SAVED[3].old_id).item_id])

    assert wrong(checks(migrated, sqlite, folder)) == {"fields"}


def test_a_changed_file_is_told(migrated: Collection, sqlite: Path, folder: Path) -> None:
    with (folder / SAVED[4].stored_as).open("ab") as file:
        file.write(b"!")

    found = checks(migrated, sqlite, folder)

    assert wrong(found) == {"images"}
    assert "its bytes are others" in found["images"].first[0]


def test_a_replaced_object_is_told(migrated: Collection, sqlite: Path, folder: Path) -> None:
    migrated.images.put(migrated.item(SAVED[4].old_id).object_key, b"other", content_type="image/jpeg")

    assert wrong(checks(migrated, sqlite, folder)) == {"images"}


def test_searches_that_find_something_else_are_told(
    migrated: Collection, sqlite: Path, folder: Path, owner: psycopg.Connection
) -> None:
    owner.execute("DELETE FROM item_search WHERE user_id = %s AND item_id <> ALL(%s)", [
        migrated.user_id, [migrated.item(each.old_id).item_id for each in SAVED[:4]],
    ])  # fmt: skip

    found = checks(migrated, sqlite, folder)

    assert {"vectors", "searches"} <= wrong(found)


def test_another_users_collection_does_not_count(
    migrated: Collection, collection_of: Callable[[UUID], Collection], sqlite: Path
) -> None:
    counts, _, _ = validate.rows(previous.read(sqlite), uuid4(), migrated.against)

    assert counts.wrong == len(SAVED)


def test_a_sample_is_of_all_of_it(tmp_path: Path) -> None:
    drawn: Any = validate.Sample(10)
    for number in range(1000):
        drawn.offer(number)

    assert len(set(drawn.chosen)) == 10
    assert max(drawn.chosen) > 500
