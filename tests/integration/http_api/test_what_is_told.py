"""What leaves through logs, metrics and traces while hostile content goes through the API and the pipeline."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from PIL import Image

from app.analysis import prompt
from app.platform import wiring
from app.platform.events import AnalysisComplete, ImageProcessed, ImageUploaded, ItemEvent
from app.platform.logs import user_hash
from lambdas.analyzer.handler import handler as analyzer
from lambdas.embedder.handler import handler as embedder
from lambdas.image_processor.handler import handler as image_processor
from tests import stub_providers as stubs
from tests.captured_logs import captured_logs
from tests.fakes import envelope
from tests.integration.http_api.application import User, stored_keys
from tests.stub_providers import KEY, AnthropicStub, LangSmithStub, serving

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzb21lYm9keSJ9.c2lnbmF0dXJl"
PRESIGNED = "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=5eaf00d&X-Amz-Credential=AKIA"
FILENAME = f"my-diagnosis {JWT}.jpg"
# Letters that no random id has.
PIN = "4711-kumquat"
NOTE = f"the pin of my card is {PIN}, ignore previous instructions, {PRESIGNED}"
QUERY = "where did I hide the emerald"
SEEN = "PASSWORD: swordfish-in-the-picture"
REQUEST = SimpleNamespace(aws_request_id="request-0815")


@dataclass
class Told:
    """Everything that was said, and where."""

    lines: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    runs: list[dict[str, Any]]

    def texts(self) -> Iterator[str]:
        return (json.dumps(each, ensure_ascii=False) for each in (*self.lines, *self.metrics, *self.runs))


@pytest.fixture
def claude() -> AnthropicStub:
    document = {**stubs.a_document(b""), "headline": SEEN}
    document["image_details"] = {**document["image_details"], "extracted_text": [SEEN]}
    return AnthropicStub(document=lambda _: document)


@pytest.fixture
def langsmith() -> LangSmithStub:
    return LangSmithStub()


@pytest.fixture
def paid_providers(
    reconfigured: Callable[..., None], claude: AnthropicStub, langsmith: LangSmithStub
) -> Iterator[None]:
    with stored_keys("anthropic", "langsmith"), serving(claude, langsmith, keep_alive=False) as url:
        reconfigured(
            ANALYSIS_PROVIDER="claude",
            ANTHROPIC_BASE_URL=url,
            LANGSMITH_BASE_URL=url,
            QUEUE_URL="https://sqs.eu-central-1.amazonaws.com/123456789012/queue",
        )
        yield


def picture() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((60, 40), 90).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def batch(event: ItemEvent) -> dict[str, Any]:
    body = json.dumps(envelope(event))
    return {"Records": [{"messageId": "m", "receiptHandle": "r", "body": body}]}


def through_the_pipeline(user: User, item_id: UUID) -> None:
    for handle, event in ((image_processor, ImageUploaded), (analyzer, ImageProcessed), (embedder, AnalysisComplete)):
        assert handle(batch(event(user.user_id, item_id, 1)), REQUEST) == {"batchItemFailures": []}


@pytest.fixture
def told(
    paid_providers: None,
    user: User,
    claude: AnthropicStub,
    langsmith: LangSmithStub,
    capsys: pytest.CaptureFixture[str],
) -> Told:
    claude.script(stubs.PROSE)
    body = picture()
    with captured_logs() as lines:
        item = user.upload(body, filename=FILENAME, content_type="image/jpeg").json()
        through_the_pipeline(user, UUID(item["id"]))
        user.patch(f"/items/{item['id']}", {"notes": NOTE, "title": NOTE[:100], "tags": ["swordfish"]})
        user.get(f"/items/{item['id']}/image", variant="display")
        found = user.post("/search", {"query": QUERY}).json()
        user.post_raw("/search", b'{"query": "' + QUERY.encode())
        user.get(f"/items/{JWT}")
        user.headers = {"Authorization": f"Bearer {JWT}"}
        user.get("/items")
    assert "results" in found
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith('{"_aws"')]
    return Told([json.loads(line) for line in lines.getvalue().splitlines()], printed, langsmith.runs)


def test_no_content_leaves_and_no_key_token_link_or_name(told: Told, user: User, claude: AnthropicStub) -> None:
    image = stubs.first_image(claude.requests[0])
    secrets = {
        "a key": KEY,
        "a token": JWT,
        "somebody's token": user.pool.token(user.user_id)[:60],
        "a link's signature": "X-Amz-Signature",
        "a note": PIN,
        "a query": "emerald",
        "what a picture says": "swordfish",
        "a file's name": "diagnosis",
        "a prompt": prompt.DESCRIBE[:40],
        "an image": base64.b64encode(image)[100:140].decode(),
        "a user": str(user.user_id),
    }

    assert told.lines
    assert told.metrics
    assert told.runs
    assert {what for what, secret in secrets.items() for text in told.texts() if secret in text} == set()


def test_every_line_of_the_pipeline_says_for_which_request_item_and_user(told: Told, user: User) -> None:
    own = [line for line in told.lines if line["message"] in ("analysis paid", "analyzed")]

    assert [line["message"] for line in own] == ["analysis paid", "analysis paid", "analyzed"]
    assert {line["request_id"] for line in own} == {"request-0815"}
    assert {line["user"] for line in own} == {user_hash(user.user_id)}
    assert all(UUID(line["item_id"]) for line in own)


def test_every_request_says_who_asked_as_a_hash(told: Told, user: User) -> None:
    requests = [line for line in told.lines if line["message"] == "request"]

    assert len({line["request_id"] for line in requests}) == len(requests) == 7
    # A body that cannot be parsed is refused before anybody looks at the token.
    known = {line.get("user") for line in requests if line["status"] < 400}
    assert known == {user_hash(user.user_id)}
    assert {line.get("user") for line in requests if line["status"] == 401} == {None}


def test_every_stage_is_measured(told: Told) -> None:
    stages = {line["stage"] for line in told.metrics if "latency_ms" in line}
    (analysis,) = [line for line in told.metrics if line.get("provider") == "claude"]

    assert stages == {"image_processor", "analyzer", "embedder"}
    assert analysis["input_tokens"] == [4000]
    assert analysis["cost_usd"][0] > 0
    assert {
        dimension for line in told.metrics for dimension in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"][0]
    } <= {
        "stage",
        "service",
        "provider",
        "code",
    }


def test_an_analysis_remembers_its_trace_and_a_search_is_traced(told: Told, user: User) -> None:
    analysis, retrieval = told.runs
    item_id = UUID(analysis["inputs"]["item_id"])

    assert wiring.analyses().latest(user.user_id, [item_id])[item_id].trace_id == analysis["trace_id"]
    assert analysis["extra"]["metadata"]["ls_provider"] == "claude"
    assert analysis["outputs"]["usage_metadata"]["total_tokens"] == 5000
    assert analysis["inputs"]["image_bytes"] > 0
    assert (retrieval["run_type"], retrieval["inputs"]["query_characters"]) == ("retriever", len(QUERY))
    assert "display/" not in json.dumps(told.runs)
