"""A user's objects: an export written part by part, and everything removed, old versions included."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO
from uuid import UUID

from app.items.s3 import Missing, translated
from app.platform.errors import Unavailable

# What infrastructure/storage.py's lifecycle rule looks for: keys begin with the user, so a prefix cannot say it.
EXPORT_TAG = ("kind", "export")
_CHUNK = 1024 * 1024
# DeleteObjects takes this many, and ListObjectVersions gives as many a page.
_AT_ONCE = 1000
# Of a part, what S3 wants to be told again when the parts become one object.
_RECEIPT = ("ETag", "ChecksumCRC32")


def export_key(user_id: UUID, job_id: UUID) -> str:
    return f"{user_id}/exports/{job_id}.zip"


class UploadGone(Exception):
    """The upload was completed or aborted: it takes no more parts."""


class ExportBucket:
    """Archives by multipart upload, through a boto3 S3 client. All parts but the last have at least 5 MiB."""

    def __init__(self, client: Any, bucket_name: str) -> None:
        self._client = client
        self._bucket = bucket_name

    def begin(self, key: str) -> str:
        """Start an upload, forgetting what an interrupted start left behind. Returns its id."""
        abort_uploads(self._client, self._bucket, key)
        with translated():
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ContentType="application/zip",
                ChecksumAlgorithm="CRC32",
                Tagging="=".join(EXPORT_TAG),
            )
        return str(answer["UploadId"])

    def put_part(self, key: str, upload_id: str, part: int, body: BinaryIO) -> dict[str, Any]:
        """Store a part, or replace it. Returns its receipt.

        Raises:
            UploadGone
        """
        try:
            with translated():
                answer = self._client.upload_part(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload_id,
                    PartNumber=part,
                    Body=body,
                    ChecksumAlgorithm="CRC32",
                )
        except Missing as exc:
            raise UploadGone(key) from exc
        return {name: answer[name] for name in _RECEIPT if name in answer}

    def complete(self, key: str, upload_id: str, receipts: Sequence[Mapping[str, Any]]) -> None:
        """Make one object of all parts, in order.

        Raises:
            UploadGone
        """
        parts = [{"PartNumber": number, **receipt} for number, receipt in enumerate(receipts, start=1)]
        try:
            with translated():
                self._client.complete_multipart_upload(
                    Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
                )
        except Missing as exc:
            raise UploadGone(key) from exc

    def size(self, key: str) -> int | None:
        """Bytes of the object; None: there is none."""
        try:
            with translated():
                return int(self._client.head_object(Bucket=self._bucket, Key=key)["ContentLength"])
        except Missing:
            return None

    def read(self, key: str, *, max_bytes: int) -> Iterator[bytes] | None:
        """An object in pieces of at most 1 MiB; None: there is none, or it has more than `max_bytes`."""
        try:
            with translated():
                answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except Missing:
            return None
        if answer["ContentLength"] > max_bytes:
            answer["Body"].close()
            return None
        return _pieces(answer["Body"])


def _pieces(body: Any) -> Iterator[bytes]:
    with translated():
        yield from body.iter_chunks(_CHUNK)


class ObjectsOfUser:
    """`PersonalData` in S3: whatever lies under the user's prefixes, with all its versions and delete markers."""

    name = "s3"

    def __init__(self, client: Any, bucket_name: str) -> None:
        self._client = client
        self._bucket = bucket_name

    def remove_some(self, user_id: UUID) -> int:
        for prefix in _prefixes(user_id):
            removed = abort_uploads(self._client, self._bucket, prefix) or self._remove_page(prefix)
            if removed:
                return removed
        return 0

    def count(self, user_id: UUID) -> dict[str, int]:
        found = {"versions": 0, "delete_markers": 0, "uploads": 0}
        for prefix in _prefixes(user_id):
            found["uploads"] += len(_uploads(self._client, self._bucket, prefix))
            for page in self._pages(prefix):
                found["versions"] += len(page.get("Versions", []))
                found["delete_markers"] += len(page.get("DeleteMarkers", []))
        return found

    def _remove_page(self, prefix: str) -> int:
        found = _versions(next(self._pages(prefix)))
        if not found:
            return 0
        with translated():
            answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": found, "Quiet": True})
        # S3 says yes to keys that it does not have: that it understood them shows only when they are gone.
        if answer.get("Errors") or found[0] in _versions(next(self._pages(prefix))):
            raise Unavailable("The image store did not delete everything.")
        return len(found)

    def _pages(self, prefix: str) -> Iterator[Mapping[str, Any]]:
        # Keys come quoted and are unquoted by the SDK, as long as it is not told how.
        pages = self._client.get_paginator("list_object_versions").paginate(
            Bucket=self._bucket, Prefix=prefix, PaginationConfig={"PageSize": _AT_ONCE}
        )
        with translated():
            yield from pages


def _versions(page: Mapping[str, Any]) -> list[dict[str, str]]:
    entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]


def abort_uploads(client: Any, bucket: str, prefix: str) -> int:
    """End multipart uploads under a prefix; their parts are stored and billed until then. Returns how many."""
    found = _uploads(client, bucket, prefix)
    for key, upload_id in found:
        try:
            with translated():
                client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)
        except Missing:
            continue  # somebody else ended it
    return len(found)


def _uploads(client: Any, bucket: str, prefix: str) -> list[tuple[str, str]]:
    pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=bucket, Prefix=prefix)
    with translated():
        found = [(upload["Key"], upload["UploadId"]) for page in pages for upload in page.get("Uploads", [])]
    # Not every S3 heeds the prefix, and the next tenant's are none of our business.
    return [(key, upload_id) for key, upload_id in found if key.startswith(prefix)]


def _prefixes(user_id: UUID) -> tuple[str, ...]:
    """Images and exports; and what did not fit a conversation's table (its thread is `{user_id}#{session_id}`)."""
    return f"{user_id}/", f"checkpoints/{user_id}#"
