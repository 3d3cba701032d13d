"""Reading data sets."""

import json
from pathlib import Path

import pytest
from PIL import Image

from app.analysis.models import AnalysisDocument, ImageFacts, ProviderAnswer
from app.evaluation import datasets


class Analyzer:
    """Counts what it looks at."""

    def __init__(self) -> None:
        self.calls = 0

    def analyze(self, image: bytes, *, facts: ImageFacts) -> ProviderAnswer:
        self.calls += 1
        document = AnalysisDocument(category="photo", headline=facts.filename, summary="")
        return ProviderAnswer(document, "fake", "fake", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Image.new("RGB", (20, 20), "teal").save(tmp_path / "sea.png")
    query = {"id": "q1", "query": "the sea", "type": "single", "relevant": ["sea.png"]}
    (tmp_path / "queries.json").write_text(json.dumps({"queries": [query]}))
    return tmp_path


def test_a_picture_is_analyzed_once_for_many_runs(folder: Path) -> None:
    analyzer = Analyzer()

    first, second = (
        datasets.samples(folder, analyzer=lambda: analyzer, remembered=folder / "remembered") for _ in range(2)
    )

    assert analyzer.calls == 1
    assert [entry.answer.document for entry in second.entries] == [entry.answer.document for entry in first.entries]
    assert first.entries[0].item_id == second.entries[0].item_id
    assert first.queries == (datasets.Judged("q1", "the sea", "single", {"sea.png": 1.0}),)


def test_a_reviewed_analysis_becomes_one_of_ours() -> None:
    raw = {
        "category": "Travel",
        "subcategories": ["art"],
        "headline": "",
        "summary": "",
        "original_filename": "a.jpg",
        "media_metadata": {"original_poster": None, "hashtags": ["x"]},
        "image_details": {"key_interest": ["one", "two"], "extracted_text": ["LINE"]},
    }

    document = datasets.reviewed_document(raw)

    assert document.headline == "a.jpg"
    assert document.media_metadata.hashtags == ["x"]
    assert document.image_details.key_interest == "one, two"
