"""Presigned links: the same, byte for byte, as the SDK's own way makes them, and for a while the same link."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import botocore.auth
import pytest
from botocore.config import Config

from app.items.s3 import ImageBucket
from app.platform.settings import StorageSettings

KEYS = ["a/images/b/original.jpg", "a/images/ü &?=%20+~.png", "a//b", "/lead", "a/../b", "a/'(!*)"]
SETTINGS = StorageSettings(bucket_name="images")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def client(**options: Any) -> Any:
    return boto3.client(
        "s3",
        aws_secret_access_key="a/secret+key",
        config=Config(signature_version="s3v4"),
        **{"aws_access_key_id": "AKIDEXAMPLE", "region_name": "eu-central-1", **options},
    )


@pytest.fixture(autouse=True)
def _on_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """What time it is, for us and for the SDK: the first of these."""
    now = [NOON]
    monkeypatch.setattr(time, "time", lambda: now[0].timestamp())
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: now[0].replace(tzinfo=None))
    return now


@pytest.mark.parametrize(
    "options",
    [
        {"region_name": "us-east-1"},
        {"region_name": "eu-central-1"},
        {"region_name": "eu-central-1", "aws_session_token": "IQoJ//+="},
        {"region_name": "eu-central-1", "endpoint_url": "http://127.0.0.1:4566"},
    ],
)
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("download_as", [None, "collections-2026-11-21.zip"])
def test_a_link_is_what_the_sdk_makes(
    clock: list[datetime], options: dict[str, str], key: str, download_as: str | None
) -> None:
    s3 = client(**options)
    wanted = {"ResponseContentDisposition": f'attachment; filename="{download_as}"'} if download_as else {}

    ours = ImageBucket(s3, SETTINGS).signer().link(key, download_as=download_as)

    assert ours == s3.generate_presigned_url(
        "get_object", Params={"Bucket": "images", "Key": key, **wanted}, ExpiresIn=SETTINGS.presign_seconds
    )


def test_a_link_stays_the_same_for_a_fifth_of_its_life(clock: list[datetime]) -> None:
    images, links = ImageBucket(client(), SETTINGS), []
    for seconds in range(0, 2 * SETTINGS.presign_seconds, 10):
        clock[0] = NOON + timedelta(seconds=seconds)
        links.append(images.signer().link("a/display/b.webp"))

    assert [links.count(link) for link in dict.fromkeys(links)] == [18] * 10


def test_a_link_lasts_until_it_is_said_to(clock: list[datetime]) -> None:
    images = ImageBucket(client(), SETTINGS)
    for seconds in range(0, 1000, 7):
        clock[0] = NOON + timedelta(seconds=seconds)
        said = images.signer().expires_at
        signed = parse_qs(urlsplit(images.signer().link("a/display/b.webp")).query)
        begins = datetime.strptime(signed["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")

        assert begins + timedelta(seconds=int(signed["X-Amz-Expires"][0])) == said
        assert begins <= clock[0] <= said - timedelta(seconds=SETTINGS.presign_seconds * 4 / 5)


def test_other_credentials_make_another_link(clock: list[datetime]) -> None:
    sessions = [{"aws_access_key_id": name, "aws_session_token": f"token-{name}"} for name in ("one", "two")]

    links = [ImageBucket(client(**session), SETTINGS).signer().link("a/display/b.webp") for session in sessions]

    assert [parse_qs(urlsplit(link).query)["X-Amz-Security-Token"] for link in links] == [["token-one"], ["token-two"]]
