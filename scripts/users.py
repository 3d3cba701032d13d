"""Users of the pool: made, listed and deleted; the demo user of the local cloud; and tokens for scripts."""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from jose import jwt
from rich.markup import escape
from rich.table import Table

from scripts import outputs
from scripts.console import agree, commands, console, fail, say
from scripts.local.paths import DEMO_USER, TEST_LOGIN, TEST_TOKEN, TEST_USER_ID
from scripts.outputs import Cloud, cloud_name
from scripts.private_files import write_private

_DEMO_EMAIL = "demo@collections.example"

app = commands()
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]


@dataclass(frozen=True, slots=True)
class Login:
    """An e-mail address and its password."""

    email: str
    password: str


@dataclass(frozen=True, slots=True)
class User:
    """Somebody in the pool; `sub` is the id that all their data is bound to."""

    email: str
    sub: str
    status: str
    created_at: datetime


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="Where the user gets mail.")],
    password: Annotated[str, typer.Option(envvar="PASSWORD", help="Empty: one is made up.")] = "",
    cloud: Cloud = "local",
    dry_run: DryRun = False,
) -> None:
    """Make a confirmed user who can sign in at once. One that exists gets this password."""
    found = outputs.read(cloud_name(cloud))
    if "@" not in email:
        fail(f"{escape(email)!r} is no e-mail address: make cognito-create-user EMAIL=ada@example.com")
    if dry_run:
        say(f"Would make {escape(email)} in {found['CognitoUserPoolId']}. Nothing was changed.")
        return
    login = Login(email, password or f"{secrets.token_urlsafe(16)}-Aa1")
    try:
        create_user(login, found)
    except outputs.client("cognito-idp", found).exceptions.InvalidPasswordException as exc:
        fail(escape(exc.response["Error"]["Message"]))
    write_private(TEST_LOGIN, json.dumps({"pool": found["CognitoUserPoolId"], **asdict(login)}))
    say(f"[green]✓[/] {escape(email)} can sign in. The password is in {TEST_LOGIN.name}, which only you can read.")
    say("  `make cognito-get-token` saves a token of theirs.")


@app.command()
def token(
    email: Annotated[str, typer.Option(help="Empty: the user made last, or the local cloud's demo user.")] = "",
    password: Annotated[str, typer.Option(envvar="PASSWORD", help="Empty: the one on this machine.")] = "",
    cloud: Cloud = "local",
) -> None:
    """Sign in, and save the access token and the `sub` in it where tests and evaluations look for them."""
    name = cloud_name(cloud)
    found = outputs.read(name)
    login = _chosen_login(email, password, found, with_demo=name == "local")
    cognito = outputs.client("cognito-idp", found)
    try:
        signed_in = access_token(login, found)
    except (cognito.exceptions.NotAuthorizedException, cognito.exceptions.UserNotFoundException):
        fail(
            f"{escape(login.email)} cannot sign in with this. `make cognito-create-user EMAIL=…` sets another password."
        )
    claims = jwt.get_unverified_claims(signed_in)
    write_private(TEST_TOKEN, signed_in)
    write_private(TEST_USER_ID, claims["sub"])
    minutes = (claims["exp"] - time.time()) / 60
    say(f"[green]✓[/] Token of {escape(login.email)} in {TEST_TOKEN.name}, good for {minutes:.0f} minutes")
    say(f"[green]✓[/] Their id {claims['sub']} in {TEST_USER_ID.name}")


@app.command("list")
def show(cloud: Cloud = "local") -> None:
    """Everybody in the pool, by the time they came."""
    found = outputs.read(cloud_name(cloud))
    everybody = sorted(users_of(found), key=lambda user: user.created_at)
    table = Table("E-mail", "Id (sub)", "State", "Since", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for user in everybody:
        table.add_row(escape(user.email), user.sub, user.status.lower(), f"{user.created_at:%Y-%m-%d %H:%M}")
    console.print(table)
    say(f"[green]✓[/] {len(everybody)} users in {found['CognitoUserPoolId']}")


@app.command()
def delete(
    email: Annotated[str, typer.Argument(help="Whose sign-in goes.")],
    cloud: Cloud = "local",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Take a user out of the pool. Their pictures stay where they are: an account is deleted by its user."""
    found = outputs.read(cloud_name(cloud))
    user = next((user for user in users_of(found, email=email)), None)
    if user is None:
        fail(f"There is no user {escape(email)}. `make cognito-list-users` shows who there is.")
    say(f"{escape(user.email)} ({user.sub}). What they stored stays; DELETE /me deletes an account with all of it.")
    if dry_run:
        say("Nothing was changed.")
        return
    agree(f"Delete the sign-in of {user.email}?", yes=yes)
    outputs.client("cognito-idp", found).admin_delete_user(UserPoolId=found["CognitoUserPoolId"], Username=user.email)
    _forget(user, found["CognitoUserPoolId"])
    say(f"[green]✓[/] {escape(user.email)} cannot sign in any more")


def users_of(found: dict[str, str], *, email: str = "") -> Iterator[User]:
    """The users of the pool; with this address, if one is given."""
    wanted = {"Filter": f"email = {json.dumps(email)}"} if email else {}
    pages = outputs.client("cognito-idp", found).get_paginator("list_users")
    for page in pages.paginate(UserPoolId=found["CognitoUserPoolId"], **wanted):
        yield from map(_user, page["Users"])


def ensure_demo_user(found: dict[str, str]) -> Login:
    """The local cloud's demo user, made (again) if the pool does not know it. Its password is on this machine only."""
    login = _saved_login(DEMO_USER) or Login(_DEMO_EMAIL, f"Demo-{secrets.token_urlsafe(12)}-1")
    create_user(login, found)
    write_private(DEMO_USER, json.dumps(asdict(login)))
    return login


def create_user(login: Login, found: dict[str, str]) -> None:
    """A confirmed user who can sign in at once. One that exists gets this password."""
    cognito = outputs.client("cognito-idp", found)
    pool = found["CognitoUserPoolId"]
    with suppress(cognito.exceptions.UsernameExistsException):
        cognito.admin_create_user(
            UserPoolId=pool,
            Username=login.email,
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": "email", "Value": login.email}, {"Name": "email_verified", "Value": "true"}],
        )
    cognito.admin_set_user_password(UserPoolId=pool, Username=login.email, Password=login.password, Permanent=True)


def access_token(login: Login, found: dict[str, str]) -> str:
    """Sign in with the password and return the access token, good for an hour."""
    answer = outputs.client("cognito-idp", found).initiate_auth(
        ClientId=found["CognitoClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": login.email, "PASSWORD": login.password},
    )
    token: str = answer["AuthenticationResult"]["AccessToken"]
    return token


def demo_login() -> Login | None:
    return _saved_login(DEMO_USER)


def _chosen_login(email: str, password: str, found: dict[str, str], *, with_demo: bool) -> Login:
    if email and password:
        return Login(email, password)
    known = [_saved_login(TEST_LOGIN, pool=found["CognitoUserPoolId"]), demo_login() if with_demo else None]
    for login in known:
        if login and email in ("", login.email):
            return Login(login.email, password or login.password)
    if email:
        fail(f"The password of {escape(email)} is not on this machine: say PASSWORD=… too.")
    return fail("There is no user to sign in as. Run `make cognito-create-user EMAIL=…` first.")


def _saved_login(path: Path, *, pool: str | None = None) -> Login | None:
    """What was saved, if it is of this pool."""
    try:
        saved: dict[str, Any] = json.loads(path.read_text())
        return Login(saved["email"], saved["password"]) if saved.get("pool") == pool else None
    except (OSError, ValueError, KeyError, AttributeError):
        return None


def _forget(user: User, pool: str) -> None:
    """What this machine has of somebody who is gone."""
    login = _saved_login(TEST_LOGIN, pool=pool)
    if login and login.email == user.email:
        TEST_LOGIN.unlink(missing_ok=True)
    if TEST_USER_ID.exists() and TEST_USER_ID.read_text().strip() == user.sub:
        TEST_USER_ID.unlink()
        TEST_TOKEN.unlink(missing_ok=True)


def _user(record: dict[str, Any]) -> User:
    attributes = {each["Name"]: each["Value"] for each in record["Attributes"]}
    created_at = record["UserCreateDate"].astimezone(UTC)
    return User(attributes.get("email", record["Username"]), attributes["sub"], record["UserStatus"], created_at)


if __name__ == "__main__":
    app()
