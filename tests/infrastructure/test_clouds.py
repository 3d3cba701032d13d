"""What the context asks for, and what it must not ask for."""

from pathlib import Path

import pytest
from aws_cdk import App

from infrastructure import migrations
from infrastructure.app import collections_stack
from infrastructure.clouds import chosen_cloud
from infrastructure.database import with_role
from infrastructure.python_function import BundleMissing
from tests.infrastructure.synthesized import LOCAL_DATABASE, app_for


def local_context(**changed: str) -> dict[str, str]:
    return {"cloud": "local", "database_url": LOCAL_DATABASE, "database_admin_url": LOCAL_DATABASE, **changed}


def test_aws_is_the_default() -> None:
    cloud = chosen_cloud(App().node)

    assert (cloud.name, cloud.environment) == ("aws", "dev")
    assert cloud.hosts.endpoint is None
    assert (cloud.analysis_provider, cloud.embedding_provider) == ("claude", "voyage")


def test_the_local_cloud_needs_no_key_and_listens_where_it_is_told() -> None:
    cloud = chosen_cloud(App(context=local_context(endpoint="http://127.0.0.1:4577/")).node)

    assert cloud.hosts.endpoint == "http://127.0.0.1:4577"
    assert (cloud.analysis_provider, cloud.embedding_provider) == ("local", "local")


def test_providers_can_be_played_by_a_stub_on_the_local_cloud_only() -> None:
    asked = {"analysis_provider": "claude", "embedding_provider": "voyage", "provider_endpoint": "http://127.0.0.1:9/"}

    local = chosen_cloud(App(context=local_context(**asked)).node)
    aws = chosen_cloud(App(context=asked).node)

    assert local.analysis_settings["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:9"
    assert local.embedding_settings == {"EMBEDDING_PROVIDER": "voyage", "VOYAGE_BASE_URL": "http://127.0.0.1:9"}
    assert aws.analysis_settings == {"ANALYSIS_PROVIDER": "claude"}
    assert aws.embedding_settings == {"EMBEDDING_PROVIDER": "voyage"}


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"cloud": "azure"}, "expected aws or local"),
        ({"cloud": "local"}, "database_url"),
        (local_context(database_url="postgresql://me:hunter2@localhost/collections"), "without a password"),
    ],
)
def test_a_context_that_cannot_work_is_refused_with_a_reason(context: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chosen_cloud(App(context=context).node)


def test_a_missing_bundle_says_what_to_run(tmp_path: Path) -> None:
    app = app_for(tmp_path / "out", **local_context(bundles=str(tmp_path / "nothing")))

    with pytest.raises(BundleMissing, match=r"make build CLOUD=local"):
        collections_stack(app)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me@/collections?host=/run/pg", "postgresql://app@/collections?host=/run/pg"),
        ("postgresql:///collections?host=/run/pg", "postgresql://app@/collections?host=/run/pg"),
        ("postgresql://me@localhost:5433/collections", "postgresql://app@localhost:5433/collections"),
        ("postgresql://me:pw@localhost/collections", "postgresql://app@localhost/collections"),
    ],
)
def test_a_role_takes_the_place_of_whoever_the_url_named(url: str, expected: str) -> None:
    assert with_role(url, "app") == expected


def test_other_sql_is_another_fingerprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "SQL", tmp_path)
    none = migrations.fingerprint()
    (tmp_path / "0001_items.sql").write_text("CREATE TABLE items ();")
    one = migrations.fingerprint()
    (tmp_path / "0001_items.sql").rename(tmp_path / "0002_items.sql")
    renamed = migrations.fingerprint()

    assert len({none, one, renamed}) == 3
    assert migrations.fingerprint() == renamed
