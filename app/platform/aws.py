"""boto3 clients, one of each, made on first use. Retries and timeouts are ours: SDK defaults outlast our deadlines."""

from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as EndpointError
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from app.platform.errors import Unavailable


@cache
def client(service: str, *, endpoint: str | None = None, is_hurried: bool = False, waits_s: int | None = None) -> Any:
    """A client for `service`; region, credentials and endpoint come from the SDK's own environment variables.

    Args:
        is_hurried: give up within 4 s in all, for what a request can do without.
        waits_s: ask once, and wait so long for the answer.
    """
    return boto3.client(
        service,
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=1 if is_hurried else 3,
            read_timeout=waits_s or (1 if is_hurried else 15),
            retries={"mode": "standard", "total_max_attempts": 1 if waits_s else 2 if is_hurried else 3},
            # us-east-1 would still presign with the retired version 2.
            signature_version="s3v4" if service == "s3" else None,
        ),
    )


def ping_table(name: str) -> None:
    """Raises Unavailable when DynamoDB does not answer for this table."""
    try:
        client("dynamodb").describe_table(TableName=name)
    except (ClientError, EndpointError, HTTPClientError) as exc:
        raise Unavailable("The conversation store does not answer.") from exc


def sign_database_token(url: str) -> str:
    """The IAM password for a libpq URL, good for 15 minutes. Signed here; nothing is asked of AWS.

    The signer alone: importing boto3's rds client for this would double the cost at a cold start.
    """
    parts = urlsplit(url)
    session = boto3.session.Session()
    signer = RequestSigner(
        ServiceId("rds-db"), session.region_name, "rds-db", "v4", session.get_credentials(), session.events
    )
    request = {
        "method": "GET",
        "url": f"https://{parts.hostname}:{parts.port}/?Action=connect&DBUser={parts.username}",
        "body": {},
        "headers": {},
        "context": {},
    }
    signed: str = signer.generate_presigned_url(request, operation_name="connect", expires_in=900)
    return signed.removeprefix("https://")
