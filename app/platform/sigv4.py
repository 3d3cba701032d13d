"""Links to S3 objects, signed: Amazon S3 API Reference, "Authenticating Requests: Using Query Parameters (AWS Signature
Version 4)". A page of a list has 150 of them, and botocore's signer, made for any request, takes four times as long.
"""

import hmac
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Protocol
from urllib.parse import quote


class Credentials(Protocol):
    """botocore's, as they are at one moment; hashable."""

    access_key: str
    secret_key: str
    token: str | None


class Signer:
    """Makes links to one bucket's objects that are all good from one second on, and until another (`expires_at`)."""

    def __init__(self, place: str, credentials: Credentials, region: str, *, second: int, expires_s: int) -> None:
        """Args:
        place: the bucket's own link, percent-encoded, with the slash that its keys come behind.
        second: of the Unix time from which the links are good.
        """
        moment = f"{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%SZ}"
        scope = f"{moment[:8]}/{region}/s3/aws4_request"
        signed = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{credentials.access_key}/{scope}",
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": "host",
        }
        if credentials.token is not None:
            signed["X-Amz-Security-Token"] = credentials.token
        pairs = [f"{name}={quote(value, safe='')}" for name, value in signed.items()]
        host, _, root = place.partition("://")[2].partition("/")
        self.expires_at = datetime.fromtimestamp(second + expires_s, UTC)
        self._place = place
        # What all links have in common: their query in the SDK's order and sorted, the bucket's part of what is signed,
        # and the signature as far as it is the same. A copy of a digest begun once takes a third off each link.
        self._sent, self._sorted = "&".join(pairs), "&".join(sorted(pairs))
        self._root, self._ending = f"/{root}", f"host:{host}\n\nhost\nUNSIGNED-PAYLOAD"
        self._signature = hmac.new(
            _signing_key(credentials.secret_key, moment[:8], region),
            f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n".encode(),
            "sha256",
        )

    def link(self, key: str, *, download_as: str | None = None) -> str:
        """A link that gets this one object, or saves it as `download_as`."""
        path = quote(key, safe="/~")
        # In lower case it sorts behind the signature's own.
        asked = [f"response-content-disposition={quote(_SAVED % download_as, safe='')}"] if download_as else []
        canonical = f"GET\n{self._root}{path}\n{'&'.join([self._sorted, *asked])}\n{self._ending}"
        signature = self._signature.copy()
        signature.update(sha256(canonical.encode()).hexdigest().encode())
        return f"{self._place}{path}?{'&'.join([*asked, self._sent])}&X-Amz-Signature={signature.hexdigest()}"


@lru_cache(maxsize=2)
def signer(place: str, credentials: Credentials, region: str, *, second: int, expires_s: int) -> Signer:
    """The same one for the same links, so that these can be remembered by it."""
    return Signer(place, credentials, region, second=second, expires_s=expires_s)


_SAVED = 'attachment; filename="%s"'


def _signing_key(secret_key: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = _keyed(key, part)
    return key


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
