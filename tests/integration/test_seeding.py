"""Reviewed pictures, put into a running cloud without a provider looking at them."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from PIL import Image

from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.analysis.store import AnalysisStore
from app.evaluation.datasets import Picture, golden_pictures
from app.evaluation.seeding import Collection, Seeded, preview, seed
from app.items import processing, s3
from app.items.lists import ORDERS
from app.items.models import ANALYSIS, EMBEDDING, IMAGE_PROCESSING, Item, ItemFilter, Status
from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.settings import ImageSettings, SearchSettings, StageSettings
from app.search.models import SearchFilter, SearchType
from app.search.store import SearchStore
from tests.fakes import CountingEmbedder, RecordingEvents


@pytest.fixture
def into(items: ItemStore, images: ImageBucket, analyses: AnalysisStore, database_pool: Database) -> Collection:
    embedder = CountingEmbedder()
    return Collection(items, images, analyses, SearchStore(database_pool, SearchSettings()), lambda: embedder)


def reviewed(folder: Path, name: str, headline: str, colour: str = "teal") -> Picture:
    path = folder / f"{name}.jpg"
    Image.new("RGB", (64, 48), colour).save(path)
    document = AnalysisDocument(category="Travel", headline=headline, summary="By the sea")
    return Picture(path, f"{name} Large.jpeg", ProviderAnswer(document, "reviewed", "people", "1"))


def everything(into: Collection, user_id: UUID) -> list[Item]:
    found, _ = into.items.list_page(user_id, narrow=ItemFilter(), order=ORDERS["created_at"], after=None, limit=100)
    return found


def test_a_reviewed_picture_is_found_by_its_review_and_has_its_renditions(
    into: Collection, user_id: UUID, tmp_path: Path, s3_client: Any, bucket_name: str
) -> None:
    seeded = seed(user_id, [reviewed(tmp_path, "a", "Night market in Fukuoka")], into=into)

    [item] = everything(into, user_id)
    keys = [entry["Key"] for entry in s3_client.list_objects_v2(Bucket=bucket_name)["Contents"]]
    [hit] = into.index.search(
        user_id, query="fukuoka", vector=None, embedding_model="", search_type=SearchType.BM25,
        narrow=SearchFilter(), top_k=5,
    ).hits  # fmt: skip
    assert seeded == Seeded(added=1)
    assert (item.status, item.original_filename, item.width) == (Status.READY, "a Large.jpeg", 64)
    assert hit.item_id == item.item_id
    assert set(keys) == set(s3.keys_of(user_id, item.item_id, item.object_key, {1}))


def test_seeding_twice_changes_nothing(into: Collection, user_id: UUID, tmp_path: Path) -> None:
    pictures = [reviewed(tmp_path, "a", "One"), reviewed(tmp_path, "b", "Two", "navy")]
    seed(user_id, pictures, into=into)
    before = everything(into, user_id)

    seeded = seed(user_id, pictures, into=into)

    assert seeded == Seeded(unchanged=2)
    assert everything(into, user_id) == before


def test_a_preview_says_what_seeding_will_do_and_does_none_of_it(
    into: Collection, user_id: UUID, tmp_path: Path
) -> None:
    known = [reviewed(tmp_path, "a", "One"), reviewed(tmp_path, "b", "Two", "navy")]
    seed(user_id, known, into=into)
    before = everything(into, user_id)
    wanted = [known[0], reviewed(tmp_path, "b", "Another", "navy"), reviewed(tmp_path, "c", "Three", "pink")]

    said = preview(user_id, wanted, into=into)

    assert everything(into, user_id) == before
    assert said == Seeded(added=1, described=1, unchanged=1)
    assert seed(user_id, wanted, into=into) == said


def test_it_tells_how_far_it_is(into: Collection, user_id: UUID, tmp_path: Path) -> None:
    pictures = [reviewed(tmp_path, "a", "One"), reviewed(tmp_path, "b", "Two", "navy")]
    seed(user_id, pictures[:1], into=into)
    told: list[int] = []

    seed(user_id, pictures, into=into, advance=told.append)

    assert told == [1, 1]


def test_a_changed_review_becomes_a_new_version(into: Collection, user_id: UUID, tmp_path: Path) -> None:
    seed(user_id, [reviewed(tmp_path, "a", "Market")], into=into)

    seeded = seed(user_id, [reviewed(tmp_path, "a", "Harbour")], into=into)

    [item] = everything(into, user_id)
    versions = into.analyses.versions(user_id, item.item_id)
    assert seeded == Seeded(described=1)
    assert [version.raw_response["headline"] for version in versions] == ["Harbour", "Market"]
    assert item.status is Status.READY


def test_the_events_of_the_bucket_find_everything_done(into: Collection, user_id: UUID, tmp_path: Path) -> None:
    seed(user_id, [reviewed(tmp_path, "a", "Market")], into=into)
    [item] = everything(into, user_id)
    events, settings = RecordingEvents(), StageSettings(queue_url="none")

    ref = processing.receive_object(item.object_key, items=into.items, images=into.images)
    assert ref is not None
    verdicts = processing.process_images(
        [ref], items=into.items, images=into.images, events=events, limits=ImageSettings(), settings=settings
    )

    assert verdicts == [None]
    assert [into.items.claim(ref, stage, lease_seconds=1) for stage in (IMAGE_PROCESSING, ANALYSIS, EMBEDDING)] == [
        None, None, None,
    ]  # fmt: skip
    assert everything(into, user_id) == [item]


def test_an_interrupted_import_is_taken_up_where_it_stopped(into: Collection, user_id: UUID, tmp_path: Path) -> None:
    picture = reviewed(tmp_path, "a", "Market")
    unreadable = Picture(tmp_path / "missing.jpg", "missing.jpg", picture.answer)
    with pytest.raises(FileNotFoundError):
        seed(user_id, [picture, unreadable], into=into)

    seeded = seed(user_id, [picture], into=into)

    [item] = everything(into, user_id)
    assert seeded == Seeded(described=1)
    assert item.status is Status.READY


def test_the_same_picture_of_two_users_is_two_items(into: Collection, user_id: UUID, tmp_path: Path) -> None:
    stranger, picture = uuid4(), reviewed(tmp_path, "a", "Market")

    for tenant in (user_id, stranger):
        seed(tenant, [picture], into=into)

    assert len(everything(into, user_id)) == len(everything(into, stranger)) == 1
    assert everything(into, user_id)[0].item_id != everything(into, stranger)[0].item_id


@pytest.mark.skipif("GOLDEN_DIR" not in os.environ, reason="GOLDEN_DIR does not name the golden set")
def test_the_golden_set_is_imported_whole_and_once(into: Collection, user_id: UUID) -> None:
    pictures = golden_pictures(Path(os.environ["GOLDEN_DIR"]))

    first, second = (seed(user_id, pictures, into=into) for _ in range(2))

    assert (first.added, second.unchanged) == (len(pictures), len(pictures))
    assert {item.status for item in everything(into, user_id)} == {Status.READY}
