"""Presigned links: the same, byte for byte, as the SDK's own way makes them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.config import Config

from app.items.s3 import ImageBucket
from app.platform.settings import StorageSettings

KEYS = ["a/images/b/original.jpg", "a/images/ü &?=%20+~.png", "a//b", "/lead", "a/../b", "a/'(!*)"]


def client(**options: Any) -> Any:
    return boto3.client(
        "s3",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="a/secret+key",
        config=Config(signature_version="s3v4"),
        **options,
    )


def lasting(link: str) -> tuple[str, dict[str, list[str]]]:
    """A link without what changes from one second to the next."""
    parts = urlsplit(link)
    query = parse_qs(parts.query)
    return f"{parts.scheme}://{parts.netloc}{parts.path}", {
        name: value for name, value in query.items() if name not in {"X-Amz-Date", "X-Amz-Signature"}
    }


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
    monkeypatch: pytest.MonkeyPatch, options: dict[str, str], key: str, download_as: str | None
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    s3 = client(**options)
    wanted = {"ResponseContentDisposition": f'attachment; filename="{download_as}"'} if download_as else {}

    for _ in range(3):  # the clock may strike between the two
        ours = ImageBucket(s3, StorageSettings(bucket_name="images")).presign_get(key, download_as=download_as)
        theirs = s3.generate_presigned_url(
            "get_object", Params={"Bucket": "images", "Key": key, **wanted}, ExpiresIn=900
        )
        if parse_qs(urlsplit(ours).query)["X-Amz-Date"] == parse_qs(urlsplit(theirs).query)["X-Amz-Date"]:
            break

    assert lasting(ours) == lasting(theirs)
    assert ours == theirs
