"""Users of the pool: the demo user of the local cloud, and tokens for scripts."""

import json
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass

from scripts import outputs
from scripts.local.paths import DEMO_USER

_DEMO_EMAIL = "demo@collections.example"


@dataclass(frozen=True, slots=True)
class Login:
    """An e-mail address and its password."""

    email: str
    password: str


def ensure_demo_user(found: dict[str, str]) -> Login:
    """The local cloud's demo user, made (again) if the pool does not know it. Its password is on this machine only."""
    login = _saved_login() or Login(_DEMO_EMAIL, f"Demo-{secrets.token_urlsafe(12)}-1")
    create_user(login, found)
    DEMO_USER.parent.mkdir(exist_ok=True)
    DEMO_USER.touch(mode=0o600)
    DEMO_USER.write_text(json.dumps(asdict(login)))
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
    return _saved_login()


def _saved_login() -> Login | None:
    try:
        return Login(**json.loads(DEMO_USER.read_text()))
    except (OSError, ValueError, TypeError):
        return None
