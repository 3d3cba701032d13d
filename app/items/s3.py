"""Images in S3. Keys are made here and nowhere else, from ids alone: no name a caller sent ever becomes a path."""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus, urlsplit
from uuid import UUID

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.items.models import ObjectInfo, Presigned
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.settings import StorageSettings
from app.platform.sigv4 import Signer, signer

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ISSUED_KEY = re.compile(
    rf"(?P<user>{_UUID})/(?:images/(?P<image>{_UUID})/original\.\w+"
    rf"|(?:display|thumbnails)/(?P<rendition>{_UUID})(?:/(?P<generation>[1-9][0-9]{{0,9}}))?\.webp)"
)
# About as long as its link is the same: whoever looks again sees what is there already, on their own device only.
_CACHE_CONTROL = "private, max-age=300"
# S3 takes this many keys in one DeleteObjects.
_DELETE_AT_ONCE = 1000
_EXTENSIONS = {"image/jpeg": "jpg"}


def original_key(user_id: UUID, item_id: UUID, mime_type: str) -> str:
    extension = _EXTENSIONS.get(mime_type) or mime_type.removeprefix("image/")
    return f"{user_id}/images/{item_id}/original.{extension}"


def rendition_key(user_id: UUID, item_id: UUID, variant: str, generation: int) -> str:
    """Where the `variant` made for one generation of an item lies (`Item.rendition_generation`).

    A worker that was overtaken never writes over what a newer generation shows. Before that was so, keys had no
    generation; 0 stands for these.
    """
    folder = {"display": "display", "thumbnail": "thumbnails"}[variant]
    name = f"{item_id}/{generation}" if generation else f"{item_id}"
    return f"{user_id}/{folder}/{name}.webp"


@lru_cache(maxsize=1024)
def thumbnail_link(signer: Signer, user_id: UUID, item_id: UUID, generation: int) -> str:
    """A link to the thumbnail of one generation of an item; asked for again while it is the same, it is at hand."""
    return signer.link(rendition_key(user_id, item_id, "thumbnail", generation))


def owner_of(key: str) -> UUID | None:
    """The tenant whose prefix an original's key is under, or None for a key that is nobody's."""
    prefix, _, rest = key.partition("/images/")
    if not rest or "\x00" in rest:  # PostgreSQL could not remember such a key
        return None
    try:
        owner = UUID(prefix)
    except ValueError:
        return None
    return owner if str(owner) == prefix else None


def keys_of(user_id: UUID, item_id: UUID, original: str, generations: Iterable[int]) -> list[str]:
    """Every object of an item whose original is at the key `original` and whose renditions are of these generations."""
    return [original, *rendition_keys(user_id, item_id, generations)]


def rendition_keys(user_id: UUID, item_id: UUID, generations: Iterable[int]) -> list[str]:
    return [
        rendition_key(user_id, item_id, variant, generation)
        for generation in sorted(generations)
        for variant in ("display", "thumbnail")
    ]


class IssuedKey(NamedTuple):
    """What a key that was made here says."""

    user_id: UUID
    item_id: UUID
    # Which one a rendition was made for, as in `rendition_key`; None: it is an original's key.
    generation: int | None


def parse_issued_key(key: str) -> IssuedKey | None:
    """What a key says that was made here; None for keys that somebody else chose.

    An original under such a key without a row is a deleted item's, never a new upload.
    """
    match = _ISSUED_KEY.fullmatch(key)
    if match is None:
        return None
    generation = None if match["image"] else int(match["generation"] or 0)
    return IssuedKey(UUID(match["user"]), UUID(match["image"] or match["rendition"]), generation)


def key_from_event(detail: dict[str, Any]) -> str:
    """The object key in S3's own event. EventBridge gives it as it is; S3 notifications would have quoted it."""
    return str(detail["object"]["key"])


class ImageBucket:
    """The images bucket, through a boto3 S3 client."""

    def __init__(self, client: Any, settings: StorageSettings) -> None:
        self._client = client
        self._settings = settings

    def put(self, key: str, body: bytes, *, content_type: str) -> str:
        """Store an object. Returns its ETag."""
        with translated():
            answer = self._client.put_object(
                Bucket=self._settings.bucket_name,
                Key=key,
                Body=body,
                ContentType=content_type,
                CacheControl=_CACHE_CONTROL,
            )
        return str(answer["ETag"]).strip('"')

    def head(self, key: str) -> ObjectInfo | None:
        try:
            with translated():
                answer = self._client.head_object(Bucket=self._settings.bucket_name, Key=key)
        except Missing:
            return None
        return ObjectInfo(
            key=key,
            etag=str(answer["ETag"]).strip('"'),
            size=int(answer["ContentLength"]),
            content_type=str(answer.get("ContentType") or "application/octet-stream"),
        )

    def get(self, key: str, *, max_bytes: int, opened: Callable[[str], None] = lambda _etag: None) -> tuple[bytes, str]:
        """The object and its ETag.

        Args:
            opened: is told the ETag before anything is read, also of what is too large.

        Raises:
            PermanentFailure: there is none, or it is larger than `max_bytes` (which is checked before reading it).
        """
        try:
            with translated():
                answer = self._client.get_object(Bucket=self._settings.bucket_name, Key=key)
                etag = str(answer["ETag"]).strip('"')
                opened(etag)
                if answer["ContentLength"] > max_bytes:
                    raise PermanentFailure("file_too_large", f"The file is larger than {max_bytes >> 20} MiB.")
                return answer["Body"].read(), etag
        except Missing as exc:
            raise PermanentFailure("file_missing", "The uploaded file is not there any more.") from exc

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there count as removed.

        Raises:
            Unavailable: S3 kept at least one.
        """
        for start in range(0, len(keys), _DELETE_AT_ONCE):
            batch = [{"Key": key} for key in keys[start : start + _DELETE_AT_ONCE]]
            with translated():
                answer = self._client.delete_objects(
                    Bucket=self._settings.bucket_name, Delete={"Objects": batch, "Quiet": True}
                )
            if answer.get("Errors"):
                raise Unavailable("The image store did not delete everything.")

    def list_keys(self) -> Iterator[tuple[str, datetime]]:
        """Every object's key and time of last change, page by page."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._settings.bucket_name, EncodingType="url"
        )
        with translated():
            for page in pages:
                for entry in page.get("Contents", []):
                    yield unquote_plus(entry["Key"]), entry["LastModified"]

    def signer(self) -> Signer:
        """Makes links to this bucket's objects, without asking S3.

        For a fifth of their life they stay the same, so that browsers show what they have already.
        """
        place, region = self._place
        # The client has no other way to its credentials, which know when they are to be renewed.
        credentials = self._client._request_signer._credentials.get_frozen_credentials()
        now, lasts_s = int(time.time()), self._settings.presign_seconds
        return signer(place, credentials, region, second=now - now % (lasts_s // 5), expires_s=lasts_s)

    @cached_property
    def _place(self) -> tuple[str, str]:
        """What precedes a key in this bucket's links, and the region they are signed for."""
        link = urlsplit(
            self._client.generate_presigned_url("get_object", Params={"Bucket": self._settings.bucket_name, "Key": "-"})
        )
        _, _, region, _, _ = dict(parse_qsl(link.query))["X-Amz-Credential"].rsplit("/", 4)
        return f"{link.scheme}://{link.netloc}{link.path.removesuffix('-')}", region

    def presign_post(self, key: str, *, content_type: str) -> Presigned:
        """A form that may store this one key, of this type, up to the size limit."""
        form = self._client.generate_presigned_post(
            Bucket=self._settings.bucket_name,
            Key=key,
            Fields={"Content-Type": content_type},
            Conditions=[
                {"Content-Type": content_type},
                ["content-length-range", 0, self._settings.upload_max_bytes],
            ],
            ExpiresIn=self._settings.presign_seconds,
        )
        expires_at = datetime.now(UTC) + timedelta(seconds=self._settings.presign_seconds)
        return Presigned(url=form["url"], fields=form["fields"], expires_at=expires_at)

    def ping(self) -> None:
        """Raises Unavailable when the bucket does not answer, is not there, or is not ours to read."""
        try:
            with translated():
                self._client.head_bucket(Bucket=self._settings.bucket_name)
        except (Missing, ClientError) as exc:
            raise Unavailable("The images bucket cannot be used.") from exc


class Missing(Exception):
    """404 from S3."""


@contextmanager
def translated() -> Iterator[None]:
    """S3's errors in our terms; those we do not understand (access denied, say) escape and are seen."""
    try:
        yield
    except ClientError as exc:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 404:
            raise Missing from exc
        if status >= 500 or status == 429:
            raise Unavailable("The image store does not answer.") from exc
        raise
    except (EndpointError, HTTPClientError) as exc:
        raise Unavailable("The image store does not answer.") from exc
