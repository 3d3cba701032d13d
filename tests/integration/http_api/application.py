"""What the tests of the HTTP application share: its users, their pool, and items to find."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID, uuid4

import boto3
import psycopg
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jose import jwk, jwt
from starlette.testclient import TestClient

from app.analysis import store as analysis_store
from app.analysis.models import AnalysisDocument, ProviderAnswer
from app.items import s3
from app.items.store import NewItem
from app.platform import aws, build_info, settings, wiring
from app.search import documents
from app.search import store as search_store
from app.search.models import DIMENSIONS
from tests.integration.conversations import checkpoints_table, sessions_table
from tests.stub_providers import KEY

BUCKET, CHECKPOINTS, REQUESTS = "images-under-test", "checkpoints-under-test", "requests-under-test"
SESSIONS, CONNECTIONS = "sessions-under-test", "connections-under-test"
ISSUER, CLIENT_ID, KID = "https://cognito.example.com/pool", "the-client", "key-1"
MIB = 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
FORM = "multipart/form-data; boundary=limit"
IMAGE_PART = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\nbytes'


# Longer than the tests of a module take on a slow machine.
_TOKEN_S = 4 * 3600


class Pool:
    """A user pool: signs tokens, and serves its public key on the loopback interface."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        # Made once: parsing a private key takes longer than signing with it.
        self._private = jwk.construct(private, "RS256")
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        body = json.dumps({"keys": [jwk.construct(public, "RS256").to_dict() | {"kid": KID}]}).encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.jwks_url = f"http://127.0.0.1:{self._server.server_port}/jwks.json"

    def token(self, user_id: UUID, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "sub": str(user_id),
            "iss": ISSUER,
            "client_id": CLIENT_ID,
            "token_use": "access",
            "iat": now,
            "exp": now + _TOKEN_S,
        }
        return jwt.encode(claims | changes, self._private, "RS256", headers={"kid": KID})

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Embedder:
    """Texts with words in common are near each other; no model behind it."""

    provider, model, dimensions = "fake", "bag-of-words", DIMENSIONS

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        vector = [0.0] * DIMENSIONS
        for word in text.lower().split() or ["nothing"]:
            vector[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % DIMENSIONS] += 1.0
        norm = sum(value * value for value in vector) ** 0.5
        return [value / norm for value in vector]


@contextmanager
def stored_keys(*vendors: str) -> Iterator[None]:
    """The vendors' keys, in the parameter store meanwhile."""
    ssm = boto3.client("ssm")
    names = [f"/collections/test/{vendor}_api_key" for vendor in vendors]
    for name in names:
        ssm.put_parameter(Name=name, Value=KEY, Type="SecureString")
    yield
    ssm.delete_parameters(Names=names)


def forget_collaborators() -> None:
    """The next request builds everything anew, from the environment as it is then."""
    if wiring.database.cache_info().currsize:
        wiring.database().close()
    for module in (wiring, aws, settings, build_info):
        for collaborator in vars(module).values():
            if hasattr(collaborator, "cache_clear"):
                collaborator.cache_clear()


@dataclass
class User:
    """Somebody with a token."""

    http: TestClient
    pool: Pool
    user_id: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        self.headers = {"Authorization": f"Bearer {self.pool.token(self.user_id)}"}

    def get(self, path: str, **params: Any) -> Any:
        # An empty dict would take away the query that stands in the path.
        return self.http.get(path, params=params or None, headers=self.headers, follow_redirects=False)

    def post(self, path: str, body: Any) -> Any:
        return self.http.post(path, json=body, headers=self.headers)

    def post_raw(self, path: str, body: bytes, content_type: str = "application/json") -> Any:
        return self.http.post(path, content=body, headers=self.headers | {"Content-Type": content_type})

    def patch(self, path: str, body: Any) -> Any:
        return self.http.patch(path, json=body, headers=self.headers)

    def delete(self, path: str) -> Any:
        return self.http.delete(path, headers=self.headers)

    def upload(self, body: bytes = PNG, *, filename: str = "photo.png", content_type: str = "image/png") -> Any:
        return self.http.post("/items", files={"file": (filename, body, content_type)}, headers=self.headers)


def given_account(user: User) -> User:
    """Somebody whom the user pool knows too."""
    created = aws.client("cognito-idp").admin_create_user(
        UserPoolId=wiring.account_settings().cognito_user_pool_id, Username=f"{uuid4()}@example.com"
    )["User"]
    return User(user.http, user.pool, UUID(created["Username"]))


def create_tables() -> None:
    """What the application keeps in DynamoDB."""
    client = boto3.client("dynamodb")
    sessions_table(client, SESSIONS)
    checkpoints_table(client, CHECKPOINTS)
    client.create_table(
        TableName=REQUESTS,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.create_table(
        TableName=CONNECTIONS,
        KeySchema=[{"AttributeName": "connection_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("connection_id", "user_id")],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "user_id-index",
                "KeySchema": [{"AttributeName": "user_id", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )


def objects_of(user: User) -> list[str]:
    answer = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=str(user.user_id))
    return [entry["Key"] for entry in answer.get("Contents", [])]


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


def given_item(owner: psycopg.Connection, user: User, **columns: Any) -> UUID:
    item_id = uuid4()
    row = {
        "user_id": user.user_id,
        "item_id": item_id,
        "status": "ready",
        "object_key": s3.original_key(user.user_id, item_id, "image/png"),
        "original_filename": "photo.png",
        "mime_type": "image/png",
        "file_size": 1,
    } | columns
    names, places = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    owner.execute(f"INSERT INTO items ({names}) VALUES ({places})".encode(), row)
    return item_id


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def on(day: int) -> datetime:
    return datetime(2024, 5, day, 12, tzinfo=UTC)


def given_searchable(user: User, headline: str, summary: str = "", **columns: Any) -> UUID:
    """An item that went through the pipeline."""
    item_id = uuid4()
    key = s3.original_key(user.user_id, item_id, "image/png")
    item, _ = wiring.items().add(NewItem(user.user_id, item_id, key, "photo.png", "image/png", 1))
    with wiring.database().tenant(user.user_id) as connection:
        changed = {"width": 10, "height": 10, "status": "ready"} | columns
        assignments = ", ".join(f"{name} = %({name})s" for name in changed)
        connection.execute(
            f"UPDATE items SET {assignments} WHERE item_id = %(item_id)s".encode(), changed | {"item_id": item_id}
        )
    item = wiring.items().get(user.user_id, item_id) or item
    analysis = AnalysisDocument(category="photo", headline=headline, summary=summary)
    document = documents.build(item, analysis)
    with wiring.database().tenant(user.user_id) as connection:
        analysis_store.save(connection, item, ProviderAnswer(analysis, "fake", "fake-1", "prompt-1"))
        search_store.save(connection, item, document, Embedder().embed_query(document.text), Embedder.model)
    return item_id


def multipart(*parts: bytes, boundary: bytes = b"limit") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
