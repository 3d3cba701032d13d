"""ChromaDB's directories, read as they lie there, and what becomes of their vectors."""

import json
import pickle
import shutil
import sqlite3
import time
from array import array
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.analysis.store import AnalysisStore, document_of
from app.items.models import Status
from app.items.store import ItemStore
from app.platform import migrations
from app.platform.database import Database
from app.platform.errors import InvalidInput
from app.platform.events import AnalysisComplete
from app.platform.settings import DatabaseSettings, SearchSettings
from app.search import documents, store
from app.search.local import WIDTH, LocalEmbedder
from app.search.models import SearchFilter, SearchType
from app.search.store import SearchStore
from scripts.migrate import chroma, previous, rows, vectors
from scripts.migrate.report import Outcome
from tests.fakes import RecordingEvents
from tests.integration.migrate.conftest import Collection
from tests.integration.migrate.previous_application import (
    CHROMA,
    COLLECTION,
    MODEL,
    OTHER_COLLECTION,
    SAVED,
    write_images,
    write_sqlite,
)
from tests.integration.migrate.test_rows import digests

# Its text was cut into two pieces; the last item has no analysis in the SQLite file.
IN_PIECES = SAVED[10]
WHOLE = [each for each in SAVED[:-1] if each is not IN_PIECES]


@pytest.fixture(params=CHROMA)
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what one of the engines wrote: a test that changes it spoils nobody else's."""
    return Path(shutil.copytree(CHROMA[request.param], tmp_path / request.param))


@pytest.fixture
def filled(collection: Collection, tmp_path: Path) -> Collection:
    collection.migrate_rows(write_sqlite(tmp_path / "collections.db"))
    return collection


def said_by_the_package(directory: Path, name: str) -> dict[str, list[list[float]]]:
    said: dict[str, list[list[float]]] = {}
    everything = json.loads((CHROMA["1.5"].parent / f"{directory.name}.json").read_text())
    for entry in everything[name].values():
        said.setdefault(entry["item_id"], []).append(entry["vector"])
    return said


@pytest.mark.parametrize("name", [COLLECTION, OTHER_COLLECTION])
def test_what_is_read_is_what_the_package_itself_says(directory: Path, name: str) -> None:
    said = said_by_the_package(directory, name)

    with chroma.directory(directory) as opened:
        found = {old.old_id: old for old in opened.read(opened.collection(name))}

    assert found.keys() == said.keys()
    for old_id, expected in said.items():
        assert [list(vector or ()) for vector in found[old_id].vectors] == [
            pytest.approx(vector, abs=1e-5) for vector in expected
        ]


def test_a_collection_says_what_it_is(directory: Path) -> None:
    with chroma.directory(directory) as opened:
        found = {each.name: (each.model, each.entries) for each in opened.collections()}

        with pytest.raises(InvalidInput, match=f"{OTHER_COLLECTION}, {COLLECTION}"):
            opened.collection("")
    assert found == {COLLECTION: (None, len(SAVED)), OTHER_COLLECTION: ("text-embedding-3-small", 3)}


def test_vectors_that_fit_are_kept_and_found_by(filled: Collection, directory: Path) -> None:
    outcome = filled.migrate_vectors(directory)

    ferry = filled.item(SAVED[4].old_id)
    found = filled.index.search(
        filled.user_id,
        query="a boat in a harbour",
        vector=filled.embedder.embed_query("a boat in a harbour"),
        embedding_model=MODEL,
        search_type=SearchType.VECTOR,
        narrow=SearchFilter(),
        top_k=3,
    )
    by_words = filled.index.search(
        filled.user_id, query="kupferhalle", vector=None, embedding_model="", search_type=SearchType.BM25,
        narrow=SearchFilter(), top_k=3,
    )  # fmt: skip
    assert filled.models() == {filled.item(each.old_id).item_id: MODEL for each in WHOLE}
    assert outcome.counts["kept"] == len(WHOLE)
    assert found.hits[0].item_id == ferry.item_id
    assert [hit.item_id for hit in by_words.hits] == [filled.item(SAVED[8].old_id).item_id]
    assert filled.embedder.texts == 0
    assert dict(outcome.reasons) == {
        "vector: the text was cut into pieces, each with a vector of its own: embedded anew": 1,
        "vector: the item has no analysis that the vector could stand for": 1,
    }


def test_a_second_run_changes_nothing(filled: Collection, directory: Path, owner: psycopg.Connection) -> None:
    filled.migrate_vectors(directory)
    query = "SELECT item_id, embedding::text, xmin::text FROM item_vectors WHERE user_id = %s ORDER BY 1"
    before = owner.execute(query, [filled.user_id]).fetchall()

    outcome = filled.migrate_vectors(directory)

    assert owner.execute(query, [filled.user_id]).fetchall() == before
    assert (outcome.counts["kept"], outcome.counts["embedded already"]) == (0, len(WHOLE))


def test_a_dry_run_keeps_nothing(filled: Collection, directory: Path) -> None:
    outcome = filled.migrate_vectors(directory, dry_run=True)

    assert outcome.counts["kept"] == len(WHOLE)
    assert filled.models() == {}


@pytest.fixture
def new_database(server_url: str) -> Iterator[str]:
    """As the first deployment leaves it: nothing was ever stored there, and PostgreSQL has counted nothing."""
    name = f"new_{uuid4().hex}"
    migrations.ensure_database(server_url, name)
    url = migrations.for_database(server_url, name)
    migrations.migrate(url)
    yield url
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name}".encode())


def test_the_thousandth_item_takes_no_longer_than_the_tenth(new_database: str, tmp_path: Path, user_id: UUID) -> None:
    """What is written refers to other rows; each is looked up by its own id, and not among all that the user has."""
    many = [replace(SAVED[0], file=f"invented-{number}.jpg") for number in range(1000)]
    sqlite = write_sqlite(tmp_path / "many.db", many)
    vector = array("f", LocalEmbedder().embed_documents(["bread"])[0][:WIDTH])
    # The last item has no analysis.
    found = [chroma.OldVectors(each.old_id, (vector,), None, None) for each in many[:-1]]
    outcome = Outcome(StringIO())

    with closing(Database(DatabaseSettings(database_url=new_database.replace("postgres@", "collections_app@")))) as db:
        rows.migrate(previous.read(sqlite), user_id, database=db, outcome=outcome)
        index = SearchStore(db, SearchSettings())
        into = vectors.Into(db, ItemStore(db), AnalysisStore(db), index, RecordingEvents(), model=MODEL)
        vectors.migrate(found, user_id, model=MODEL, into=into, outcome=outcome)

    written, looked_at = counted(new_database)
    assert outcome.counts["kept"] == len(found)
    assert looked_at < 100 * written


def counted(url: str) -> tuple[int, int]:
    """Rows written and rows looked at since the database was made. A connection's are in once it is closed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with psycopg.connect(url) as connection:
            there = connection.execute("SELECT count(*) FROM item_postings").fetchone()
            known = connection.execute(SELECT_COUNTED).fetchone()
            assert there
            assert known
            if known[0] >= there[0]:
                return int(known[1]), int(known[2])
    raise TimeoutError("The server does not say what it did.")


SELECT_COUNTED = """
SELECT (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'item_postings'),
  (SELECT sum(n_tup_ins)::bigint FROM pg_stat_user_tables),
  (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)::bigint
    + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)::bigint
"""


def test_nothing_of_the_directory_is_touched(filled: Collection, directory: Path) -> None:
    before = digests(directory)

    filled.migrate_vectors(directory)

    assert digests(directory) == before


@pytest.mark.parametrize(
    ("name", "model", "reason"),
    [
        (COLLECTION, "voyage-3.5-lite", f"made by voyage-3.5-lite, and {MODEL} is configured"),
        (OTHER_COLLECTION, MODEL, f"2 numbers, and {MODEL} makes 384"),
    ],
)
def test_vectors_of_another_model_or_length_are_left_to_the_pipeline(
    filled: Collection, directory: Path, tmp_path: Path, name: str, model: str, reason: str
) -> None:
    outcome = filled.migrate_vectors(directory, name=name, model=model)
    kept = filled.models()
    filled.migrate_images(write_images(tmp_path / "images", SAVED[:3]))
    filled.run_pipeline()

    assert kept == {}
    assert outcome.counts["embedded when their turn comes"] == outcome.reasons[f"vector: {reason}: embedded anew"]
    assert outcome.reasons[f"vector: {reason}: embedded anew"] >= 3
    assert {filled.item(each.old_id).status for each in SAVED[:3]} == {Status.READY}
    assert filled.embedder.texts == 3


def test_an_item_that_is_ready_is_sent_to_be_embedded_anew(filled: Collection, directory: Path, tmp_path: Path) -> None:
    filled.migrate_images(write_images(tmp_path / "images", SAVED[:1]))
    filled.run_pipeline()
    filled.embedder.model = "newer"

    first, second = (filled.migrate_vectors(directory) for _ in range(2))
    filled.run_pipeline()

    item = filled.item(SAVED[0].old_id)
    assert first.counts["sent to be embedded anew"] == 1
    assert second.counts["sent to be embedded anew"] == 0
    assert [event.item_id for event in filled.events.of(AnalysisComplete)] == [item.item_id]  # type: ignore[attr-defined]
    assert (item.status, filled.models()[item.item_id]) == (Status.READY, "newer")


def test_a_vector_of_an_analysis_that_was_overtaken_is_not_kept(filled: Collection, directory: Path) -> None:
    with closing(sqlite3.connect(directory / "chroma.sqlite3")) as connection:
        connection.execute(
            "UPDATE embedding_metadata SET string_value = 'Something else' WHERE key = 'headline' AND string_value = ?",
            [SAVED[0].headline],
        )
        connection.commit()

    outcome = filled.migrate_vectors(directory)

    assert outcome.reasons["vector: made of another analysis than the item's newest: embedded anew"] == 1
    assert filled.item(SAVED[0].old_id).item_id not in filled.models()


def test_what_was_migrated_counts_as_embedded(filled: Collection, directory: Path) -> None:
    """Neither the pipeline nor a rebuild pays for it again; an edit of the item does."""
    filled.migrate_vectors(directory)

    item = filled.item(SAVED[0].old_id)
    latest = filled.analyses.latest(filled.user_id, [item.item_id])[item.item_id]
    document = documents.build(item, document_of(latest))
    there = filled.index.embedded(filled.user_id, [item.item_id])
    assert there == {item.item_id: (store.fingerprint(document), MODEL)}


def test_vectors_without_an_item_are_reported_and_nobody_elses_are_touched(
    collection: Collection, directory: Path, owner: psycopg.Connection
) -> None:
    outcome = collection.migrate_vectors(directory)

    query = "SELECT count(*) FROM item_search WHERE user_id = %s"
    assert outcome.reasons["vector: there is no such item: run migrate-db first"] == len(SAVED)
    assert owner.execute(query, [collection.user_id]).fetchone() == (0,)


class Harmful:
    def __reduce__(self) -> Any:
        return (print, ("run",))


def test_a_pickle_that_wants_to_be_run_is_not(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [metadata] = directory.glob("*/index_metadata.pickle")
    metadata.write_bytes(pickle.dumps(Harmful()))

    with (
        pytest.raises(InvalidInput, match=r"builtins\.print"),
        chroma.directory(directory) as opened,
    ):
        list(opened.read(opened.collection(COLLECTION)))
    assert capsys.readouterr().out == ""


def test_a_folder_that_is_no_directory_of_chromadbs_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="There is no file"), chroma.directory(tmp_path):
        pass


@pytest.mark.parametrize("numbers", [[0.0] * 384, [float("nan")] * 384, [float("inf")] * 384])
def test_a_vector_without_a_direction_does_not_fit(numbers: list[float]) -> None:
    from app.analysis.models import AnalysisDocument

    old = chroma.OldVectors(str(uuid4()), (array("f", numbers),), None, None)
    latest = AnalysisDocument(category="photo", headline="x", summary="")

    assert "no direction" in (vectors.misfit(old, latest, model=MODEL, wanted=MODEL) or "")


def test_a_vector_is_made_as_long_as_the_column_and_of_unit_norm() -> None:
    vector = vectors.unit_vector(array("f", [3.0, 4.0]))

    assert (len(vector), vector[:3]) == (1024, [pytest.approx(0.6), pytest.approx(0.8), 0.0])
    assert isinstance(uuid4(), UUID)
