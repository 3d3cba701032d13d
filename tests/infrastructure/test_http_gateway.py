"""Who gets in."""

from pathlib import Path

import pytest
from aws_cdk import App

from infrastructure.clouds import chosen_cloud
from tests.infrastructure.synthesized import Synthesized, synthesize

PUBLIC = {"GET /health", "GET /health/ready", "GET /version"}


def http_routes(stack: Synthesized) -> dict[str, dict]:
    sockets = {"$connect", "$disconnect", "$default"}
    routes = {route["RouteKey"]: route for route in stack.properties_of("AWS::ApiGatewayV2::Route")}
    return {key: route for key, route in routes.items() if key not in sockets}


def test_every_route_but_the_public_ones_asks_for_a_token(either: Synthesized) -> None:
    routes = http_routes(either)

    open_routes = {key for key, route in routes.items() if route.get("AuthorizationType", "NONE") == "NONE"}

    assert open_routes == PUBLIC
    assert {route["AuthorizationType"] for key, route in routes.items() if key not in PUBLIC} == {"JWT"}
    assert "ANY /{proxy+}" in routes


def test_tokens_are_those_of_our_pool_for_our_client(either: Synthesized) -> None:
    (authorizer,) = either.properties_of("AWS::ApiGatewayV2::Authorizer")
    (pool,) = either.all_of("AWS::Cognito::UserPool")
    (client,) = either.all_of("AWS::Cognito::UserPoolClient")

    assert authorizer["JwtConfiguration"]["Audience"] == [{"Ref": client}]
    assert (
        either.text(authorizer["JwtConfiguration"]["Issuer"])
        == f"https://cognito-idp.eu-central-1.amazonaws.com/<{pool}>"
    )


def test_the_application_verifies_the_same_issuer_and_client_as_the_gateway(either: Synthesized) -> None:
    (authorizer,) = either.properties_of("AWS::ApiGatewayV2::Authorizer")
    environment = either.environment("api")

    assert environment["COGNITO_ISSUER"] == either.text(authorizer["JwtConfiguration"]["Issuer"])
    assert environment["COGNITO_CLIENT_ID"] == either.text(authorizer["JwtConfiguration"]["Audience"][0])


def test_no_page_of_another_origin_may_call_unless_it_is_named(either: Synthesized) -> None:
    assert all("CorsConfiguration" not in api for api in either.properties_of("AWS::ApiGatewayV2::Api"))


def test_a_named_origin_may_send_and_read_what_the_contract_names(bundles: Path, tmp_path: Path) -> None:
    origins = ["https://app.example.com", "http://localhost:5173"]
    stack = synthesize(tmp_path, cloud="aws", env="test", bundles=str(bundles), cors_origins=", ".join(origins))

    (cors,) = [
        api["CorsConfiguration"] for api in stack.properties_of("AWS::ApiGatewayV2::Api") if "CorsConfiguration" in api
    ]

    assert cors["AllowOrigins"] == origins
    assert {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"} <= set(
        cors["AllowHeaders"]
    )
    assert {"etag", "retry-after", "location", "x-request-id"} <= set(cors["ExposeHeaders"])
    assert "AllowCredentials" not in cors


@pytest.mark.parametrize(
    "origin", ["*", "app.example.com", "https://app.example.com/", "https://*.example.com", "null"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    app = App(context={"cors_origins": f"https://ours.example.com,{origin}"})

    with pytest.raises(ValueError, match="cors_origins"):
        chosen_cloud(app.node)


def test_the_stage_is_throttled_and_logs_json(either: Synthesized) -> None:
    (stage,) = [stage for stage in either.properties_of("AWS::ApiGatewayV2::Stage") if stage["StageName"] == "$default"]

    assert stage["DefaultRouteSettings"] == {"ThrottlingRateLimit": 50, "ThrottlingBurstLimit": 100}
    assert stage["AccessLogSettings"]["Format"].startswith("{")
    # Query strings carry search texts and tokens.
    assert "query" not in stage["AccessLogSettings"]["Format"].lower()


def test_passwords_are_long_and_the_client_keeps_no_secret(either: Synthesized) -> None:
    (pool,) = either.properties_of("AWS::Cognito::UserPool")
    (client,) = either.properties_of("AWS::Cognito::UserPoolClient")

    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] >= 12
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert client["EnableTokenRevocation"] is True
    assert {"ALLOW_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"} == set(
        client["ExplicitAuthFlows"]
    )


def test_signing_in_returns_to_the_web_origin_and_nowhere_else(either: Synthesized) -> None:
    (client,) = either.properties_of("AWS::Cognito::UserPoolClient")
    web = either.outputs["WebUrl"]

    assert {either.text(url) for url in client["CallbackURLs"]} == {web, f"{web}/"}
    assert {either.text(url) for url in client["LogoutURLs"]} == {web, f"{web}/"}
