"""Users of the pool as moto plays it: made, signed in, listed, deleted; what is saved is its owner's alone."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from jose import jwt
from moto import mock_aws
from typer.testing import CliRunner, Result

from scripts import outputs, users
from scripts.private_files import write_private

REGION = "eu-central-1"


@pytest.fixture(autouse=True)
def cognito(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """A pool, the outputs that name it, and a folder of one's own for what is saved."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(outputs, "path", lambda cloud: tmp_path / f".{cloud}-outputs.json")
    for name in ("TEST_LOGIN", "TEST_TOKEN", "TEST_USER_ID", "DEMO_USER"):
        monkeypatch.setattr(users, name, tmp_path / name.lower())
    with mock_aws():
        client = boto3.client("cognito-idp", region_name=REGION)
        given_pool(client)
        yield client


def given_pool(client: Any) -> None:
    kinds = ("RequireUppercase", "RequireLowercase", "RequireNumbers", "RequireSymbols")
    policy = {"PasswordPolicy": {"MinimumLength": 12, **dict.fromkeys(kinds, False)}}
    pool = client.create_user_pool(PoolName="users", UsernameAttributes=["email"], Policies=policy)["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    made = client.create_user_pool_client(UserPoolId=pool, ClientName="web", ExplicitAuthFlows=flows)
    client_id = made["UserPoolClient"]["ClientId"]
    outputs.write("aws", {"Region": REGION, "CognitoUserPoolId": pool, "CognitoClientId": client_id})


def run(*arguments: str, answers: str = "") -> Result:
    return CliRunner().invoke(users.app, [*arguments, "--cloud", "aws"], input=answers)


def emails() -> set[str]:
    return {user.email for user in users.users_of(outputs.read("aws"))}


def test_a_user_who_was_made_signs_in_with_a_password_nobody_saw() -> None:
    made = run("create", "ada@example.com")
    token = run("token")

    assert (made.exit_code, token.exit_code) == (0, 0), made.output + token.output
    claims = jwt.get_unverified_claims(users.TEST_TOKEN.read_text())
    assert claims["token_use"] == "access"
    assert users.TEST_USER_ID.read_text() == claims["sub"] == str(UUID(claims["sub"]))
    password = users._saved_login(users.TEST_LOGIN, pool=outputs.read("aws")["CognitoUserPoolId"]).password
    assert password not in made.output + token.output


def test_what_is_saved_was_never_readable_by_others() -> None:
    umask = os.umask(0)
    try:
        run("create", "ada@example.com")
        run("token")
    finally:
        os.umask(umask)

    modes = {
        path.name: path.stat().st_mode & 0o777 for path in (users.TEST_LOGIN, users.TEST_TOKEN, users.TEST_USER_ID)
    }
    assert set(modes.values()) == {0o600}, modes


def test_a_private_file_replaces_one_that_others_could_read(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_user_gets_a_token_by_a_password_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "correct horse battery")
    run("create", "ada@example.com")
    run("create", "eve@example.com")

    assert run("token", "--email", "ada@example.com").exit_code == 0
    monkeypatch.setenv("PASSWORD", "wrong horse battery")
    refused = run("token", "--email", "ada@example.com")
    assert refused.exit_code == 1
    assert "make cognito-create-user" in refused.output


def test_making_somebody_again_sets_another_password() -> None:
    run("create", "ada@example.com", "--password", "the first password")
    run("create", "ada@example.com", "--password", "the second password")

    assert run("token", "--email", "ada@example.com", "--password", "the first password").exit_code == 1
    assert run("token", "--email", "ada@example.com", "--password", "the second password").exit_code == 0
    assert emails() == {"ada@example.com"}


def test_without_a_user_or_a_password_the_way_to_one_is_told() -> None:
    nobody, stranger = run("token"), run("token", "--email", "eve@example.com")

    assert (nobody.exit_code, stranger.exit_code) == (1, 1)
    assert "make cognito-create-user" in nobody.output
    assert "PASSWORD=" in stranger.output


def test_everybody_is_listed_however_many_there_are() -> None:
    made = {f"user-{number}-{uuid4()}@example.com" for number in range(65)}
    for email in made:
        users.create_user(users.Login(email, "a long enough password"), outputs.read("aws"))

    answer = run("list")

    assert emails() == made
    assert "65 users" in answer.output


@pytest.mark.parametrize(("arguments", "answers", "left"), [([], "n\n", 2), ([], "y\n", 1), (["--yes"], "", 1)])
def test_somebody_is_deleted_only_when_that_is_meant(arguments: list[str], answers: str, left: int) -> None:
    run("create", "eve@example.com")
    run("create", "ada@example.com")

    answer = run("delete", "ada@example.com", *arguments, answers=answers)

    assert answer.exit_code == (1 if left == 2 else 0)
    assert len(emails()) == left
    assert "eve@example.com" in emails()
    assert users.TEST_LOGIN.exists() == (left == 2)


def test_a_dry_run_makes_and_deletes_nobody() -> None:
    run("create", "ada@example.com")

    assert run("create", "eve@example.com", "--dry-run").exit_code == 0
    assert run("delete", "ada@example.com", "--dry-run").exit_code == 0
    assert emails() == {"ada@example.com"}


def test_nobody_to_delete_no_address_and_no_cloud_are_told_apart() -> None:
    answers = [
        run("delete", "ada@example.com"),
        run("create", "ada"),
        CliRunner().invoke(users.app, ["list", "--cloud", "a"]),
    ]

    assert [answer.exit_code for answer in answers] == [1, 1, 1]
    assert "make cognito-list-users" in answers[0].output
    assert "EMAIL=ada@example.com" in answers[1].output
    assert "CLOUD=aws" in answers[2].output


def test_want_of_credentials_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    boto3.setup_default_session()

    answer = run("list")

    assert answer.exit_code == 1
    assert "AWS_PROFILE" in answer.output
    assert "Traceback" not in answer.output
