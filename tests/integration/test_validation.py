"""What a validation says of a cloud that is not as it should be: AWS as moto plays it, one thing wrong at a time."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from jose import jwt
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from scripts import outputs, secrets, users, validate
from scripts.validation import report, site, steps
from scripts.validation.report import Result, Validation
from scripts.validation.site import CheckFailed, NotSignedIn, Site

REGION = "eu-central-1"
SUB = "5f0c4e44-0000-4000-8000-000000000000"
# Of one action alone: moto refuses without looking at the condition.
TLS_ONLY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:GetBucketCORS",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setattr(secrets, "function_settings", lambda found: [{"ANALYSIS_PROVIDER": "claude"}])
    monkeypatch.setattr(outputs, "client", client)
    with mock_aws():
        yield


def client(service: str, found: dict[str, str]) -> Any:
    """moto keeps the EventBridge setting, and leaves it out when it is asked for it: AWS tells."""
    made = boto3.client(service, region_name=found["Region"])
    made.meta.events.register("after-call.s3.GetBucketNotificationConfiguration", tell_of_eventbridge)
    return made


def tell_of_eventbridge(parsed: dict[str, Any], **_: Any) -> None:
    kept = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets["images"].notification_configuration
    if kept and kept.event_bridge is not None:
        parsed["EventBridgeConfiguration"] = {}


@pytest.fixture
def here() -> Site:
    """A cloud with a user pool and a bucket that are as they should be."""
    cognito, s3 = boto3.client("cognito-idp"), boto3.client("s3")
    pool = cognito.create_user_pool(PoolName="users", UsernameAttributes=["email"])["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="web", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    s3.create_bucket(Bucket="images", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket="images", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    block(s3, is_blocked=True)
    s3.put_bucket_policy(Bucket="images", Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {**TLS_ONLY, "Resource": ["arn:aws:s3:::images", "arn:aws:s3:::images/*"]}
    ]}))  # fmt: skip
    found = {
        "Region": REGION,
        "CognitoUserPoolId": pool,
        "CognitoClientId": client,
        "BucketName": "images",
        "ApiUrl": "http://127.0.0.1:9",
    }
    token = jwt.encode({"sub": SUB}, "not looked at")
    return Site("aws", found, "test", time.monotonic() + 60, token=token)


def block(s3: Any, *, is_blocked: bool) -> None:
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(
        Bucket="images", PublicAccessBlockConfiguration=dict.fromkeys(names, True) | {"BlockPublicPolicy": is_blocked}
    )


def give_key() -> None:
    boto3.client("ssm").put_parameter(Name="/collections/test/anthropic_api_key", Value="sk", Type="SecureString")


def test_a_bucket_that_is_as_it_should_be_passes_and_holds_nothing_afterwards(here: Site) -> None:
    assert steps.bucket(here) == "EventBridge on, private, TLS only"
    assert boto3.client("s3").list_objects_v2(Bucket="images")["KeyCount"] == 0


def test_a_bucket_that_tells_nobody_is_open_or_takes_plain_http_fails(here: Site) -> None:
    s3 = boto3.client("s3")
    s3.put_bucket_policy(Bucket="images", Policy='{"Version": "2012-10-17", "Statement": []}')
    with pytest.raises(CheckFailed, match="plain HTTP"):
        steps.bucket(here)
    block(s3, is_blocked=False)
    with pytest.raises(CheckFailed, match="public access"):
        steps.bucket(here)
    s3.put_bucket_notification_configuration(Bucket="images", NotificationConfiguration={})
    with pytest.raises(CheckFailed, match="EventBridge"):
        steps.bucket(here)


def test_parameters_are_written_read_and_gone_and_missing_keys_are_named(here: Site) -> None:
    with pytest.raises(CheckFailed, match=r"/collections/test/anthropic_api_key.*make secrets-populate"):
        steps.parameters(here)
    give_key()

    steps.parameters(here)

    left = boto3.client("ssm").get_parameters_by_path(Path="/collections/test/", Recursive=True)["Parameters"]
    assert [each["Name"] for each in left] == ["/collections/test/anthropic_api_key"]


def test_without_a_token_what_needs_one_is_skipped_and_the_user_is_taken_away(here: Site) -> None:
    here.token = ""
    users.create_user(here.login, here.found)

    with pytest.raises(NotSignedIn):
        steps.bucket(here)
    said = here.leave()

    assert "sign-in deleted" in said
    assert list(users.users_of(here.found)) == []
    assert here.leave() == "nothing was made"


def test_what_fails_is_told_and_the_rest_is_tried(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Site) -> str:
        raise CheckFailed("it is not so | at all")

    def needs_a_token(_: Site) -> str:
        raise NotSignedIn("needs a token")

    monkeypatch.setattr(validate, "STEPS", (("One", fails), ("Two", needs_a_token), ("Three", steps.bucket)))
    monkeypatch.setattr(site.Site, "leave", lambda self: "nothing was made")

    found = validate.validate(here)

    assert [result.outcome for result in found.results] == ["failed", "skipped", "passed", "passed"]
    assert not found.has_passed


def test_a_mistake_of_our_own_is_no_finding_and_still_cleans_up(here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[Site] = []
    monkeypatch.setattr(validate, "STEPS", (("One", lambda _: {}["mistake"]),))
    monkeypatch.setattr(site.Site, "leave", lambda self: left.append(self) or "gone")

    with pytest.raises(KeyError):
        validate.validate(here)

    assert left == [here]


def test_the_report_is_for_people_and_for_programs(tmp_path: Path) -> None:
    results = [Result("One", "passed", "all | well", 0.25), Result("Two", "failed", "not so\nat all", 1)]
    validation = Validation("aws", "prod", "https://api.example", "2026-11-21T12:00:00+00:00", 1.25, results)

    page = report.write(validation, tmp_path / "reports")

    facts = json.loads(page.with_suffix(".json").read_text())
    assert (facts["passed"], facts["results"][1]["outcome"]) == (False, "failed")
    assert "**1 of 2 passed**" in page.read_text()
    assert "| 1 | One | passed | 0.2 | all \\| well |" in page.read_text()
    assert "| 2 | Two | failed | 1.0 | not so at all |" in page.read_text()
