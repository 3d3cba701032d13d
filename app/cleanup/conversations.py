"""Conversations that are over. DynamoDB's TTL deletes them, up to two days late; here they are only counted."""

import time
from typing import Any


def count_expired(client: Any, table: str) -> int:
    """Sessions whose time is up and which are still stored, page by page, through a boto3 DynamoDB client."""
    pages = client.get_paginator("scan").paginate(
        TableName=table,
        Select="COUNT",
        FilterExpression="#ttl < :now",
        ExpressionAttributeNames={"#ttl": "ttl"},
        ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
    )
    return sum(page["Count"] for page in pages)
