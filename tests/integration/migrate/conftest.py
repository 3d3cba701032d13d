"""A collection to migrate into, and the pipeline that works in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.analysis import service as analysis_service
from app.analysis.store import AnalysisStore
from app.items import processing
from app.items.lists import ORDERS
from app.items.models import Item, ItemFilter, ItemRef
from app.items.s3 import ImageBucket
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.events import AnalysisComplete, ImageProcessed, ItemEvent
from app.platform.settings import ImageSettings, SearchSettings, StageSettings
from app.search import service as search_service
from app.search.local import LocalEmbedder
from app.search.store import SearchStore
from scripts.migrate import chroma, images, previous, rows, vectors
from scripts.migrate.report import Outcome
from scripts.migrate.validate import Against
from tests.fakes import CountingAnalyzer, RecordingEvents
from tests.integration.migrate.previous_application import COLLECTION, MODEL

_SETTINGS = StageSettings(queue_url="none")
_LOCAL = LocalEmbedder()


@cache
def _embedded(*texts: str) -> list[list[float]]:
    """By the local model, once: every test migrates the same collection."""
    return _LOCAL.embed_documents(texts)


class CountedEmbedder:
    """The local model, and how many texts it was given."""

    provider, dimensions = "local", 1024

    def __init__(self) -> None:
        self.model = MODEL
        self.texts = 0

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.texts += len(texts)
        return [*_embedded(*texts)]

    def embed_query(self, text: str) -> list[float]:
        return _embedded(text)[0]


@dataclass
class Collection:
    """One user's collection, the steps of the migration into it, and the stages that take it from there."""

    user_id: UUID
    database: Database
    items: ItemStore
    analyses: AnalysisStore
    images: ImageBucket
    index: SearchStore
    s3: Any
    bucket: str
    events: RecordingEvents = field(default_factory=RecordingEvents)
    embedder: CountedEmbedder = field(default_factory=CountedEmbedder)
    analyzer: CountingAnalyzer = field(default_factory=CountingAnalyzer)

    def migrate_rows(self, sqlite: Path, *, dry_run: bool = False) -> Outcome:
        outcome = Outcome(StringIO())
        rows.migrate(previous.read(sqlite), self.user_id, database=self.database, outcome=outcome, dry_run=dry_run)
        return outcome

    def migrate_vectors(
        self, directory: Path, *, name: str = COLLECTION, model: str = MODEL, dry_run: bool = False
    ) -> Outcome:
        outcome = Outcome(StringIO())
        into = vectors.Into(
            self.database, self.items, self.analyses, self.index, self.events, model=self.embedder.model
        )
        with chroma.directory(directory) as opened:
            found = opened.read(opened.collection(name))
            vectors.migrate(found, self.user_id, model=model, into=into, outcome=outcome, dry_run=dry_run)
        return outcome

    def migrate_images(
        self, folder: Path, *, old_id_of: images.OldIdOf = images.by_id, dry_run: bool = False
    ) -> Outcome:
        outcome = Outcome(StringIO())
        into = images.Into(self.database, self.items, self.images, max_bytes=50 << 20)
        images.migrate(folder, self.user_id, old_id_of=old_id_of, into=into, outcome=outcome, dry_run=dry_run)
        return outcome

    def run_pipeline(self) -> None:
        """What S3's and the stages' events would have them do, until nobody has anything to do any more."""
        keys = [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        found = [processing.receive_object(key, items=self.items, images=self.images) for key in keys]
        refs = [ref for ref in found if ref and ref.user_id == self.user_id]
        events = RecordingEvents()
        processing.process_images(
            refs, items=self.items, images=self.images, events=events, limits=ImageSettings(), settings=_SETTINGS
        )
        analysis_service.analyze_images(
            [_ref(event) for event in events.published if isinstance(event, ImageProcessed)],
            items=self.items,
            images=self.images,
            analyses=self.analyses,
            analyzer=lambda _provider, _model: self.analyzer,
            events=events,
            settings=_SETTINGS,
        )
        completed = [
            event for event in [*events.published, *self.events.published] if isinstance(event, AnalysisComplete)
        ]
        search_service.embed_items(
            [_ref(event) for event in completed],
            items=self.items,
            analyses=self.analyses,
            index=self.index,
            embedder=lambda: self.embedder,
            events=events,
            settings=_SETTINGS,
        )

    def everything(self) -> list[Item]:
        found, _ = self.items.list_page(
            self.user_id, narrow=ItemFilter(), order=ORDERS["created_at"], after=None, limit=10_000
        )
        return found

    def item(self, old_id: str) -> Item:
        found = self.items.get(self.user_id, previous.new_item_id(self.user_id, old_id))
        assert found
        return found

    def models(self) -> dict[UUID, str]:
        with self.database.tenant(self.user_id) as connection:
            found = connection.execute("SELECT item_id, embedding_model FROM item_vectors").fetchall()
        return {row["item_id"]: row["embedding_model"] for row in found}

    @property
    def against(self) -> Against:
        return Against(self.database, self.items, self.analyses, self.images, self.index, lambda: self.embedder)


def _ref(event: ItemEvent) -> ItemRef:
    return ItemRef(event.user_id, event.item_id, event.generation)


@pytest.fixture
def collection_of(
    database_pool: Database,
    items: ItemStore,
    analyses: AnalysisStore,
    images: ImageBucket,
    s3_client: Any,
    bucket_name: str,
) -> Callable[[UUID], Collection]:
    def make(user_id: UUID) -> Collection:
        index = SearchStore(database_pool, SearchSettings())
        return Collection(user_id, database_pool, items, analyses, images, index, s3_client, bucket_name)

    return make


@pytest.fixture
def collection(collection_of: Callable[[UUID], Collection], user_id: UUID) -> Collection:
    return collection_of(user_id)
