"""The application under a real server (hypercorn), for the benchmark: S3 and DynamoDB are moto's, in the same process.

    python -m tests.benchmarks.search_api DATABASE_URL PORT FOLDER USER_ID

FOLDER holds `words.json` and `vectors.npy`: what the embedding provider would answer; the user's access token goes to
`token` there. It ends when its input does.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import boto3
import numpy as np
from hypercorn.asyncio import serve
from hypercorn.config import Config
from moto import mock_aws

from app.api import create_app
from app.platform import wiring
from app.search.models import DIMENSIONS
from tests.benchmarks.search_rows import MODEL
from tests.integration.http_api.application import BUCKET, CHECKPOINTS, CLIENT_ID, ISSUER, REQUESTS, Pool

REGION = "eu-central-1"


class KnownQueries:
    """An embedding provider that takes no time."""

    provider, model, dimensions = "fake", MODEL, DIMENSIONS

    def __init__(self, folder: Path) -> None:
        words = json.loads((folder / "words.json").read_text())
        self._vectors = dict(zip(words, np.load(folder / "vectors.npy").tolist(), strict=True))

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return list(self._vectors[text])


def main(database_url: str, port: int, folder: Path, user_id: UUID) -> None:
    pool, embedder = Pool(), KnownQueries(folder)
    os.environ.update(_environment(database_url, pool))
    with mock_aws():
        _make_resources()
        wiring.embedder = lambda: embedder  # type: ignore[assignment]  # stands in for the cached builder
        (folder / "token").write_text(pool.token(user_id, exp=4_000_000_000))
        stop = threading.Event()
        threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
        asyncio.run(_serve(port, stop))
    pool.close()


def _environment(database_url: str, pool: Pool) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
        "CLOUD": "local",
        "ENVIRONMENT": "benchmark",
        "DATABASE_URL": database_url,
        "DATABASE_POOL_SIZE": "8",
        "BUCKET_NAME": BUCKET,
        "COGNITO_ISSUER": ISSUER,
        "COGNITO_CLIENT_ID": CLIENT_ID,
        "COGNITO_JWKS_URL": pool.jwks_url,
        "ANALYSIS_PROVIDER": "local",
        "EMBEDDING_PROVIDER": "local",
        "CHECKPOINTS_TABLE": CHECKPOINTS,
        "SESSIONS_TABLE": "sessions-under-test",
        "REQUESTS_TABLE": REQUESTS,
        "REQUESTS_PER_MINUTE": "1000000",
        # Every search brings its results along.
        "ABSTAIN_BELOW": "-1000",
    }


def _make_resources() -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for table in (CHECKPOINTS, REQUESTS):
        boto3.client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


async def _serve(port: int, stop: threading.Event) -> None:
    config = Config()
    config.bind, config.loglevel = [f"127.0.0.1:{port}"], "ERROR"
    await serve(create_app(), config, shutdown_trigger=lambda: asyncio.to_thread(stop.wait))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), UUID(sys.argv[4]))
