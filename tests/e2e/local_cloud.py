"""The tests' own local cloud: its outputs, its commands, its users."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local-test"
PORT = 4576


@dataclass(frozen=True)
class LocalCloud:
    """A deployed local cloud, by its outputs."""

    outputs: dict[str, str]

    @classmethod
    def deployed(cls, state: Path = STATE) -> "LocalCloud":
        return cls(json.loads((state / "outputs.json").read_text()))

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            region_name=self.outputs["Region"],
            endpoint_url=self.outputs["AwsEndpointUrl"],
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def http(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.outputs["ApiUrl"], headers=headers, timeout=60)


@contextmanager
def brought_up(state: Path = STATE, port: int = PORT) -> Iterator[str]:
    """What `make up` says. The cloud is stopped afterwards, also where it did not come up whole."""
    try:
        yield command("up", "--port", str(port), state=state)
    finally:
        command("down", state=state)


def command(*arguments: str, state: Path = STATE) -> str:
    """Run one of the local cloud's commands on one of the tests' clouds, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.cloud", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLLECTIONS_STATE": str(state), "COLUMNS": "160"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def sign_in(cloud: LocalCloud) -> str:
    """A fresh confirmed user's access token."""
    email, password = new_login(cloud)
    return token_for(cloud.client("cognito-idp"), cloud.outputs["CognitoClientId"], email, password)


def new_login(cloud: LocalCloud) -> tuple[str, str]:
    """A fresh confirmed user's address and password."""
    email, password = f"{uuid.uuid4()}@users.example", f"Pass-{uuid.uuid4()}-Word"
    cognito, pool = cloud.client("cognito-idp"), cloud.outputs["CognitoUserPoolId"]
    attributes = [{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}]
    cognito.admin_create_user(UserPoolId=pool, Username=email, MessageAction="SUPPRESS", UserAttributes=attributes)
    cognito.admin_set_user_password(UserPoolId=pool, Username=email, Password=password, Permanent=True)
    return email, password


def token_for(cognito: Any, client_id: str, email: str, password: str) -> str:
    answer = cognito.initiate_auth(
        ClientId=client_id,
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    return answer["AuthenticationResult"]["AccessToken"]
