"""Structured JSON logs: ids and numbers; never image bytes, prompts, tokens or presigned links."""

import hashlib
from uuid import UUID

from aws_lambda_powertools import Logger

# One line per fact, on stdout, picked up by CloudWatch. The level comes from LOG_LEVEL.
logger = Logger(service="collections", use_rfc3339=True)


def user_hash(user_id: UUID) -> str:
    """Enough to follow one user through the logs, too little to know who it is."""
    return hashlib.sha256(user_id.bytes).hexdigest()[:12]
