"""The distribution, and what a browser is told by it."""

from tests.infrastructure.synthesized import Synthesized


def behaviours(stack: Synthesized) -> tuple[dict, dict, dict]:
    """The front end's behaviour, the API's, and the origins by id."""
    (distribution,) = stack.properties_of("AWS::CloudFront::Distribution")
    config = distribution["DistributionConfig"]
    (api,) = config["CacheBehaviors"]
    return config["DefaultCacheBehavior"], api, {origin["Id"]: origin for origin in config["Origins"]}


def policy(stack: Synthesized) -> dict[str, list[str]]:
    (headers,) = stack.properties_of("AWS::CloudFront::ResponseHeadersPolicy")
    security = headers["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    text = stack.text(security["ContentSecurityPolicy"]["ContentSecurityPolicy"])
    return {name: sources for name, *sources in (directive.split() for directive in text.split("; "))}


def test_the_front_end_comes_from_the_private_bucket(either: Synthesized) -> None:
    front_end, _, origins = behaviours(either)

    origin = origins[front_end["TargetOriginId"]]

    assert "OriginAccessControlId" in origin
    assert either.outputs["WebBucketName"].strip("<>") in either.text(origin["DomainName"])


def test_the_api_is_served_whole_and_never_cached(either: Synthesized) -> None:
    _, api, _ = behaviours(either)
    caching_disabled, all_viewer_except_host = (
        "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    )

    assert api["PathPattern"] == "/api/*"
    assert {"POST", "PATCH", "DELETE"} <= set(api["AllowedMethods"])
    assert api["CachePolicyId"] == caching_disabled
    assert api["OriginRequestPolicyId"] == all_viewer_except_host


def test_the_api_behind_the_web_origin_is_the_api(aws: Synthesized, local: Synthesized) -> None:
    _, api, origins = behaviours(aws)
    _, local_api, local_origins = behaviours(local)

    origin, local_origin = origins[api["TargetOriginId"]], local_origins[local_api["TargetOriginId"]]

    assert "https://" + aws.text(origin["DomainName"]) == aws.outputs["ApiUrl"]
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    config = local_origin["CustomOriginConfig"]
    assert config["OriginProtocolPolicy"] == "http-only"
    assert (
        f"http://{local_origin['DomainName']}:{config['HTTPPort']}{local.text(local_origin['OriginPath'])}"
        == local.outputs["ApiUrl"]
    )


def test_plain_http_is_redirected_on_aws_and_served_locally(aws: Synthesized, local: Synthesized) -> None:
    assert {b["ViewerProtocolPolicy"] for b in behaviours(aws)[:2]} == {"redirect-to-https"}
    assert {b["ViewerProtocolPolicy"] for b in behaviours(local)[:2]} == {"allow-all"}


def test_scripts_are_our_own_and_nobody_frames_us(either: Synthesized) -> None:
    directives = policy(either)

    assert directives["default-src"] == ["'self'"]
    assert directives["script-src"] == ["'self'"]
    assert directives["object-src"] == ["'none'"]
    assert directives["frame-ancestors"] == ["'none'"]


def test_the_browser_may_reach_what_the_front_end_calls(aws: Synthesized) -> None:
    directives, outputs = policy(aws), aws.outputs
    # Regional, dual-stack and global: links are signed for any of them.
    images = [source for source in directives["img-src"] if outputs["BucketName"].strip("<>") in source]

    assert len(images) == 3
    assert {outputs["ApiUrl"], outputs["WebSocketUrl"], outputs["CognitoDomain"], *images} <= set(
        directives["connect-src"]
    )
    assert not [source for sources in directives.values() for source in sources if "*" in source]


def test_the_local_browser_may_reach_the_one_port(local: Synthesized) -> None:
    directives = policy(local)

    assert "http://127.0.0.1:4566" in directives["img-src"]
    assert {"http://127.0.0.1:4566", local.outputs["WebSocketUrl"]} <= set(directives["connect-src"])
