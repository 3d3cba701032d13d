"""The way into a deployed cloud's database: as its functions go in, by their own settings, from this machine."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit, urlunsplit

from app.platform import aws, migrations
from app.platform.database import with_password
from scripts import outputs
from scripts.console import fail
from scripts.local import paths, postgres

# Whose rights: the application's and cleanup's roles sign in with IAM tokens on AWS, the schema's owner with a secret.
Role = Literal["app", "cleanup", "owner"]
_FUNCTION_OF: dict[Role, str] = {"app": "api", "cleanup": "cleanup", "owner": "migrate"}
# Where Lambda unpacks a bundle: paths in its environment begin there.
_LAMBDA_ROOT = "/var/task"


@dataclass(frozen=True, slots=True)
class Access:
    """A libpq URL with its password, if it has one; and which environment's database it is."""

    url: str
    environment: str

    @property
    def name(self) -> str:
        return urlsplit(self.url).path.lstrip("/")

    @property
    def host(self) -> str:
        """Empty: a socket."""
        return urlsplit(self.url).hostname or ""

    def at(self, host: str) -> "Access":
        """The same on another server: one that was made from this one's snapshots knows the same passwords."""
        parts = urlsplit(self.url)
        who = parts.netloc.rpartition("@")[0]
        return Access(urlunsplit(parts._replace(netloc=f"{who}@{host}:{parts.port or 5432}")), self.environment)


def role_named(said: str) -> Role:
    for role in _FUNCTION_OF:
        if role == said:
            return role
    return fail(f"There is no role {said!r}. Say ROLE=app, cleanup or owner.")


def access(role: Role, found: dict[str, str]) -> Access:
    """How the functions of this role get in. An IAM token is good for 15 minutes, for signing in; sessions last."""
    function = outputs.function_name(_FUNCTION_OF[role], found)
    answer = outputs.client("lambda", found).get_function_configuration(FunctionName=function)
    settings: dict[str, str] = answer["Environment"]["Variables"]
    url = _owner_url(settings, found) if role == "owner" else _role_url(settings, found)
    return Access(url, settings["ENVIRONMENT"])


def program(name: str, url: str) -> Path:
    """psql, pg_dump or pg_restore: the local Postgres package's for a socket, the one on PATH for servers with TLS."""
    if not urlsplit(url).hostname:
        return postgres.program(name)
    path = shutil.which(name)
    if path is None:
        fail(
            f"{name} is not on PATH, and the local package's knows no TLS. "
            "Install it: apt install postgresql-client, or brew install libpq."
        )
    return Path(path)


def check_version(path: Path, *, server: int) -> None:
    """pg_dump refuses servers that are newer than itself.

    Args:
        server: its major version.
    """
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"\b(\d+)", said)
    if version is None or int(version[1]) < server:
        fail(f"{path} is of {said.strip()!r}, the server of PostgreSQL {server}. Install postgresql-client-{server}.")


def split_password(url: str) -> tuple[str, dict[str, str]]:
    """A URL that may stand in a process list, and the environment that has the rest."""
    parts = urlsplit(url)
    who, _, host = parts.netloc.rpartition("@")
    user, has_password, _ = who.partition(":")
    if not has_password:
        return url, dict(os.environ)
    bare = urlunsplit(parts._replace(netloc=f"{user}@{host}"))
    return bare, {**os.environ, "PGPASSWORD": unquote(parts.password or "")}


def _role_url(settings: dict[str, str], found: dict[str, str]) -> str:
    url = settings["DATABASE_URL"].replace(_LAMBDA_ROOT, str(paths.ROOT))
    if settings["DATABASE_IAM_AUTH"] != "true":
        return url
    os.environ.setdefault("AWS_DEFAULT_REGION", found["Region"])
    return with_password(url, aws.sign_database_token(url))


def _owner_url(settings: dict[str, str], found: dict[str, str]) -> str:
    url = settings.get("DATABASE_ADMIN_URL") or _url_from_secret(settings["DATABASE_ADMIN_SECRET_ARN"], found)
    return migrations.for_database(url, settings["DATABASE_NAME"])


def _url_from_secret(arn: str, found: dict[str, str]) -> str:
    stored = outputs.client("secretsmanager", found).get_secret_value(SecretId=arn)
    return migrations.url_from_rds_secret(json.loads(stored["SecretString"]))
