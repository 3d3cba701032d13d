import os
from pathlib import Path

import pytest

# Before the first import of aws_cdk: jsii warns at length about Node 20, which works.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")

from tests.infrastructure.synthesized import LOCAL_DATABASE, Synthesized, make_bundles, synthesize


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bundles(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def aws(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(tmp_path_factory.mktemp("aws"), cloud="aws", env="test", bundles=str(bundles))


@pytest.fixture(scope="session")
def local(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(
        tmp_path_factory.mktemp("local"),
        cloud="local",
        env="test",
        bundles=str(bundles),
        database_url=LOCAL_DATABASE,
        database_admin_url=LOCAL_DATABASE,
    )


@pytest.fixture(scope="session")
def private(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    return synthesize(
        tmp_path_factory.mktemp("private"), cloud="aws", env="test", bundles=str(bundles), network="private"
    )


@pytest.fixture(scope="session")
def guarded(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """With everything that is asked for by a word, and Claude on Bedrock."""
    return synthesize(
        tmp_path_factory.mktemp("guarded"),
        cloud="aws",
        env="test",
        bundles=str(bundles),
        network="private",
        nat="gateway",
        waf="true",
        alarm_email="somebody@example.com",
        analysis_provider="bedrock",
        chat_provider="bedrock",
    )


@pytest.fixture(params=["aws", "local"])
def either(request: pytest.FixtureRequest) -> Synthesized:
    found: Synthesized = request.getfixturevalue(request.param)
    return found
