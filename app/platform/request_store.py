"""What all containers must know of requests: answers to repeat, and how many there were. A DynamoDB table.

Its key is `id`, its time to live `ttl` (which deletes up to two days late, so what has expired is filtered on reading).
"""

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError

from app.platform.errors import Unavailable

# DynamoDB takes 400 KB an item, names and all; a longer answer goes on in further items.
_PART_BYTES = 350_000
# Amazon DynamoDB, Developer Guide, "Error messages and codes": those that are worth trying again.
_PASSING = {
    "InternalServerError", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "ServiceUnavailable",
    "ThrottlingException",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was given: its status, the headers that belong to its content, and the content."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out one request, until its lease ends. Only its holder may say what came of it."""

    key: str
    token: str


class AnotherRequest(Exception):
    """The key was used before, for a request that is not this one."""


class UnderWay(Exception):
    """The same request is being carried out at this moment."""


class RequestStore:
    """The table, through a boto3 DynamoDB client. Every method raises Unavailable when it does not answer."""

    def __init__(self, client: Any, table: str) -> None:
        self._client = client
        self._table = table

    def begin(self, key: str, *, fingerprint: str, lease_s: int, keep_s: int) -> Claim | Answer:
        """Take a request on, in one conditional write; of any number of containers one wins. Or the answer it had.

        A request whose container died is taken on anew when its lease is over.

        Args:
            key: names the request.
            fingerprint: of what was asked.

        Raises:
            AnotherRequest, UnderWay
        """
        now, token = int(time.time()), uuid4().hex
        record = {
            "id": {"S": key},
            "fingerprint": {"S": fingerprint},
            "token": {"S": token},
            "lease_until": {"N": str(now + lease_s)},
            "ttl": {"N": str(now + keep_s)},
        }
        try:
            with _translated():
                self._client.put_item(
                    TableName=self._table,
                    Item=record,
                    ConditionExpression=_IS_FREE,
                    ExpressionAttributeNames={"#ttl": "ttl"},
                    ExpressionAttributeValues={":now": {"N": str(now)}, ":fingerprint": record["fingerprint"]},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except _ConditionFailed as exc:
            # The SDK tries again when an answer is lost, and then meets what it wrote itself.
            if exc.found["token"]["S"] != token:
                return self._answer(key, exc.found, fingerprint)
        return Claim(key, token)

    def complete(self, claim: Claim, answer: Answer, *, keep_s: int) -> bool:
        """Keep the answer for whoever asks again. False: the lease was over, and somebody else took the request on."""
        ttl = {"N": str(int(time.time()) + keep_s)}
        content = zlib.compress(answer.body, level=6)
        first, *others = [content[at : at + _PART_BYTES] for at in range(0, len(content), _PART_BYTES)]
        with _translated():
            for number, part in enumerate(others, start=1):
                self._client.put_item(
                    TableName=self._table,
                    Item={"id": {"S": f"{claim.key}#{claim.token}#{number}"}, "body": {"B": part}, "ttl": ttl},
                )
        try:
            with _translated():
                self._client.update_item(
                    TableName=self._table,
                    Key={"id": {"S": claim.key}},
                    UpdateExpression="SET #status = :status, headers = :headers, body = :body, parts = :parts",
                    ConditionExpression="#token = :token",
                    ExpressionAttributeNames={"#status": "status", "#token": "token"},
                    ExpressionAttributeValues={
                        ":status": {"N": str(answer.status)},
                        ":headers": {"S": json.dumps(answer.headers)},
                        ":body": {"B": first},
                        ":parts": {"N": str(len(others))},
                        ":token": {"S": claim.token},
                    },
                )
        except _ConditionFailed:
            return False
        return True

    def abandon(self, claim: Claim) -> None:
        """Forget the request: nothing came of it, and it may be made again."""
        try:
            with _translated():
                self._client.delete_item(
                    TableName=self._table,
                    Key={"id": {"S": claim.key}},
                    ConditionExpression="#token = :token",
                    ExpressionAttributeNames={"#token": "token"},
                    ExpressionAttributeValues={":token": {"S": claim.token}},
                )
        except _ConditionFailed:
            return  # somebody else took it on meanwhile, and the record is theirs

    def add(self, key: str, count: int, *, expires_at: int) -> int:
        """Add to a sum. Returns the sum after that."""
        with _translated():
            answer = self._client.update_item(
                TableName=self._table,
                Key={"id": {"S": key}},
                UpdateExpression="ADD amount :count SET #ttl = :ttl",
                ExpressionAttributeNames={"#ttl": "ttl"},
                ExpressionAttributeValues={":count": {"N": str(count)}, ":ttl": {"N": str(expires_at)}},
                ReturnValues="UPDATED_NEW",
            )
        return int(answer["Attributes"]["amount"]["N"])

    def _answer(self, key: str, record: dict[str, Any], fingerprint: str) -> Answer:
        if record["fingerprint"]["S"] != fingerprint:
            raise AnotherRequest
        if "status" not in record:
            raise UnderWay
        token, parts = record["token"]["S"], int(record["parts"]["N"])
        others = [self._part(f"{key}#{token}#{number}") for number in range(1, parts + 1)]
        headers = [(name, value) for name, value in json.loads(record["headers"]["S"])]
        content = b"".join([record["body"]["B"], *others])
        return Answer(int(record["status"]["N"]), headers, zlib.decompress(content))

    def _part(self, part_id: str) -> bytes:
        with _translated():
            answer = self._client.get_item(TableName=self._table, Key={"id": {"S": part_id}}, ConsistentRead=True)
        part: bytes = answer["Item"]["body"]["B"]
        return part


# Nobody has it; or it has expired; or it is the same request, left unfinished by a container that is gone.
_IS_FREE = (
    "attribute_not_exists(id) OR #ttl <= :now"
    " OR (fingerprint = :fingerprint AND attribute_not_exists(body) AND lease_until <= :now)"
)


class _ConditionFailed(Exception):
    """The record is not as it would have to be; `found` is how it is, where that was asked for."""

    def __init__(self, found: dict[str, Any]) -> None:
        super().__init__()
        self.found = found


@contextmanager
def _translated() -> Iterator[None]:
    """DynamoDB's errors in our terms; those we do not understand (access denied, say) escape and are seen."""
    try:
        yield
    except ClientError as exc:
        code = exc.response["Error"]["Code"]
        if code == "ConditionalCheckFailedException":
            raise _ConditionFailed(dict(exc.response).get("Item") or {}) from exc
        if code in _PASSING:
            raise Unavailable("Requests cannot be remembered now.") from exc
        raise
    except (EndpointError, HTTPClientError) as exc:
        raise Unavailable("Requests cannot be remembered now.") from exc
