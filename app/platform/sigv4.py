"""Links to S3 objects, signed: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature
Version 4)". A page of a list has 150 of them, and botocore's signer, made for any request, takes four times as long.
"""

import hmac
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


@lru_cache(maxsize=2048)
def presigned_get(
    place: str, key: str, *query: tuple[str, str], credentials: Credentials, region: str, second: int, expires_s: int
) -> str:
    """A link that gets this one object until it expires. Asked for again, it is there already.

    Args:
        place: the bucket's own link, percent-encoded, with the slash that its keys come behind.
        key: not encoded.
        query: what the link asks for beside, in lower case, which sorts behind the signature's own; not encoded.
        credentials: hashable.
        second: of the Unix time from which the link is good.
    """
    seal = _seal(place, credentials.access_key, credentials.secret_key, credentials.token, region, expires_s, second)
    path = quote(key, safe="/~")
    asked = [f"{name}={quote(value, safe='')}" for name, value in sorted(query)]
    canonical = f"GET\n{seal.root}{path}\n{'&'.join([seal.sorted, *asked])}\n{seal.ending}"
    signature = seal.signature.copy()
    signature.update(sha256(canonical.encode()).hexdigest().encode())
    return f"{place}{path}?{'&'.join([*asked, seal.sent])}&X-Amz-Signature={signature.hexdigest()}"


class _Seal(NamedTuple):
    """What all links of one second have in common: their query in the SDK's order and sorted, the bucket's part of what
    is signed, and the signature as far as it is the same.
    """

    sent: str
    sorted: str
    root: str
    ending: str
    signature: hmac.HMAC


@lru_cache(maxsize=2)
def _seal(
    place: str, access_key: str, secret_key: str, token: str | None, region: str, expires_s: int, second: int
) -> _Seal:
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
    host, _, root = place.partition("://")[2].partition("/")
    return _Seal(
        sent="&".join(pairs),
        sorted="&".join(sorted(pairs)),
        root=f"/{root}",
        ending=f"host:{host}\n\nhost\nUNSIGNED-PAYLOAD",
        # To be copied: a digest begun once for a page takes a third off each of its links.
        signature=hmac.new(
            _signing_key(secret_key, moment[:8], region), f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n".encode(), "sha256"
        ),
    )


def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _keyed(key, part)
    return key


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
