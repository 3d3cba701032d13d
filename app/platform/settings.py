"""What each function is told by its environment. Small classes, composed per function; read once, at wiring.

tests/infrastructure builds every class from the synthesized template, so a missing variable fails there first.
"""

from functools import cache
from typing import Literal

from pydantic import Field, HttpUrl
from pydantic_settings import BaseSettings, SettingsConfigDict


class _Settings(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore")


class ServiceSettings(_Settings):
    """Every function has these."""

    cloud: Literal["aws", "local"]
    environment: str = Field(pattern=r"^[a-z][a-z0-9-]{0,19}$")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class DatabaseSettings(_Settings):
    """Where PostgreSQL is, for the application's role."""

    # libpq URL without a password: IAM signs one per connection, or the local socket trusts its owner.
    database_url: str
    database_iam_auth: bool = False
    # One per Lambda execution environment (it serves one request at a time); more under a threaded server.
    database_pool_size: int = Field(default=1, ge=1, le=50)
    database_connect_timeout_s: int = Field(default=5, ge=1, le=30)
    database_statement_timeout_ms: int = Field(default=15_000, ge=100)


class StorageSettings(_Settings):
    """Where the images are, and what is let in."""

    bucket_name: str
    presign_seconds: int = Field(default=900, ge=60, le=3600)
    # The gateway takes 10 MB and Lambda 6 MB of base64: 4 MiB of image is what fits through the API itself.
    multipart_max_bytes: int = 4 * 1024 * 1024
    upload_max_bytes: int = 50 * 1024 * 1024


class ImageSettings(_Settings):
    """Limits enforced before pixels are decoded, and what comes out."""

    image_max_bytes: int = 50 * 1024 * 1024
    image_max_pixels: int = 50_000_000
    display_long_edge: int = 2048
    thumbnail_long_edge: int = 512


class AuthSettings(_Settings):
    """Whose tokens open the door."""

    cognito_issuer: str
    cognito_client_id: str
    cognito_jwks_url: HttpUrl


class StageSettings(_Settings):
    """A pipeline stage's queue and clock: provider deadline < Lambda timeout < lease < visibility timeout."""

    queue_url: str
    lease_seconds: int = 120
    provider_deadline_s: int = 60
    # How often one item may be tried in one stage before it is given up (cleanup counts, so nothing loops for ever).
    max_attempts: int = 25


class AnalysisSettings(_Settings):
    analysis_provider: Literal["local", "claude", "bedrock", "openai"]


class EmbeddingSettings(_Settings):
    embedding_provider: Literal["local", "voyage"]


class SearchSettings(_Settings):
    """Retrieval constants and where they come from: docs/search.md."""

    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    hybrid_bm25_weight: float = 0.3
    hybrid_vector_weight: float = 0.7
    rrf_c: int = 15
    arm_depth: int = 50


class CleanupSettings(_Settings):
    # Longer than the queue's visibility timeout (540 s): until then the message itself is the retry.
    stuck_after_seconds: int = 900
    upload_abandoned_after_seconds: int = 24 * 3600
    orphan_after_seconds: int = 3600
    max_attempts: int = 25


class MigrationSettings(_Settings):
    """The schema owner's way in: a URL (local socket), or a Secrets Manager secret (RDS)."""

    database_admin_url: str = ""
    database_admin_secret_arn: str = ""
    database_name: str = "collections"


class ConversationSettings(_Settings):
    checkpoints_table: str
    sessions_table: str


class RealtimeSettings(_Settings):
    connections_table: str
    websocket_callback_url: str
    connection_ttl_seconds: int = 2 * 3600


@cache
def service_settings() -> ServiceSettings:
    return ServiceSettings()  # type: ignore[call-arg]  # from the environment
