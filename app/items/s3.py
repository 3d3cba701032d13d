"""Images in S3. Keys are made here and nowhere else, from ids alone: no name a caller sent ever becomes a path."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus
from uuid import UUID

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.items.models import ObjectInfo, Presigned
from app.platform.errors import PermanentFailure, Unavailable
from app.platform.settings import StorageSettings

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_ISSUED_KEY = re.compile(
    rf"(?P<user>{_UUID})/(?:images/(?P<image>{_UUID})/original\.\w+|(?:display|thumbnails)/(?P<rendition>{_UUID})\.webp)"
)
# S3 takes this many keys in one DeleteObjects.
_DELETE_AT_ONCE = 1000
_EXTENSIONS = {"image/jpeg": "jpg"}


def original_key(user_id: UUID, item_id: UUID, mime_type: str) -> str:
    extension = _EXTENSIONS.get(mime_type) or mime_type.removeprefix("image/")
    return f"{user_id}/images/{item_id}/original.{extension}"


def rendition_key(user_id: UUID, item_id: UUID, variant: str) -> str:
    folder = {"display": "display", "thumbnail": "thumbnails"}[variant]
    return f"{user_id}/{folder}/{item_id}.webp"


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


def keys_of(user_id: UUID, item_id: UUID, original: str) -> list[str]:
    """Every object that belongs to an item whose original is at the key `original`."""
    return [original, *rendition_keys(user_id, item_id)]


def rendition_keys(user_id: UUID, item_id: UUID) -> list[str]:
    return [rendition_key(user_id, item_id, variant) for variant in ("display", "thumbnail")]


def parse_issued_key(key: str) -> tuple[UUID, UUID] | None:
    """User and item of a key that was made here; None for keys that somebody else chose.

    An original under such a key without a row is a deleted item's, never a new upload.
    """
    match = _ISSUED_KEY.fullmatch(key)
    return (UUID(match["user"]), UUID(match["image"] or match["rendition"])) if match else None


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
        with _translated():
            answer = self._client.put_object(
                Bucket=self._settings.bucket_name, Key=key, Body=body, ContentType=content_type
            )
        return str(answer["ETag"]).strip('"')

    def head(self, key: str) -> ObjectInfo | None:
        try:
            with _translated():
                answer = self._client.head_object(Bucket=self._settings.bucket_name, Key=key)
        except _Missing:
            return None
        return ObjectInfo(
            key=key,
            etag=str(answer["ETag"]).strip('"'),
            size=int(answer["ContentLength"]),
            content_type=str(answer.get("ContentType") or "application/octet-stream"),
        )

    def get(self, key: str, *, max_bytes: int) -> tuple[bytes, str]:
        """The object and its ETag.

        Raises:
            PermanentFailure: there is none, or it is larger than `max_bytes` (which is checked before reading it).
        """
        try:
            with _translated():
                answer = self._client.get_object(Bucket=self._settings.bucket_name, Key=key)
                if answer["ContentLength"] > max_bytes:
                    raise PermanentFailure("file_too_large", f"The file is larger than {max_bytes >> 20} MiB.")
                return answer["Body"].read(), str(answer["ETag"]).strip('"')
        except _Missing as exc:
            raise PermanentFailure("file_missing", "The uploaded file is not there any more.") from exc

    def delete(self, keys: Sequence[str]) -> None:
        """Remove objects; those that are not there count as removed.

        Raises:
            Unavailable: S3 kept at least one.
        """
        for start in range(0, len(keys), _DELETE_AT_ONCE):
            batch = [{"Key": key} for key in keys[start : start + _DELETE_AT_ONCE]]
            with _translated():
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
        with _translated():
            for page in pages:
                for entry in page.get("Contents", []):
                    yield unquote_plus(entry["Key"]), entry["LastModified"]

    def presign_get(self, key: str) -> str:
        """A link that opens this one object until it expires. Made without asking S3."""
        url: str = self._client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._settings.bucket_name, "Key": key},
            ExpiresIn=self._settings.presign_seconds,
        )
        return url

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
        return Presigned(url=form["url"], fields=form["fields"], expires_at=self.links_expire_at())

    def links_expire_at(self) -> datetime:
        """When a link made now stops working."""
        return datetime.now(UTC) + timedelta(seconds=self._settings.presign_seconds)

    def ping(self) -> None:
        """Raises Unavailable when the bucket does not answer."""
        try:
            with _translated():
                self._client.head_bucket(Bucket=self._settings.bucket_name)
        except _Missing as exc:
            raise Unavailable("The images bucket is not there.") from exc


class _Missing(Exception):
    """404 from S3."""


@contextmanager
def _translated() -> Iterator[None]:
    """S3's errors in our terms; those we do not understand (access denied, say) escape and are seen."""
    try:
        yield
    except ClientError as exc:
        status = exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status == 404:
            raise _Missing from exc
        if status >= 500 or status == 429:
            raise Unavailable("The image store does not answer.") from exc
        raise
    except (EndpointError, HTTPClientError) as exc:
        raise Unavailable("The image store does not answer.") from exc
