"""Settings: what a function's environment must say, and what happens when it does not."""

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from app.platform import settings as s

REQUIRED: dict[type[BaseSettings], dict[str, str]] = {
    s.ServiceSettings: {"CLOUD": "local", "ENVIRONMENT": "dev"},
    s.DatabaseSettings: {"DATABASE_URL": "postgresql://app@db.example.com/collections"},
    s.StorageSettings: {"BUCKET_NAME": "images"},
    s.ImageSettings: {},
    s.AuthSettings: {
        "COGNITO_ISSUER": "https://issuer.example.com/pool",
        "COGNITO_CLIENT_ID": "client",
        "COGNITO_JWKS_URL": "https://issuer.example.com/pool/.well-known/jwks.json",
    },
    s.StageSettings: {"QUEUE_URL": "https://queue.example.com/1"},
    s.AnalysisSettings: {"ANALYSIS_PROVIDER": "local"},
    s.EmbeddingSettings: {"EMBEDDING_PROVIDER": "local"},
    s.SearchSettings: {},
    s.CleanupSettings: {},
    s.MigrationSettings: {},
    s.ConversationSettings: {"CHECKPOINTS_TABLE": "checkpoints", "SESSIONS_TABLE": "sessions"},
    s.RealtimeSettings: {
        "CONNECTIONS_TABLE": "connections",
        "WEBSOCKET_CALLBACK_URL": "https://ws.example.com/live",
    },
}
ALL = pytest.mark.parametrize("settings", REQUIRED, ids=lambda settings: settings.__name__)


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for settings in REQUIRED:
        for name in settings.model_fields:
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)


def given(monkeypatch: pytest.MonkeyPatch, settings: type[BaseSettings], **changes: str) -> None:
    for name, value in (REQUIRED[settings] | changes).items():
        monkeypatch.setenv(name, value)


@ALL
def test_what_is_required_is_enough(settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, settings)

    built = settings()

    assert {name: str(getattr(built, name.lower())) for name in REQUIRED[settings]} == REQUIRED[settings]


@ALL
def test_whatever_is_missing_is_named_at_once(settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in REQUIRED[settings]:
        given(monkeypatch, settings)
        monkeypatch.delenv(missing)

        with pytest.raises(ValidationError) as failure:
            settings()

        assert [error["loc"] for error in failure.value.errors()] == [(missing.lower(),)]


@ALL
def test_what_is_not_asked_for_is_ignored(settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, settings, AWS_LAMBDA_FUNCTION_NAME="api", SOMETHING_ELSE="1")

    assert not hasattr(settings(), "something_else")


@ALL
def test_settings_do_not_change(settings: type[BaseSettings], monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, settings)
    built = settings()

    with pytest.raises(ValidationError, match="frozen"):
        setattr(built, next(iter(settings.model_fields)), "another")


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        (s.ServiceSettings, "CLOUD", "azure"),
        (s.ServiceSettings, "ENVIRONMENT", ""),
        (s.ServiceSettings, "ENVIRONMENT", "Prod"),
        (s.ServiceSettings, "ENVIRONMENT", "a" * 21),
        (s.ServiceSettings, "LOG_LEVEL", "LOUD"),
        (s.DatabaseSettings, "DATABASE_POOL_SIZE", "0"),
        (s.DatabaseSettings, "DATABASE_POOL_SIZE", "51"),
        (s.DatabaseSettings, "DATABASE_CONNECT_TIMEOUT_S", "0"),
        (s.DatabaseSettings, "DATABASE_STATEMENT_TIMEOUT_MS", "0"),
        (s.DatabaseSettings, "DATABASE_IAM_AUTH", "perhaps"),
        (s.StorageSettings, "PRESIGN_SECONDS", "59"),
        (s.StorageSettings, "PRESIGN_SECONDS", "3601"),
        (s.AuthSettings, "COGNITO_JWKS_URL", "file:///etc/passwd"),
        (s.AuthSettings, "COGNITO_JWKS_URL", "jwks.json"),
        (s.AnalysisSettings, "ANALYSIS_PROVIDER", "magic"),
        (s.EmbeddingSettings, "EMBEDDING_PROVIDER", ""),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(
    settings: type[BaseSettings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, settings, **{name: value})

    with pytest.raises(ValidationError) as failure:
        settings()

    assert [error["loc"] for error in failure.value.errors()] == [(name.lower(),)]


def test_search_starts_from_what_was_measured() -> None:
    search = s.SearchSettings()

    assert (search.bm25_k1, search.bm25_b) == (1.2, 0.75)
    assert (search.hybrid_fusion, search.hybrid_bm25_weight, search.hybrid_vector_weight) == ("scores", 0.5, 0.5)
    assert (search.rrf_bm25_weight, search.rrf_vector_weight) == (0.3, 0.7)
    assert (search.abstain_below, search.abstain_z_weight) == (0.33, 0.15)
    assert (search.rrf_c, search.arm_depth) == (15, 50)


def test_every_deadline_is_inside_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, s.StageSettings)
    stage, cleanup = s.StageSettings(), s.CleanupSettings()

    assert stage.provider_deadline_s < stage.lease_seconds < cleanup.stuck_after_seconds


def test_what_fits_through_the_gateway_fits_through_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, s.StorageSettings)
    storage, images = s.StorageSettings(), s.ImageSettings()

    assert storage.multipart_max_bytes == 4 * 1024 * 1024
    assert storage.upload_max_bytes == images.image_max_bytes == 50 * 1024 * 1024
