"""Runtimes, environments and rights of the Lambdas."""

import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from app.platform import settings as s
from tests.infrastructure.synthesized import BUNDLES, WORKERS, Synthesized, synthesize

SETTINGS: dict[str, list[type[BaseSettings]]] = {
    "api": [
        s.ServiceSettings,
        s.DatabaseSettings,
        s.StorageSettings,
        s.AuthSettings,
        s.AnalysisSettings,
        s.EmbeddingSettings,
        s.TracingSettings,
        s.UsageSettings,
        s.SearchSettings,
        s.ConversationSettings,
        s.AccountSettings,
        s.RequestSettings,
        s.ChatFunctionSettings,
        s.AnswerModelSettings,
    ],
    "image_processor": [s.ServiceSettings, s.DatabaseSettings, s.StorageSettings, s.ImageSettings, s.StageSettings],
    "analyzer": [
        s.ServiceSettings,
        s.DatabaseSettings,
        s.StorageSettings,
        s.StageSettings,
        s.AnalysisSettings,
        s.UsageSettings,
        s.TracingSettings,
    ],
    "embedder": [s.ServiceSettings, s.DatabaseSettings, s.StageSettings, s.EmbeddingSettings, s.UsageSettings],
    "cleanup": [
        s.ServiceSettings,
        s.DatabaseSettings,
        s.StorageSettings,
        s.ConversationSettings,
        s.CleanupSettings,
    ],
    "migrate": [s.ServiceSettings, s.MigrationSettings],
    "smoke": [s.ServiceSettings],
    "jobs": [
        s.ServiceSettings,
        s.DatabaseSettings,
        s.StorageSettings,
        s.JobSettings,
        s.RequestSettings,
        s.AccountSettings,
        s.ConversationSettings,
        s.RealtimeSettings,
        s.EmbeddingSettings,
        s.UsageSettings,
    ],
    "realtime": [
        s.ServiceSettings,
        s.DatabaseSettings,
        s.AuthSettings,
        s.RealtimeSettings,
        s.ConversationSettings,
        s.RequestSettings,
        s.ChatFunctionSettings,
    ],
    # It is told its own name by Lambda.
    "chat": [
        s.ServiceSettings,
        s.DatabaseSettings,
        s.StorageSettings,
        s.AuthSettings,
        s.RequestSettings,
        s.ChatSettings,
        s.EmbeddingSettings,
        s.SearchSettings,
        s.UsageSettings,
        s.TracingSettings,
        s.RealtimeSettings,
    ],
}

KINDS = {"images", "display", "thumbnails"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_there_is_one_function_per_bundle(either: Synthesized) -> None:
    assert set(either.functions()) == set(BUNDLES)
    assert len(either.all_of("AWS::Lambda::Function")) == len(BUNDLES)


def test_aws_runs_python_3_13_on_arm(aws: Synthesized) -> None:
    for function in aws.properties_of("AWS::Lambda::Function"):
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["Handler"] == "handler.handler"


def test_the_local_cloud_runs_the_python_of_its_host(local: Synthesized) -> None:
    arm = platform.machine().lower() in {"arm64", "aarch64"}

    for function in local.properties_of("AWS::Lambda::Function"):
        assert function["Runtime"] == f"python3.{sys.version_info.minor}"
        assert function["Architectures"] == ["arm64" if arm else "x86_64"]


def test_the_image_processor_has_a_whole_vcpu(aws: Synthesized) -> None:
    _, function = aws.functions()["image_processor"]

    assert function["Properties"]["MemorySize"] == 1769


def test_logs_are_kept_for_a_while_and_not_for_ever(either: Synthesized) -> None:
    groups = either.all_of("AWS::Logs::LogGroup")

    written = {f["LoggingConfig"]["LogGroup"]["Ref"] for f in either.properties_of("AWS::Lambda::Function")}

    assert written <= set(groups)
    assert len(written) == len(BUNDLES)
    assert all(group["Properties"]["RetentionInDays"] <= 31 for group in groups.values())


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_function_is_told_everything_its_settings_ask_for(
    either: Synthesized, bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, value in either.environment(bundle).items():
        monkeypatch.setenv(name, value)

    built = [settings() for settings in SETTINGS[bundle]]

    assert len(built) == len(SETTINGS[bundle])


@pytest.mark.parametrize("bundle", BUNDLES)
def test_a_function_is_told_nothing_that_nobody_reads(either: Synthesized, bundle: str) -> None:
    read = {name.upper() for settings in SETTINGS[bundle] for name in settings.model_fields}

    assert set(either.environment(bundle)) - read == {"POWERTOOLS_SERVICE_NAME"}


def test_the_migrator_has_one_way_in(aws: Synthesized, local: Synthesized) -> None:
    assert "DATABASE_ADMIN_SECRET_ARN" in aws.environment("migrate")
    assert "DATABASE_ADMIN_URL" not in aws.environment("migrate")
    assert "DATABASE_ADMIN_URL" in local.environment("migrate")
    assert "DATABASE_ADMIN_SECRET_ARN" not in local.environment("migrate")


def test_only_the_migrator_may_read_the_owners_password(aws: Synthesized) -> None:
    readers = {
        bundle
        for bundle in BUNDLES
        for statement in aws.statements(bundle)
        if "secretsmanager:GetSecretValue" in listed(statement["Action"])
    }

    assert readers == {"migrate"}


def test_no_environment_carries_a_password_or_a_key(either: Synthesized) -> None:
    for bundle in BUNDLES:
        for name, value in either.environment(bundle).items():
            assert not re.search(r"PASSWORD|SECRET(?!_ARN)|API_KEY|TOKEN", name), name
            assert not re.search(r"://[^/@]*:[^/@]*@|resolve:secretsmanager", value), name


def test_the_schema_is_migrated_before_new_code_serves(either: Synthesized) -> None:
    (migrated,) = either.all_of("Custom::Migrations")

    for bundle in set(BUNDLES) - {"migrate", "smoke"}:
        _, function = either.functions()[bundle]
        assert migrated in function["DependsOn"]


def test_everything_that_serves_is_smoked_when_it_is_all_there(either: Synthesized) -> None:
    (smoked,) = either.all_of("Custom::Smoke").values()
    serving = {bundle: either.functions()[bundle][0] for bundle in set(BUNDLES) - {"migrate", "smoke"}}

    assert set(serving.values()) | set(either.all_of("AWS::ApiGatewayV2::Route")) - websocket_routes(either) <= set(
        smoked["DependsOn"]
    )
    assert {"Ref": serving["api"]} in smoked["Properties"]["functions"]
    assert len(smoked["Properties"]["functions"]) == len(serving)
    assert smoked["Properties"]["workers"] == [{"Ref": serving[bundle]} for bundle in WORKERS]


def websocket_routes(stack: Synthesized) -> set[str]:
    routes = stack.all_of("AWS::ApiGatewayV2::Route")
    return {name for name, route in routes.items() if " " not in route["Properties"]["RouteKey"]}


def test_a_deployment_asks_for_migrations_and_smoke_by_its_own_name(either: Synthesized) -> None:
    asked = [*either.properties_of("Custom::Migrations"), *either.properties_of("Custom::Smoke")]

    assert [properties["deployment"] for properties in asked] == [{"Ref": "Deployment"}] * 2


def test_no_function_is_told_its_version_by_its_environment(either: Synthesized) -> None:
    # Beside new code it would be stale: the bundle says which code it is.
    for bundle in BUNDLES:
        assert not [name for name in either.environment(bundle) if re.search(r"SHA|VERSION|BUILD|COMMIT", name)]


def test_cloudformation_asks_the_migrator_itself(either: Synthesized) -> None:
    (resource,) = either.properties_of("Custom::Migrations")
    logical_id, function = either.functions()["migrate"]

    assert resource["ServiceToken"] == {"Fn::GetAtt": [logical_id, "Arn"]}
    assert int(resource["ServiceTimeout"]) > function["Properties"]["Timeout"]
    assert re.fullmatch(r"[0-9a-f]{64}", resource["fingerprint"])


def test_only_the_analyzer_may_call_bedrock_and_only_where_it_is_chosen(
    aws: Synthesized, bundles: Path, tmp_path: Path
) -> None:
    chosen = synthesize(tmp_path, cloud="aws", env="test", bundles=str(bundles), analysis_provider="bedrock")

    callers = {bundle for bundle in BUNDLES if claude_on_bedrock(chosen, bundle)}

    assert callers == {"analyzer"}
    assert claude_on_bedrock(chosen, "analyzer") == {
        "arn:aws:bedrock:*::foundation-model/anthropic.*",
        "arn:aws:bedrock:*:123456789012:inference-profile/*.anthropic.*",
    }
    assert not claude_on_bedrock(aws, "analyzer")
    assert chosen.violations == []


@pytest.mark.parametrize(
    "context",
    [{"analysis_fallback": "claude, bedrock"}, {"analysis_allowed": '{"bedrock": [], "openai": ["gpt-6-luna"]}'}],
)
def test_who_stands_in_and_who_may_be_named_is_told_to_those_who_ask(
    bundles: Path, tmp_path: Path, context: dict[str, str]
) -> None:
    chosen = synthesize(tmp_path, cloud="aws", env="test", bundles=str(bundles), langsmith_prompt="vision", **context)

    (name, value) = next(iter(context.items()))
    for bundle in ("api", "analyzer"):
        environment = chosen.environment(bundle)
        assert environment[name.upper()] == value
        assert environment["LANGSMITH_PROMPT"] == "vision"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name.upper(), value)
            patch.setenv("ANALYSIS_PROVIDER", environment["ANALYSIS_PROVIDER"])
            assert "bedrock" in s.AnalysisSettings().analysis_choices  # type: ignore[call-arg]
    assert claude_on_bedrock(chosen, "analyzer")


def claude_on_bedrock(stack: Synthesized, bundle: str) -> set[str]:
    return {
        stack.text(resource)
        for statement in stack.statements(bundle)
        if "bedrock:InvokeModel" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }


# `{bucket}/*`, where others have `{bucket}/*/{kind}/*`.
EVERYTHING = {"everything"}


@pytest.mark.parametrize(
    ("bundle", "expected"),
    [
        ("api", {"GetObject": {*KINDS, "exports"}, "PutObject": {"images"}, "DeleteObject": KINDS}),
        ("image_processor", {"GetObject": {"images"}, "PutObject": KINDS, "DeleteObject": KINDS}),
        ("analyzer", {"GetObject": {"display"}}),
        ("embedder", {}),
        ("cleanup", {"GetObject": {"images"}, "DeleteObject": EVERYTHING}),
        ("jobs", {"GetObject": {"images", "exports"}, "PutObject": {"exports"}, "DeleteObject": EVERYTHING}),
        ("realtime", {}),
        (
            "chat",
            {"GetObject": {"thumbnails", "checkpoints"}, "PutObject": {"checkpoints"}, "DeleteObject": {"checkpoints"}},
        ),
        ("migrate", {}),
    ],
)
def test_a_function_touches_only_its_kinds_of_objects(
    either: Synthesized, bundle: str, expected: dict[str, set[str]]
) -> None:
    granted: dict[str, set[str]] = {}
    for statement in either.statements(bundle):
        for action in listed(statement["Action"]):
            if action.startswith("s3:") and action.endswith("Object"):
                kinds = {kind_of(either.text(resource)) for resource in listed(statement["Resource"])}
                granted.setdefault(action.removeprefix("s3:"), set()).update(kinds)

    assert granted == expected


def kind_of(resource: str) -> str:
    _, *parts = resource.split("/")
    return "everything" if parts == ["*"] else parts[-2]


def test_only_what_empties_accounts_reaches_old_versions(either: Synthesized) -> None:
    emptying = {
        bundle
        for bundle in BUNDLES
        for statement in either.statements(bundle)
        if "s3:DeleteObjectVersion" in listed(statement["Action"])
    }

    assert emptying == {"cleanup", "jobs"}


def test_only_jobs_may_delete_a_user_and_only_the_api_may_look_one_up_beside_it(either: Synthesized) -> None:
    granted = {
        bundle: {
            action
            for statement in either.statements(bundle)
            for action in listed(statement["Action"])
            if action.startswith("cognito-idp:")
        }
        for bundle in BUNDLES
    }

    assert {bundle: actions for bundle, actions in granted.items() if actions} == {
        "api": {"cognito-idp:AdminGetUser"},
        "jobs": {"cognito-idp:AdminGetUser", "cognito-idp:AdminDeleteUser"},
    }
