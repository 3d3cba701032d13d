"""Who gets in."""

from synthesized import Synthesized

PUBLIC = {"GET /health", "GET /health/ready", "GET /version", "OPTIONS /{proxy+}"}


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


def test_a_preflight_allows_and_exposes_what_the_contract_names(aws: Synthesized) -> None:
    (cors,) = [
        api["CorsConfiguration"] for api in aws.properties_of("AWS::ApiGatewayV2::Api") if "CorsConfiguration" in api
    ]

    assert {"authorization", "content-type", "idempotency-key", "if-match", "if-none-match"} <= set(
        cors["AllowHeaders"]
    )
    assert {"etag", "retry-after", "location", "x-request-id"} <= set(cors["ExposeHeaders"])
    assert "AllowCredentials" not in cors


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
