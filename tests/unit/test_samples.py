"""The sample collection: complete, readable, honestly judged, and drawn the same way every time."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scripts.make_samples import FONTS, LIMIT
from scripts.samples.canvas import FACES
from scripts.samples.catalogue import DATE_TIME_ORIGINAL, EXIF_IFD, ORIENTATION, SAMPLES, SIDEWAYS, render

FOLDER = Path(__file__).resolve().parents[2] / "samples"
PICTURES = sorted(path for path in FOLDER.iterdir() if path.suffix in {".jpg", ".png", ".webp"})
TYPES = {"single", "multi", "semantic", "unanswerable"}


@pytest.fixture(scope="module")
def queries() -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((FOLDER / "queries.json").read_text(encoding="utf-8"))["queries"]
    return loaded


def test_the_folder_holds_what_the_catalogue_lists() -> None:
    assert len(PICTURES) >= 24
    assert [path.name for path in PICTURES] == sorted(sample.name for sample in SAMPLES)


def test_the_collection_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= LIMIT


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: path.name)
def test_every_picture_decodes(path: Path) -> None:
    with Image.open(path) as image:
        image.load()
        assert min(image.size) >= 600


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.taken], ids=lambda sample: sample.name)
def test_the_camera_data_is_in_the_file(sample: Any) -> None:
    with Image.open(FOLDER / sample.name) as image:
        data = image.getexif()
        assert data[ORIENTATION] == sample.orientation
        assert data.get_ifd(EXIF_IFD)[DATE_TIME_ORIGINAL] == sample.taken


def test_some_pictures_are_stored_sideways() -> None:
    assert any(sample.orientation == SIDEWAYS for sample in SAMPLES)


def test_there_are_enough_queries_each_with_its_own_id(queries: list[dict[str, Any]]) -> None:
    assert len(queries) >= 60
    assert len({query["id"] for query in queries}) == len(queries)
    assert len({query["query"].casefold() for query in queries}) == len(queries)


def test_every_judgement_names_a_file_that_exists(queries: list[dict[str, Any]]) -> None:
    names = {path.name for path in PICTURES}
    for query in queries:
        assert set(query["relevant"]) <= names, query["id"]
        assert len(set(query["relevant"])) == len(query["relevant"]), query["id"]


def test_the_type_of_a_query_fits_its_answers(queries: list[dict[str, Any]]) -> None:
    assert sum(query["type"] == "unanswerable" for query in queries) >= 10
    for query in queries:
        assert query["type"] in TYPES
        assert (query["type"] == "unanswerable") == (not query["relevant"]), query["id"]
        assert (query["type"] == "multi") <= (len(query["relevant"]) > 1), query["id"]
        assert (query["type"] == "single") <= (len(query["relevant"]) == 1), query["id"]


def test_every_picture_is_wanted_by_some_query(queries: list[dict[str, Any]]) -> None:
    wanted = {name for query in queries for name in query["relevant"]}
    assert wanted == {path.name for path in PICTURES}


@pytest.mark.parametrize("name", ["Screenshot_20260422-0658.png", "pharmacy-bill.webp"])
def test_drawing_twice_gives_the_same_bytes(name: str) -> None:
    if not all((FONTS / face).is_file() for face in FACES.values()):
        pytest.skip(f"the DejaVu fonts are not in {FONTS}")
    sample = next(sample for sample in SAMPLES if sample.name == name)
    first, second = (hashlib.sha256(render(sample, FONTS)).hexdigest() for _ in range(2))
    assert first == second
