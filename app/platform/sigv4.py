"""Links to S3 objects, signed: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature
Version 4)". A page of a list has 150 of them, and botocore's signer, made for any request, takes four times as long.
"""

import hmac
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, Protocol
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
        query: what the link asks for beside, in lower case, which sorts behind the signature's own; not encoded.
    """
    seal = _seal(credentials.access_key, credentials.secret_key, credentials.token, region, expires_s, int(time.time()))
    asked = [f"{name}={quote(query[name], safe='')}" for name in sorted(query)]
    host, _, path = url.partition("://")[2].partition("/")
    canonical = f"GET\n/{path}\n{'&'.join([seal.sorted, *asked])}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    signature = _keyed(seal.key, seal.head + sha256(canonical.encode()).hexdigest()).hex()
    return f"{url}?{'&'.join([*asked, seal.sent])}&X-Amz-Signature={signature}"


class _Seal(NamedTuple):
    """What all links of one second have in common: their query in the SDK's order and sorted, what is signed first."""

    sent: str
    sorted: str
    head: str
    key: bytes


@lru_cache(maxsize=2)
def _seal(access_key: str, secret_key: str, token: str | None, region: str, expires_s: int, second: int) -> _Seal:
    moment = f"{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}"
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    signed = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(expires_s),
        "X-Amz-SignedHeaders": "host",
    }
    if token is not None:
        signed["X-Amz-Security-Token"] = token
    pairs = [f"{name}={quote(value, safe='')}" for name, value in signed.items()]
    head = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n"
    return _Seal("&".join(pairs), "&".join(sorted(pairs)), head, _signing_key(secret_key, moment[:8], region))


def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _keyed(key, part)
    return key


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
