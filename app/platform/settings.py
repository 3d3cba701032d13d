"""What each function is told by its environment. Small classes, composed per function; read once, at wiring.

tests/infrastructure builds every class from the synthesized template, so a missing variable fails there first.
"""

from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BeforeValidator, Field, HttpUrl
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


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
    # An outage must be told within 5 s of the request.
    database_connect_timeout_s: int = Field(default=3, ge=1, le=30)
    database_statement_timeout_ms: int = Field(default=15_000, ge=100)


class StorageSettings(_Settings):
    """Where the images are, and what is let in."""

    bucket_name: str
    presign_seconds: int = Field(default=900, ge=60, le=3600)
    # The gateway takes 10 MB and Lambda 6 MB of base64: 4 MiB of image is what fits through the API itself.
    multipart_max_bytes: int = 4 * 1024 * 1024
    upload_max_bytes: int = 50 * 1024 * 1024
    # How many of one user's images may be on their way at once: the queues are shared, and nobody waits behind 500.
    items_under_way_max: int = Field(default=100, ge=1)
    # What one user may keep. Searches look at all of it.
    user_items_max: int = Field(default=20_000, ge=1)
    user_bytes_max: int = Field(default=50 * 1024**3, ge=1)


class ImageSettings(_Settings):
    """What an image may ask of us, checked before it is decoded where that can be known; and what comes out."""

    image_max_bytes: int = 50 * 1024 * 1024
    image_max_pixels: int = 50_000_000
    # The first one is shown; what is refused is a file made to be walked through.
    image_max_frames: int = 10_000
    # EXIF, XMP, ICC, comments and what else is not the picture. Phones hide depth maps of some megabytes in XMP.
    image_max_metadata_bytes: int = 16 * 1024 * 1024
    # Encoders write about ten. Each is a pass over the whole picture, however few bytes it takes.
    image_max_scans: int = 100
    # Processor time, so that a busy machine makes no image fail.
    image_decode_cpu_seconds: int = 15
    # On the clock, inside the Lambda's own timeout; the image is tried again.
    image_decode_wall_seconds: int = 40
    # Address space of the process that decodes, its code included.
    image_decode_memory_bytes: int = 1024 * 1024 * 1024
    # At most this; at least 15/16 of it where the original is larger (a JPEG decoded at one half is taken as it is).
    display_long_edge: int = 2048
    thumbnail_long_edge: int = 512


class AuthSettings(_Settings):
    """Whose tokens open the door."""

    cognito_issuer: str
    cognito_client_id: str
    cognito_jwks_url: HttpUrl


class ProviderSettings(_Settings):
    """How long a provider may take for one image or one batch, on the wall's clock."""

    provider_deadline_s: int = 60


class StageSettings(ProviderSettings):
    """A pipeline stage's queue and clock: provider deadline < Lambda timeout < lease < visibility timeout."""

    queue_url: str
    lease_seconds: int = 120
    # How often one item may be tried in one stage before it is given up (cleanup counts, so nothing loops for ever).
    max_attempts: int = 25


class JobSettings(StageSettings):
    """Jobs go on from message to message; one message's worth of steps fits into the Lambda's timeout."""

    # No step is begun with less than this left: it would be killed and run again.
    step_seconds: int = 25


AnalysisProvider = Literal["local", "claude", "bedrock", "openai"]


def _names(value: Any) -> Any:
    """`a, b` from the environment as a list."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class AnalysisSettings(ProviderSettings):
    """Who describes images. Keys are parameters (`app.platform.parameters`), never settings."""

    analysis_provider: AnalysisProvider
    # Who is asked, in this order, when the one before cannot answer now or has no key: `claude,bedrock`.
    analysis_fallback: Annotated[tuple[AnalysisProvider, ...], NoDecode, BeforeValidator(_names)] = ()
    # Whom a single request may name beside those, and which models of whomever, as JSON: `{"openai": ["gpt-6-luna"]}`.
    analysis_allowed: dict[AnalysisProvider, tuple[str, ...]] = Field(default_factory=dict)
    # Of the first provider. Empty: the newest of its middle class that the SDK knows. On Bedrock an inference profile.
    analysis_model: str = ""
    # How much a model thinks before it answers; empty for models that know no effort.
    analysis_effort: Literal["", "low", "medium", "high"] = "low"
    anthropic_base_url: str = "https://api.anthropic.com"
    openai_base_url: str = "https://api.openai.com"
    # Empty: the function's own region.
    bedrock_base_url: str = ""

    @property
    def analysis_order(self) -> tuple[AnalysisProvider, ...]:
        """The configured provider, then whoever stands in for it."""
        return tuple(dict.fromkeys((self.analysis_provider, *self.analysis_fallback)))

    @property
    def analysis_choices(self) -> tuple[AnalysisProvider, ...]:
        """Whom a request may name."""
        return tuple(dict.fromkeys((*self.analysis_order, *self.analysis_allowed)))

    def analysis_choice(self, provider: str | None, model: str | None) -> AnalysisProvider | None:
        """The provider that is named, by itself or by its model; None if it, or this model of it, is not offered."""
        named = self.analysis_provider if provider is None else provider
        choice = next((offered for offered in self.analysis_choices if offered == named), None)
        return choice if choice and (model is None or model in self.analysis_models(choice)) else None

    def analysis_models(self, provider: AnalysisProvider) -> tuple[str, ...]:
        """Which of a provider's models a request may name; unnamed, it gets the provider's default."""
        configured = (self.analysis_model,) if self.analysis_model and provider == self.analysis_provider else ()
        return tuple(dict.fromkeys((*configured, *self.analysis_allowed.get(provider, ()))))


class TracingSettings(_Settings):
    """LangSmith. What switches it on is its key, a parameter; without one nothing here is used."""

    langsmith_base_url: str = "https://api.smith.langchain.com"
    langsmith_project: str = "collections"
    # The name of a prompt there (`name` or `name:tag`) that takes the place of the one in app/analysis/prompt.py.
    langsmith_prompt: str = ""


class EmbeddingSettings(ProviderSettings):
    """Who embeds. Another model means other vectors: what is indexed must be embedded again."""

    embedding_provider: Literal["local", "voyage"]
    # Empty: the provider's default.
    embedding_model: str = ""
    voyage_base_url: str = "https://api.voyageai.com"
    # Somebody waits for a search, and the words alone answer it too.
    embedding_query_deadline_s: float = 4


class UsageSettings(_Settings):
    """What a user may use up a day, and what everybody together may cost a month: docs/costs.md."""

    analyses_per_day: int = Field(default=500, ge=0)
    embeddings_per_day: int = Field(default=2000, ge=0)
    chats_per_day: int = Field(default=200, ge=0)
    # Each looks through the whole collection.
    rebuilds_per_day: int = Field(default=10, ge=1)
    # Of paid providers, all users together, in a calendar month (UTC). AWS's own bill has a budget of its own.
    provider_budget_usd: Decimal = Field(default=Decimal(25), ge=0)


class SearchSettings(_Settings):
    """Retrieval constants and where they come from: docs/search.md."""

    # Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond"; Lucene's defaults.
    bm25_k1: float = 1.2
    bm25_b: float = 0.75
    # How many of each arm's best are fused.
    arm_depth: int = 50
    # Where more items than this are to be compared, those nearest by signature are compared exactly: so many of them.
    large_tenant_items: int = Field(default=20_000, ge=0)
    signature_depth: int = Field(default=1_000, ge=50)
    # And of so many, taken evenly, mean and deviation of all cosines are told.
    evidence_sample: int = Field(default=500, ge=50)

    # `scores`: each arm's scores over its best one's, cosines counted from the tenant's mean; then the weighted sum.
    # `ranks`: weighted reciprocal ranks. Measured in docs/search.md: scores win on every set, at equal weights, and
    # with a weak embedder most; the rank weights are those that win with a strong one.
    hybrid_fusion: Literal["scores", "ranks"] = "scores"
    hybrid_bm25_weight: float = Field(default=0.5, ge=0, le=1)
    hybrid_vector_weight: float = Field(default=0.5, ge=0, le=1)
    # Fused by scores, how much the best answer counts as part of the question when all are ranked again; 0: not at all.
    # Anything from .2 to .5 does the same for every set (docs/search.md).
    hybrid_feedback: float = Field(default=0.3, ge=0, le=1)
    rrf_bm25_weight: float = Field(default=0.3, ge=0, le=1)
    rrf_vector_weight: float = Field(default=0.7, ge=0, le=1)
    rrf_c: int = 15
    # What another search that was planned for the same question may add to an item's score, of the own search's best.
    agentic_weight: float = Field(default=0.1, ge=0, le=1)

    # Abstention: app/search/abstention.py has the rule, docs/search.md the rates at this operating point.
    abstain_below: float = 0.33
    abstain_z_weight: float = 0.15
    # By words alone (bm25, or no vectors to be had).
    abstain_known_below: float = 0.25
    # What cosines of a query and an unrelated item are like in general, for tenants with too few items to tell:
    # all-MiniLM-L6-v2 over both evaluation sets; counts as so many items.
    background_mean: float = 0.15
    background_deviation: float = 0.1
    background_items: int = 10

    # Hits of a hybrid search that score less than this share of the best one's are left out.
    hybrid_cutoff: float = Field(default=0.15, ge=0, le=1)

    # Of the 64 bits of two perceptual hashes, how many may differ before similar items stop looking the same.
    near_duplicate_bits: int = 8
    # Query embeddings kept per container (4 kB each).
    query_cache_size: int = Field(default=512, ge=0)


class CleanupSettings(_Settings):
    # Longer than the queue's visibility timeout (540 s): until then the message itself is the retry.
    stuck_after_seconds: int = 900
    upload_abandoned_after_seconds: int = 24 * 3600
    orphan_after_seconds: int = 3600
    # Longer than an event can be late: dead letters lie for 14 days, and are then redriven or gone.
    tombstone_kept_days: int = 30
    max_attempts: int = 25


class MigrationSettings(_Settings):
    """The schema owner's way in: a URL (local socket), or a Secrets Manager secret (RDS)."""

    database_admin_url: str = ""
    database_admin_secret_arn: str = ""
    database_name: str = "collections"


class ConversationSettings(_Settings):
    checkpoints_table: str
    sessions_table: str
    # Since the last answer. DynamoDB deletes later; what is over is not there, whatever DynamoDB does.
    session_ttl_seconds: int = 4 * 3600
    # A turn that gives no sign of life for so long is over, and told as failed: longer than a call to the model and
    # what it has looked up take together.
    turn_silence_seconds: int = 90


# How the model that needs no key is called.
LOCAL_CHAT_MODEL = "local-extractive"


class AnswerModelSettings(_Settings):
    """Who answers, and whom a search may name for it."""

    chat_provider: Literal["local", "claude", "bedrock"]
    # Empty: the newest Sonnet that the SDK knows. On Bedrock a model or inference profile id.
    chat_model: str = ""
    # Which of the provider's models a search may name beside it: `claude-opus-5-5,claude-haiku-5-5`.
    chat_allowed: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = ()

    @property
    def answer_models(self) -> tuple[str, ...]:
        """What `answer_model` may be; unnamed, it is the configured one."""
        if self.chat_provider == "local":
            return (LOCAL_CHAT_MODEL,)
        return tuple(dict.fromkeys(([self.chat_model] if self.chat_model else []) + [*self.chat_allowed]))


class ChatSettings(ConversationSettings, AnswerModelSettings):
    """Who answers in conversations, and what a conversation and one answer may take."""

    anthropic_base_url: str = "https://api.anthropic.com"
    # Empty: the function's own region.
    bedrock_base_url: str = ""
    # One call to the model, on the wall's clock; and what it may write.
    chat_call_deadline_s: int = 40
    chat_output_tokens: int = 2000
    # The same of a call that plans searches, for somebody who waits for them.
    plan_deadline_s: int = 8
    plan_output_tokens: int = 800
    # And of a call that summarises what no longer fits the history, before the turn's answer.
    summary_deadline_s: int = 10
    summary_output_tokens: int = 500

    # After that a turn takes no further step; the last one must still fit into the Lambda's timeout.
    chat_turn_deadline_s: int = 110
    # A unit of the user's day is kept for a turn so long: longer than its Lambda lives.
    chat_reservation_s: int = 180
    chat_turns_max: int = Field(default=100, ge=1)

    # Of one turn: calls of tools, and tokens after which the model is asked no more.
    chat_tool_calls: int = Field(default=8, ge=1)
    chat_turn_tokens: int = 60_000
    # Of earlier questions and answers, about; what is older is summarised.
    chat_history_tokens: int = 6_000

    # Web search is offered where its key is a parameter. No domains: all of the web.
    tavily_base_url: str = "https://api.tavily.com"
    web_search_domains: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)] = ()
    web_search_depth: Literal["basic", "advanced"] = "basic"
    web_search_results: int = Field(default=5, ge=1, le=10)
    web_search_deadline_s: float = 10


class ChatFunctionSettings(_Settings):
    """Which function answers, and how long a request waits for it. Lambda tells that function its own name."""

    chat_function_name: str = Field(validation_alias=AliasChoices("CHAT_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_NAME"))
    # A few seconds less than a request may take: docs/chat.md.
    chat_wait_s: int = Field(default=25, ge=1, le=25)


class AccountSettings(_Settings):
    """Whose pool the users are in, and what they may ask for."""

    cognito_user_pool_id: str
    # An export reads everything a user has.
    exports_per_day: int = Field(default=5, ge=1)


class RequestSettings(_Settings):
    """How often one user may ask, and where that and the answers to keyed requests are written down."""

    requests_table: str
    requests_per_minute: int = Field(default=600, ge=1)


class RealtimeSettings(_Settings):
    connections_table: str
    websocket_callback_url: str
    connection_ttl_seconds: int = 2 * 3600


@cache
def service_settings() -> ServiceSettings:
    return ServiceSettings()
