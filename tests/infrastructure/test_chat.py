"""Conversations: their own function, on the same gateway, with as little as it needs."""

from pathlib import Path

import pytest

from infrastructure.chat import PATHS
from tests.infrastructure.synthesized import BUNDLES, Synthesized, synthesize
from tests.infrastructure.test_functions import claude_on_bedrock, listed
from tests.infrastructure.test_http_gateway import http_routes


def invoked_by(stack: Synthesized, bundle: str) -> list[str]:
    return [
        stack.text(resource)
        for statement in stack.statements(bundle)
        if "lambda:InvokeFunction" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    ]


def test_its_routes_ask_for_the_same_token_as_all_others(either: Synthesized) -> None:
    routes = http_routes(either)

    of_chat = {routes[f"ANY {path}"]["AuthorizerId"]["Ref"] for path in PATHS}

    assert of_chat == {routes["ANY /{proxy+}"]["AuthorizerId"]["Ref"]}
    assert {routes[f"ANY {path}"]["AuthorizationType"] for path in PATHS} == {"JWT"}


def test_its_routes_lead_to_it_and_the_others_do_not(either: Synthesized) -> None:
    logical_id, _ = either.functions()["chat"]
    routes, integrations = http_routes(either), either.all_of("AWS::ApiGatewayV2::Integration")

    def target(key: str) -> str:
        integration = either.text(routes[key]["Target"]).removeprefix("integrations/").strip("<>")
        return either.text(integrations[integration]["Properties"]["IntegrationUri"])

    assert {key for key in routes if logical_id in target(key)} == {f"ANY {path}" for path in PATHS}


def test_only_whoever_verifies_users_may_have_something_answered(either: Synthesized) -> None:
    logical_id, _ = either.functions()["chat"]

    # Beside them only the deployment, which asks every function which code it is.
    callers = {bundle: invoked_by(either, bundle) for bundle in BUNDLES if bundle != "smoke"}

    assert {bundle: resources for bundle, resources in callers.items() if resources} == {
        "api": [f"<{logical_id}.Arn>"],
        "chat": [f"<{logical_id}.Arn>"],
        "realtime": [f"<{logical_id}.Arn>"],
    }
    assert either.environment("realtime")["CHAT_FUNCTION_NAME"] == f"<{logical_id}>"


def test_a_turn_that_failed_is_not_begun_again_in_silence(either: Synthesized) -> None:
    name = {"Ref": either.functions()["chat"][0]}

    (config,) = (
        config for config in either.properties_of("AWS::Lambda::EventInvokeConfig") if config["FunctionName"] == name
    )

    assert config["MaximumRetryAttempts"] == 0
    assert config["MaximumEventAgeInSeconds"] == 60


def test_it_outlives_its_turns_and_no_step_of_them_is_taken_for_dead(
    either: Synthesized, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.platform.settings import ChatSettings

    for name, value in either.environment("chat").items():
        monkeypatch.setenv(name, value)
    settings = ChatSettings()  # type: ignore[call-arg]
    _, function = either.functions()["chat"]

    timeout = function["Properties"]["Timeout"]

    assert settings.chat_turn_deadline_s + settings.chat_call_deadline_s + settings.web_search_deadline_s < timeout
    assert timeout < settings.chat_reservation_s
    assert settings.chat_call_deadline_s + settings.web_search_deadline_s < settings.turn_silence_seconds
    # A question may wait so long in Lambda's queue.
    assert settings.turn_silence_seconds > 60


def test_what_is_too_large_for_a_table_expires_under_the_rule_that_the_package_looks_for(either: Synthesized) -> None:
    rules = [
        rule
        for bucket in either.properties_of("AWS::S3::Bucket")
        for rule in bucket.get("LifecycleConfiguration", {}).get("Rules", [])
        if rule.get("Prefix") == "checkpoints/"
    ]

    assert [(rule["Id"], rule["ExpirationInDays"]) for rule in rules] == [("checkpoints-ttl-expiration-1d", 1)]


def test_it_may_call_bedrock_only_where_that_is_chosen(aws: Synthesized, bundles: Path, tmp_path: Path) -> None:
    chosen = synthesize(tmp_path, cloud="aws", env="test", bundles=str(bundles), chat_provider="bedrock")

    allowed = {
        bundle
        for bundle in BUNDLES
        for statement in chosen.statements(bundle)
        if "bedrock:InvokeModelWithResponseStream" in listed(statement["Action"])
    }

    assert allowed == {"chat"}
    assert not claude_on_bedrock(aws, "chat")
    assert chosen.environment("chat")["CHAT_PROVIDER"] == "bedrock"
    assert chosen.violations == []


def test_whoever_answers_and_whoever_lets_requests_name_them_know_the_same_models(
    bundles: Path, tmp_path: Path
) -> None:
    chosen = synthesize(
        tmp_path,
        cloud="aws",
        env="test",
        bundles=str(bundles),
        chat_model="claude-sonnet-5-5",
        chat_allowed="claude-haiku-5-5",
    )

    for bundle in ("api", "chat"):
        told = chosen.environment(bundle)
        assert (told["CHAT_PROVIDER"], told["CHAT_MODEL"], told["CHAT_ALLOWED"]) == (
            "claude", "claude-sonnet-5-5", "claude-haiku-5-5",
        )  # fmt: skip
    # Nobody else needs them; only the one that answers knows whom to call.
    assert "CHAT_PROVIDER" not in chosen.environment("realtime")
