"""A turn of a conversation: how long it takes, what our code adds to a model's own time, and what it writes down.

DynamoDB is moto's and the embedder the local one, both in this process: their time is told apart. With the local
model every search pays for its embedding, as that of a new question does. What is added to a model is measured with
a query that is remembered: threads of the embedder that wait for more work would count as ours.
"""

import logging
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import boto3
from botocore.client import BaseClient
from langchain_core.messages import BaseMessage, ToolMessage

from app.analysis.store import AnalysisStore
from app.chat import service
from app.chat.agent import LangGraphAssistant
from app.chat.collection import Collection
from app.chat.local import LocalChatModel
from app.chat.models import Delta, Event, Question
from app.chat.store import SessionStore
from app.items.store import ItemStore
from app.platform.database import Database
from app.platform.lasting import lasting
from app.platform.settings import ChatSettings, DatabaseSettings, SearchSettings
from app.search.local import LocalEmbedder
from app.search.models import Embedder
from app.search.query_vectors import QueryVectors
from app.search.store import SearchStore
from tests.benchmarks.api import application
from tests.benchmarks.report import Figure, save
from tests.chat_models import ScriptedChatModel, Step
from tests.integration.conversations import LEASE_S, TTL_S, announced, checkpoints_table, saver, sessions_table
from tests.integration.http_api.application import BUCKET

CONVERSATIONS, TURNS = 10, 4
MODEL_S = 0.1
_QUESTIONS = (
    "How much was the line that was read?",
    "And the title of it?",
    "When was that?",
    "Which items of category-3 do I have?",
)
_SEARCHED = "a line that was read"
_LIBRARIES = ("langgraph", "langchain", "langchain_core", "langchain_anthropic", "langgraph_checkpoint_aws")
_ASKED_KB, _READ_KB = 1024, 4096


@dataclass
class Aws:
    """What went to DynamoDB and S3: the time it took, and the units by AWS' own rules of size."""

    seconds: float = 0.0
    processor_seconds: float = 0.0
    reads: float = 0.0
    writes: float = 0.0
    checkpoint_bytes: int = 0
    calls: list[str] = field(default_factory=list)

    def forget(self) -> None:
        self.seconds = self.processor_seconds = self.reads = self.writes = 0.0
        self.checkpoint_bytes, self.calls = 0, []

    def count(self, operation: str, asked: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        self.calls.append(operation)
        match operation:
            case "PutItem":
                self._written(asked["Item"])
            case "UpdateItem":
                self._written(answer["Attributes"])
                # The index has the whole row, once it has a time: a changed time is taken out and put in again.
                if "last_activity" in answer["Attributes"]:
                    changes = 2 if "last_activity" in asked["UpdateExpression"] else 1
                    self.writes += changes * math.ceil(_size(answer["Attributes"]) / _ASKED_KB)
            case "BatchWriteItem":
                for requests in asked["RequestItems"].values():
                    for request in requests:
                        self._written(request["PutRequest"]["Item"])
            case "GetItem":
                self.reads += math.ceil(_size(answer.get("Item", {})) / _READ_KB) or 1
            case "Query" | "BatchGetItem":
                found = answer.get("Items") or [row for rows in answer.get("Responses", {}).values() for row in rows]
                self.reads += math.ceil(sum(map(_size, found)) / _READ_KB) or 1

    def _written(self, row: Mapping[str, Any]) -> None:
        self.writes += math.ceil(_size(row) / _ASKED_KB)
        if "PK" in row:
            self.checkpoint_bytes += _size(row)


def _size(row: Mapping[str, Any]) -> int:
    """Names and values, as "Item sizes and formats" of the DynamoDB guide has it, about."""
    return sum(len(name.encode()) + _value_size(next(iter(value.values()))) for name, value in row.items())


def _value_size(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, dict):
        return 3 + _size(value)
    if isinstance(value, list):
        return 3 + sum(_value_size(next(iter(each.values()))) + 1 for each in value)
    return 1


@contextmanager
def watched() -> Iterator[Aws]:
    aws, original = Aws(), BaseClient._make_api_call

    def call(client: Any, operation: str, asked: Any) -> Any:
        started, busy = time.perf_counter(), time.process_time()
        try:
            answer = original(client, operation, asked)
        finally:
            aws.seconds += time.perf_counter() - started
            aws.processor_seconds += time.process_time() - busy
        aws.count(operation, asked, answer)
        return answer

    BaseClient._make_api_call = call
    try:
        yield aws
    finally:
        BaseClient._make_api_call = original


class Timed:
    """The local embedder, and the milliseconds that each of its queries took."""

    provider, model, dimensions = LocalEmbedder.provider, LocalEmbedder.model, LocalEmbedder.dimensions

    def __init__(self) -> None:
        self._embedder = LocalEmbedder()
        self.took: list[float] = []

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return self._embedder.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        started = time.perf_counter()
        vector = self._embedder.embed_query(text)
        self.took.append((time.perf_counter() - started) * 1000)
        return vector


@dataclass
class Told:
    """One turn: milliseconds to the first words and to the end, and of the processor, without those that AWS took; and
    what AWS took."""

    first_ms: float
    whole_ms: float
    processor_ms: float
    aws_ms: float


def measure() -> None:
    # The application of the lists' benchmark: a database with 10,000 items of one user.
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"  # their lines are for CloudWatch
    with application() as user, closing(Database(DatabaseSettings())) as database, watched() as aws:  # type: ignore[call-arg]
        logging.getLogger("collections").setLevel("ERROR")
        boto3.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        figures = _figures(user.user_id, database, aws)
    save("chat", "A turn of a conversation, over 10,000 items, in the function (without its cold start)", figures)


def _figures(user_id: UUID, database: Database, aws: Aws) -> list[Figure]:
    embedder = Timed()
    local = _deployed(LocalChatModel(), database, embedder)
    _held(local, user_id, aws)  # warms everything up
    embedder.took.clear()
    answered = _held(local, user_id, aws)
    figures = [
        *_quantiles("local model: first words", [each.first_ms for each in answered]),
        *_quantiles("local model: whole answer", [each.whole_ms for each in answered]),
        *_quantiles("local model: one embedding, in the answer", embedder.took),
        *_quantiles("local model: DynamoDB, emulated, not in the answer", [each.aws_ms for each in answered]),
    ]
    remembering = QueryVectors(1).over(embedder)
    remembering.embed_query(_SEARCHED)
    for name, decide, calls in (("no tool", _answers, 1), ("one search", _searches_once, 2)):
        model = ScriptedChatModel(decide=decide, shown=[])
        told = _held(_deployed(model, database, remembering), user_id, aws)
        ours = [each.whole_ms - calls * MODEL_S * 1000 for each in told]
        what = f"added to a model of {MODEL_S * 1000:.0f} ms a call, {name}"
        figures += _quantiles(what, ours)
        # What is ours whatever else the machine is doing; the database's own work is in the former alone.
        figures += _quantiles(f"{what}, processor time", [each.processor_ms for each in told], goal="≤ 60 ms")
    figures.append(
        Figure.of("modules of its libraries that the other functions load", "", [_loaded_elsewhere()], goal="0")
    )
    return figures + _written(user_id, database, aws, remembering)


def _loaded_elsewhere() -> float:
    """By the API and by the WebSocket's function. The section on cold starts has what its own import takes."""
    script = (
        "import sys, app.api, app.platform.wiring, app.realtime.questions, app.realtime.service;"
        f"print(sum(name.partition('.')[0] in {_LIBRARIES} for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _quantiles(what: str, values: list[float], *, goal: str = "") -> list[Figure]:
    cut = statistics.quantiles(values, n=20)
    return [
        Figure(f"{what}: {name}", "ms", value, min(values), max(values), len(values), goal)
        for name, value in (("p50", cut[9]), ("p95", cut[18]))
    ]


def _answers(_: list[BaseMessage]) -> Step:
    time.sleep(MODEL_S)
    return "It was 5.40, as far as I can see. " * 5


def _searches_once(messages: list[BaseMessage]) -> Step:
    time.sleep(MODEL_S)
    if isinstance(messages[-1], ToolMessage):
        return "It was 5.40, as far as I can see. " * 5
    return [("search_collection", {"query": _SEARCHED})]


def _deployed(model: Any, database: Database, embedder: Embedder) -> Callable[..., tuple[UUID, Told]]:
    client = boto3.client("dynamodb")
    sessions = SessionStore(client, sessions_table(client), ttl_seconds=TTL_S, lease_seconds=LEASE_S)
    table = checkpoints_table(client)
    settings = ChatSettings(checkpoints_table=table, sessions_table="sessions", chat_provider="local")
    with lasting():
        # As the function builds it; here beside the emulator, which is looked through no more either.
        assistant = LangGraphAssistant(
            model, model_name="claude-sonnet-5-5", checkpoints=saver(table, BUCKET), settings=settings
        )
    search = SearchSettings()

    def collection(user_id: UUID) -> Collection:
        index = SearchStore(database, search)
        return Collection(user_id, ItemStore(database), AnalysisStore(database), index, lambda: embedder, search)

    def ask(user_id: UUID, session_id: UUID | None, text: str, aws: Aws) -> tuple[UUID, Told]:
        first: list[float] = []

        def hear(event: Event) -> None:
            if isinstance(event, Delta) and not first:
                first.append(time.perf_counter() - started - aws.seconds)

        aws.forget()
        started, busy = time.perf_counter(), time.process_time()
        ticket = announced(sessions, user_id, session_id, question=text)
        service.converse(
            ticket,
            Question(text),
            sessions=sessions,
            assistant=lambda: assistant,
            collection=collection,
            settings=settings,
            sink=hear,
        )
        whole = time.perf_counter() - started - aws.seconds
        processor = time.process_time() - busy - aws.processor_seconds
        spent = (first[0], whole, processor, aws.seconds)
        return ticket.session_id, Told(*(seconds * 1000 for seconds in spent))

    return ask


def _held(ask: Callable[..., tuple[UUID, Told]], user_id: UUID, aws: Aws) -> list[Told]:
    told = []
    for _ in range(CONVERSATIONS):
        session_id = None
        for question in _QUESTIONS[:TURNS]:
            session_id, turn = ask(user_id, session_id, question, aws)
            told.append(turn)
    return told


def _written(user_id: UUID, database: Database, aws: Aws, embedder: Embedder) -> list[Figure]:
    """Of the first, and of the twentieth turn of one conversation, whose answers are as long as Claude's."""
    words = " ".join(uuid4().hex[:6] for _ in range(120))
    ask = _deployed(ScriptedChatModel(decide=lambda _: words, shown=[]), database, embedder)
    figures, session_id = [], None
    for number in range(1, 21):
        session_id, _ = ask(user_id, session_id, f"What about number {number}?", aws)
        if number in (1, 20):
            figures += [
                Figure.of(f"turn {number}: checkpoint, compressed", "KB", [aws.checkpoint_bytes / 1000]),
                Figure.of(f"turn {number}: DynamoDB write units", "", [aws.writes]),
                Figure.of(f"turn {number}: DynamoDB read units", "", [aws.reads]),
                Figure.of(f"turn {number}: requests to DynamoDB and S3", "", [float(len(aws.calls))]),
            ]
    return figures
