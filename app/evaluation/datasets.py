"""What is searched when retrieval is measured: items with their analyses, and queries with their judgements.

A data set is read, never copied: the golden set stays in the folder that GOLDEN_DIR names, and nothing of it is written
but the analyses that the local provider makes of its images, into the folder that the caller names.
"""

import hashlib
import inspect
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from app import analysis
from app.analysis import ocr, text_lines
from app.analysis.models import (
    HEADLINE_MAX_LENGTH,
    AnalysisDocument,
    Analyzer,
    ImageDetails,
    ImageFacts,
    MediaMetadata,
    ProviderAnswer,
)
from app.analysis.ocr import TextReader
from app.analysis.text_lines import TextLine
from app.items.images import render
from app.platform.settings import ImageSettings

# The gain of a judgement in NDCG. A medium item is half an answer.
GAINS = {"high": 2.0, "medium": 1.0}
# The provider of analyses that people made.
REVIEWED = "reviewed"
_NAMESPACE = uuid.UUID("5d3d8a4e-3c0e-4bb6-9f53-0d3f1a3c9a10")
_IMAGES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True, slots=True)
class Judged:
    """One query; `gains` are the relevant items with their gain (> 0), empty when nothing answers it."""

    query_id: str
    text: str
    kind: str
    gains: Mapping[str, float]

    @property
    def is_answerable(self) -> bool:
        return bool(self.gains)


@dataclass(frozen=True, slots=True)
class Entry:
    """One item of a data set: its name in the judgements, and what is said of it."""

    name: str
    filename: str
    answer: ProviderAnswer

    @property
    def item_id(self) -> uuid.UUID:
        """The same on every run, so that runs can be compared and ties break alike."""
        return uuid.uuid5(_NAMESPACE, self.name)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Items and judged queries."""

    name: str
    entries: tuple[Entry, ...]
    queries: tuple[Judged, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file, what it was called, and what people say of it."""

    path: Path
    filename: str
    answer: ProviderAnswer


@dataclass(frozen=True, slots=True)
class Judgements:
    """What a data set wants of a collection that somebody else filled.

    `filenames` are the original names, by the items' names in the judgements.
    """

    name: str
    filenames: Mapping[str, str]
    queries: tuple[Judged, ...]


def samples(folder: Path, *, analyzer: Callable[[], Analyzer], remembered: Path) -> Dataset:
    """The project's own pictures, described by `analyzer`, and the searches in `queries.json` beside them."""
    return Dataset(
        "samples", _described(_sample_images(folder), {}, analyzer, remembered), sample_judgements(folder).queries
    )


def sample_judgements(folder: Path) -> Judgements:
    raw = json.loads((folder / "queries.json").read_text())["queries"]
    queries = tuple(
        Judged(entry["id"], entry["query"], entry["type"], dict.fromkeys(entry["relevant"], 1.0)) for entry in raw
    )
    return Judgements("samples", {name: name for name in _sample_images(folder)}, queries)


def _sample_images(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in sorted(folder.iterdir()) if path.suffix in _IMAGES}


def golden_reviewed(folder: Path) -> Dataset:
    """The golden set as people reviewed it: no picture is looked at."""
    entries = tuple(
        Entry(raw["item_id"], raw["original_filename"], reviewed_answer(raw)) for raw in _golden_analyses(folder)
    )
    return Dataset("golden-reviewed", entries, golden_queries(folder))


def golden_pixels(folder: Path, *, analyzer: Callable[[], Analyzer], remembered: Path) -> Dataset:
    """The golden images as `analyzer` describes them."""
    names = {raw["item_id"]: raw["original_filename"] for raw in _golden_analyses(folder)}
    images = {path.stem: path for path in sorted((folder / "images").iterdir()) if path.suffix in _IMAGES}
    return Dataset("golden-pixels", _described(images, names, analyzer, remembered), golden_queries(folder))


def golden_pictures(folder: Path) -> list[Picture]:
    """The golden images with their reviewed analyses, to be put into a running cloud."""
    images = {path.stem: path for path in (folder / "images").iterdir()}
    return [
        Picture(images[raw["item_id"]], raw["original_filename"], reviewed_answer(raw))
        for raw in _golden_analyses(folder)
    ]


def golden_judgements(folder: Path) -> Judgements:
    names = {raw["item_id"]: raw["original_filename"] for raw in _golden_analyses(folder)}
    return Judgements("golden", names, golden_queries(folder))


def golden_queries(folder: Path) -> tuple[Judged, ...]:
    raw = json.loads((folder / "queries.json").read_text())["queries"]
    return tuple(
        Judged(
            entry["query_id"],
            entry["query_text"],
            entry["query_type"],
            {expected["item_id"]: GAINS[expected["relevance"]] for expected in entry["expected_items"]},
        )
        for entry in raw
    )


def reviewed_answer(raw: Mapping[str, Any]) -> ProviderAnswer:
    return ProviderAnswer(reviewed_document(raw), provider=REVIEWED, model="people", prompt_version="1")


def reviewed_document(raw: Mapping[str, Any]) -> AnalysisDocument:
    """A reviewed analysis in our terms. Too long a headline is cut; a missing one is the summary, or the file name."""
    return AnalysisDocument(
        category=raw["category"],
        subcategories=raw["subcategories"],
        headline=(raw["headline"] or raw["summary"] or raw["original_filename"])[:HEADLINE_MAX_LENGTH],
        summary=raw["summary"],
        media_metadata=MediaMetadata(**_known(raw["media_metadata"], MediaMetadata.model_fields)),
        image_details=ImageDetails(**_known(raw["image_details"], ImageDetails.model_fields)),
    )


def _golden_analyses(folder: Path) -> list[dict[str, Any]]:
    analyses: list[dict[str, Any]] = json.loads((folder / "analyses.json").read_text())["golden_analyses"]
    return analyses


def _known(raw: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """What is there and is not null; a list where a single text belongs is joined."""
    singles = {"original_poster", "audio_source", "likely_source", "key_interest"}
    found = {name: raw[name] for name in fields if raw.get(name) is not None}
    return {
        name: ", ".join(value) if name in singles and isinstance(value, list) else value
        for name, value in found.items()
    }


def _described(
    images: Mapping[str, Path], names: Mapping[str, str], analyzer: Callable[[], Analyzer], remembered: Path
) -> tuple[Entry, ...]:
    return tuple(
        Entry(name, names.get(name, path.name), _analysis(path, names.get(name, path.name), analyzer, remembered))
        for name, path in images.items()
    )


def _analysis(path: Path, filename: str, analyzer: Callable[[], Analyzer], remembered: Path) -> ProviderAnswer:
    """What the analyzer says of the display rendition, as in the pipeline; remembered by image, name and our code."""
    original = path.read_bytes()
    kept = remembered / f"{hashlib.sha256(original + filename.encode() + _analysis_code()).hexdigest()}.json"
    if kept.exists():
        document = AnalysisDocument.model_validate_json(kept.read_bytes())
        return ProviderAnswer(document, provider="remembered", model="remembered", prompt_version="1")
    rendered = render(original, ImageSettings())
    facts = ImageFacts(filename, rendered.mime_type, rendered.width, rendered.height, rendered.taken_at)
    answer = analyzer().analyze(rendered.display, facts=facts)
    remembered.mkdir(parents=True, exist_ok=True)
    kept.write_text(answer.document.model_dump_json())
    return answer


@cache
def _analysis_code() -> bytes:
    """A digest of app/analysis: after a change there, nothing remembered is valid."""
    sources = sorted(Path(analysis.__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).digest()


class RememberedText(TextReader):
    """A `TextReader` that reads every picture once: recognition takes a second, all that follows next to nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def read(self, image: Image.Image) -> list[TextLine]:
        kept = self._folder / f"{hashlib.sha256(image.tobytes() + _reader_code()).hexdigest()}.json"
        if kept.exists():
            return [TextLine(**line) for line in json.loads(kept.read_text())]
        lines = super().read(image)
        self._folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([asdict(line) for line in lines]))
        return lines


@cache
def _reader_code() -> bytes:
    return hashlib.sha256(b"".join(inspect.getsource(module).encode() for module in (ocr, text_lines))).digest()
