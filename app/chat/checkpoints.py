"""Checkpoints of conversations in DynamoDB, by langgraph-checkpoint-aws; large ones in S3."""

from typing import Any

from botocore.config import Config
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple, get_checkpoint_id
from langgraph_checkpoint_aws import DynamoDBSaver

from app.platform.errors import Unavailable

# Objects of this prefix start no pipeline and are nobody's image.
S3_PREFIX = "checkpoints"
# A checkpoint outlives the session that names it, which is what decides.
_TTL_SLACK_S = 3600
_RECALLED = ("GetItem", "Query")


class CommittedCheckpoints(DynamoDBSaver):  # type: ignore[misc]  # the package has no types
    """Reads the checkpoint that is named, and no other: the last one written may be of a turn that failed."""

    def __init__(self, table: str, *, bucket: str, ttl_seconds: int, boto_config: Config) -> None:
        super().__init__(
            table,
            boto_config=boto_config,
            ttl_seconds=ttl_seconds + _TTL_SLACK_S,
            enable_checkpoint_compression=True,
            s3_offload_config={"bucket_name": bucket, "key_prefix": S3_PREFIX},
        )
        # The next turn may be taken by another container a moment later, and must find what this one wrote.
        for operation in _RECALLED:
            self.client.meta.events.register(f"provide-client-params.dynamodb.{operation}", _consistently)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Raises Unavailable when the named one is not there: an answer without its history would be a wrong one."""
        if get_checkpoint_id(config) is None:
            return None
        found: CheckpointTuple | None = super().get_tuple(config)
        if found is None:
            raise Unavailable("The conversation cannot be read now.")
        return found

    def _get_checkpoint_pending_writes(self, thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> list[Any]:
        """None: a turn is written when it is over, in one piece."""
        return []


def _consistently(params: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {**params, "ConsistentRead": True}
