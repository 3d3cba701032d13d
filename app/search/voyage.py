"""Embeddings by Voyage AI, over its REST API: one POST.

The vendor's SDK would add 162 MB and half a second of imports to that POST; urllib3 is in every bundle already, under
boto3. Limits and fields: Voyage AI, API reference, "Text embedding models".
"""

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import urllib3
from pydantic import BaseModel, Field, ValidationError

from app.platform import metrics, spending
from app.platform.errors import PermanentFailure, Unavailable, code_of
from app.platform.logs import logger
from app.platform.parameters import Secret
from app.platform.providers import Deadline, asking, failure_of
from app.search.models import DIMENSIONS

PROVIDER = "Voyage"
# How the names of all its models begin.
MODELS = "voyage-"
DEFAULT_MODEL = "voyage-3.5-lite"
_MAX_TEXTS = 1000
_MAX_TOKENS = {
    "voyage-4-lite": 1_000_000,
    "voyage-3.5-lite": 1_000_000,
    "voyage-4": 320_000,
    "voyage-3.5": 320_000,
}
_LEAST_MAX_TOKENS = 120_000
_CONNECT_TIMEOUT_S = 3.0


class _Embedding(BaseModel):
    index: int
    embedding: list[float] = Field(min_length=DIMENSIONS, max_length=DIMENSIONS)


class _Usage(BaseModel):
    total_tokens: int


class _Answer(BaseModel):
    data: list[_Embedding]
    usage: _Usage


class VoyageEmbedder:
    """An `app.search.models.Embedder`. Retries are the queue's business: a call is one attempt. Safe to share."""

    provider = "voyage"
    dimensions = DIMENSIONS

    def __init__(
        self,
        secret: Secret,
        *,
        model: str = DEFAULT_MODEL,
        base_url: str = "https://api.voyageai.com",
        deadline_s: float = 60,
        query_deadline_s: float = 4,
    ) -> None:
        """`deadline_s` is for all batches of one `embed_documents` together; somebody waits for a query."""
        self.model = model
        # A token is at least a byte of text, so counting bytes needs no tokenizer and never exceeds the limit.
        self._max_bytes = _MAX_TOKENS.get(model, _LEAST_MAX_TOKENS)
        self._secret = secret
        self._url = f"{base_url.rstrip('/')}/v1/embeddings"
        self._deadline_s, self._query_deadline_s = deadline_s, query_deadline_s
        self._pool = urllib3.PoolManager(retries=False)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """(n, 1024), unit norm, in the order of the texts. What is over 32,000 tokens in a text is not seen.

        Raises:
            Unavailable: no answer in time, or none now; also where the account or the key is refused.
            PermanentFailure: `provider_rejected`, `provider_not_configured`.
        """
        deadline = Deadline(self._deadline_s)
        return [
            vector
            for batch in _batches(texts, max_bytes=self._max_bytes)
            for vector in self._embed(batch, "document", deadline)
        ]

    def embed_query(self, text: str) -> list[float]:
        """(1024,), unit norm; same errors."""
        return self._embed([_sendable(text, self._max_bytes)], "query", Deadline(self._query_deadline_s))[0]

    def _embed(
        self, texts: list[str], input_type: Literal["document", "query"], deadline: Deadline
    ) -> list[list[float]]:
        body = {
            "input": texts,
            "model": self.model,
            "input_type": input_type,
            "output_dimension": DIMENSIONS,
            "truncation": True,
        }
        try:
            with asking("embedder"):
                return self._ask(body, deadline, expected=len(texts))
        except (PermanentFailure, Unavailable) as exc:
            metrics.publish({"provider_failures": 1}, stage="embedder", provider=self.provider, code=code_of(exc))
            raise

    def _ask(self, body: dict[str, Any], deadline: Deadline, *, expected: int) -> list[list[float]]:
        key = self._secret.value()
        answer = deadline.run(lambda: self._post(body, key=key, timeout_s=deadline.timeout()), provider=PROVIDER)
        if answer.status == 401:
            self._secret.refused()
        if answer.status != 200:
            logger.warning("provider refused", provider=self.provider, status=answer.status)
            raise failure_of(answer.status, provider=PROVIDER, retry_after=answer.headers.get("retry-after"))
        return self._read(answer.data, expected=expected)

    def _post(self, body: dict[str, Any], *, key: str, timeout_s: float) -> urllib3.BaseHTTPResponse:
        """Raises Unavailable when there is no whole answer."""
        try:
            return self._pool.request(
                "POST",
                self._url,
                body=json.dumps(body).encode(),
                headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
                timeout=urllib3.Timeout(connect=_CONNECT_TIMEOUT_S, read=timeout_s),
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as exc:
            raise Unavailable(f"{PROVIDER} did not answer.") from exc

    def _read(self, content: bytes, *, expected: int) -> list[list[float]]:
        """The vectors of an answer. What is not one is a fault on the way: asking again may give a good one."""
        try:
            answer = _Answer.model_validate_json(content)
        except ValidationError as exc:
            raise Unavailable(f"{PROVIDER} answered something unreadable.") from exc
        vectors = {each.index: each.embedding for each in answer.data}
        norms = {index: math.hypot(*vector) for index, vector in vectors.items()}
        if sorted(vectors) != list(range(expected)) or not all(0 < norm < math.inf for norm in norms.values()):
            raise Unavailable(f"{PROVIDER} answered something unreadable.")
        tokens = answer.usage.total_tokens
        cost = spending.paid(self.model, input_tokens=tokens)
        metrics.publish({"input_tokens": tokens, "cost_usd": float(cost)}, stage="embedder", provider=self.provider)
        logger.info("embeddings paid", model=self.model, texts=expected, input_tokens=tokens, cost_usd=str(cost))
        return [[number / norms[index] for number in vectors[index]] for index in range(expected)]


def _batches(texts: Sequence[str], *, max_bytes: int) -> Iterator[list[str]]:
    """Neighbours together, as many as the vendor takes at once."""
    batch: list[str] = []
    size = 0
    for text in texts:
        sendable = _sendable(text, max_bytes)
        length = len(sendable.encode())
        if batch and (len(batch) == _MAX_TEXTS or size + length > max_bytes):
            yield batch
            batch, size = [], 0
        batch.append(sendable)
        size += length
    if batch:
        yield batch


def _sendable(text: str, max_bytes: int) -> str:
    """Text that fits, is valid UTF-8, and is not empty: Voyage refuses a batch with an empty text in it."""
    cut = text.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
    return cut if cut.strip() else "-"
