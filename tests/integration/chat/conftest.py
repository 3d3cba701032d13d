"""Conversations over a real collection: PostgreSQL, DynamoDB and S3 by moto, the local model and scripted ones."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest

from app.chat.agent import LangGraphAssistant
from app.chat.local import LocalChatModel
from app.chat.summaries import Summarise, by_rules
from app.platform.database import Database
from app.platform.settings import ChatSettings
from tests.integration.chat.talking import RECEIPT, Chat, add
from tests.integration.conversations import Clock, checkpoints_table, saver, session_store, sessions_table


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def dynamodb(s3_client: Any) -> Any:
    return boto3.client("dynamodb")


@pytest.fixture
def tables(dynamodb: Any) -> tuple[str, str]:
    return sessions_table(dynamodb), checkpoints_table(dynamodb)


@pytest.fixture
def deploy(
    database_pool: Database, dynamodb: Any, tables: tuple[str, str], bucket_name: str, clock: Clock
) -> Callable[..., Chat]:
    def deploy(model: Any = None, *, web: Any = None, summarise: Summarise = by_rules, **limits: Any) -> Chat:
        sessions, checkpoints = tables
        settings = ChatSettings(checkpoints_table=checkpoints, sessions_table=sessions, chat_provider="local", **limits)
        assistant = LangGraphAssistant(
            model or LocalChatModel(),
            model_name="claude-sonnet-5-5",
            checkpoints=saver(checkpoints, bucket_name),
            settings=settings,
            web=web,
            summarise=summarise,
            now=clock,
        )
        return Chat(database_pool, session_store(dynamodb, sessions, clock), assistant, settings)

    return deploy


@pytest.fixture
def chat(deploy: Callable[..., Chat]) -> Chat:
    return deploy()


@pytest.fixture
def bread(database_pool: Database, user_id: UUID) -> UUID:
    return add(database_pool, user_id, "KRUME & KORN · receipt", lines=RECEIPT, cosine=0.35)


@pytest.fixture
def stranger(owner: Any) -> Iterator[UUID]:
    tenant = uuid4()
    yield tenant
    owner.execute("DELETE FROM items WHERE user_id = %s", [tenant])
