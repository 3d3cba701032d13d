"""The pipeline of a tenant of the test's own, on real PostgreSQL and S3 by moto."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from app.analysis.store import AnalysisStore
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.settings import SearchSettings, StorageSettings
from app.search.store import SearchStore
from tests.integration.pipeline.world import HookedBucket, World


@pytest.fixture
def world(
    user_id: UUID,
    items: ItemStore,
    analyses: AnalysisStore,
    database_pool: Database,
    owner: psycopg.Connection,
    s3_client: Any,
    bucket_name: str,
) -> World:
    images = HookedBucket(s3_client, StorageSettings(bucket_name=bucket_name))
    index = SearchStore(database_pool, SearchSettings())
    return World(user_id, items, analyses, index, images, owner, s3_client, bucket_name)
