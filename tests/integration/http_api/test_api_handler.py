"""The function behind API Gateway: events of payload format 2.0 through Mangum."""

import asyncio
import base64
import gzip
import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest
from mangum import Mangum

from app.items import s3
from app.platform import wiring
from tests.integration.http_api.application import (
    BUCKET,
    FORM,
    IMAGE_PART,
    User,
    given_item,
    multipart,
)


@pytest.fixture(scope="module")
def handler() -> Iterator[Mangum]:
    """The function's entry point, with the event loop that Mangum looks for while it is imported."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield importlib.import_module("lambdas.api.handler").handler
    asyncio.set_event_loop(None)
    loop.close()


class _Context:
    aws_request_id = "invocation-1"


def through_lambda(
    handler: Mangum,
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> dict[str, Any]:
    """An HTTP API event of payload format 2.0, as API Gateway makes them; bodies arrive as base64."""
    event = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "api.example.com", "x-forwarded-proto": "https"} | dict(headers or {}),
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "test",
            },
            "requestId": "gateway-request-1",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "01/May/2024:12:00:00 +0000",
            "timeEpoch": 1714564800000,
        },
        "isBase64Encoded": body is not None,
    } | ({"body": base64.b64encode(body).decode()} if body is not None else {})
    answer: dict[str, Any] = handler(event, _Context())
    return answer


def body_of(answer: Mapping[str, Any]) -> Any:
    content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"]
    return json.loads(content)


def test_bytes_survive_the_gateway(handler: Mangum, user: User) -> None:
    image = bytes(range(256)) * 16
    body = multipart(IMAGE_PART.removesuffix(b"bytes") + image)

    answer = through_lambda(handler, "POST", "/items", headers=user.headers | {"content-type": FORM}, body=body)

    assert answer["statusCode"] == 201
    item = body_of(answer)
    assert item["sha256"] == hashlib.sha256(image).hexdigest()
    key = s3.original_key(user.user_id, UUID(item["id"]), "image/png")
    stored = boto3.client("s3").get_object(Bucket=BUCKET, Key=key)
    assert stored["Body"].read() == image
    assert stored["CacheControl"] == "private, max-age=300"


def test_a_query_string_survives_the_gateway(handler: Mangum, user: User, owner: psycopg.Connection) -> None:
    wanted = given_item(owner, user, tags=["a b&c=ü"])
    given_item(owner, user)

    answer = through_lambda(handler, "GET", "/items", query="tag=a+b%26c%3D%C3%BC&limit=5", headers=user.headers)

    assert [item["id"] for item in body_of(answer)["items"]] == [str(wanted)]


def test_a_compressed_page_survives_the_gateway(handler: Mangum, user: User, owner: psycopg.Connection) -> None:
    wanted = {str(given_item(owner, user)) for _ in range(10)}

    answer = through_lambda(handler, "GET", "/items", headers=user.headers | {"accept-encoding": "br, gzip"})

    assert (answer["headers"]["content-encoding"], answer["isBase64Encoded"]) == ("gzip", True)
    page = json.loads(gzip.decompress(base64.b64decode(answer["body"])))
    assert {item["id"] for item in page["items"]} == wanted


def test_problems_name_the_gateways_request_and_travel_as_text(handler: Mangum, user: User) -> None:
    answer = through_lambda(handler, "GET", f"/items/{uuid4()}", headers=user.headers)

    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert answer["headers"]["x-request-id"] == "gateway-request-1"
    assert answer["isBase64Encoded"] is False
    assert json.loads(answer["body"])["request_id"] == "gateway-request-1"


def test_a_redirect_survives_the_gateway(handler: Mangum, user: User) -> None:
    item_id = user.upload().json()["id"]

    answer = through_lambda(handler, "GET", f"/items/{item_id}/image", query="variant=original", headers=user.headers)

    assert answer["statusCode"] == 302
    assert answer["headers"]["location"].startswith("https://")


def test_nothing_to_say_survives_the_gateway(handler: Mangum, user: User) -> None:
    item_id = user.upload().json()["id"]

    answer = through_lambda(handler, "DELETE", f"/items/{item_id}", headers=user.headers)

    assert (answer["statusCode"], answer["body"]) == (204, "")


def test_an_unexpected_error_is_a_problem_behind_the_gateway_too_and_logged_once(
    handler: Mangum, user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise RuntimeError("the inside")

    monkeypatch.setattr(wiring, "items", broken)

    answer = through_lambda(handler, "GET", "/items", headers=user.headers)

    assert answer["statusCode"] == 500
    assert answer["headers"]["x-request-id"] == "gateway-request-1"
    assert body_of(answer)["detail"] == "Something went wrong on our side."
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["unexpected error"]


def test_health_answers_behind_the_gateway(handler: Mangum) -> None:
    answer = through_lambda(handler, "GET", "/health")

    assert answer["statusCode"] == 200
    assert body_of(answer)["status"] == "healthy"
