"""Links to S3 objects, signed: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature
Version 4)". A page of a list has 150 of them, and botocore's signer, made for any request, takes four times as long.
"""

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote


class Credentials(Protocol):
    """botocore's, as they are at one moment."""

    access_key: str
    secret_key: str
    token: str | None


def presigned_get(url: str, query: Mapping[str, str], *, credentials: Credentials, region: str, expires_s: int) -> str:
    """A link that gets this one object until it expires.

    Args:
        url: of the object, its path percent-encoded, without a query.
        query: what the link asks for beside; not encoded.
    """
    moment = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    signed = {
        **query,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.token is not None:
        signed["X-Amz-Security-Token"] = credentials.token
    pairs = [f"{name}={quote(value, safe='')}" for name, value in signed.items()]
    host, _, path = url.partition("://")[2].partition("/")
    canonical = f"GET\n/{path}\n{'&'.join(sorted(pairs))}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = _keyed(_signing_key(credentials.secret_key, moment[:8], region), text).hex()
    return f"{url}?{'&'.join(pairs)}&X-Amz-Signature={signature}"


@lru_cache(maxsize=2)
def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _keyed(key, part)
    return key


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
