"""Whose request is this? All of JWT verification, on python-jose. The tenant is the verified `sub` and nothing else."""

import http.client
import json
import math
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from jose import JWTError, jwk, jwt
from jose.backends.base import Key
from jose.exceptions import JWKError

from app.platform.errors import NotAuthenticated, Unavailable
from app.platform.logs import logger
from app.platform.settings import AuthSettings

# Cognito's access tokens are about 1 kB; nobody needs to parse a megabyte before saying no.
_TOKEN_MAX_LENGTH = 8192
_REFRESH_AT_MOST_EVERY_S = 60
# While there are no keys nobody gets in: soon enough to recover, seldom enough not to hammer a provider in trouble.
_TRY_AGAIN_AFTER_S = 5
_FETCH_TIMEOUT_S = 3
_CLOCK_SKEW_S = 10
# Tokens a container remembers to have verified: a signature is checked once, not at every picture of a page.
_REMEMBERED = 1024
_CHECKS = {
    "require_exp": True,
    "require_iss": True,
    "leeway": _CLOCK_SKEW_S,
    # Access tokens have no audience. ID tokens have one, and at_hash; they are told below what to send instead.
    "verify_aud": False,
    "verify_at_hash": False,
}

Keys = Mapping[str, Key]


@dataclass(frozen=True, slots=True)
class Caller:
    """A verified user, until the token expires (Unix time)."""

    user_id: UUID
    expires_at: float = math.inf


class KeySet:
    """The pool's public keys by `kid`: fetched on first need, and again for an unknown kid, at most once a minute."""

    def __init__(self, fetch: Callable[[], Keys], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: Keys = {}
        self._next_fetch = -math.inf
        self._lock = threading.Lock()

    def get(self, kid: str) -> Key | None:
        """The key, or None for a kid that the pool does not have.

        Raises:
            Unavailable: there are no keys yet and none can be fetched.
        """
        # Known kids pass without the lock: a stranger's kid, which refreshes, must not hold them up.
        if kid not in self._keys:
            with self._lock:
                if kid not in self._keys and self._clock() >= self._next_fetch:
                    self._refresh()
        if not self._keys:
            raise Unavailable("The identity provider does not answer.", retry_after=_TRY_AGAIN_AFTER_S)
        return self._keys.get(kid)

    def _refresh(self) -> None:
        try:
            self._keys = self._fetch() or self._keys
        except Unavailable as exc:
            logger.warning("token keys not refreshed", reason=exc.detail)
        self._next_fetch = self._clock() + (_REFRESH_AT_MOST_EVERY_S if self._keys else _TRY_AGAIN_AFTER_S)


def fetch_keys(url: str) -> Keys:
    """Read a JWKS document. The URL is ours, from the settings; no URL inside a token is ever followed.

    Raises:
        Unavailable: no answer, or none that is a key set.
    """
    try:
        with urllib.request.urlopen(url, timeout=_FETCH_TIMEOUT_S) as answer:  # noqa: S310  # see above
            document = json.load(answer)
    except (OSError, http.client.HTTPException, ValueError) as exc:
        raise Unavailable("The identity provider does not answer.") from exc
    try:
        return {
            key["kid"]: jwk.construct(key, algorithm="RS256")
            for key in document["keys"]
            if key.get("kty") == "RSA" and key.get("alg") == "RS256"
        }
    except (LookupError, TypeError, ValueError, AttributeError, JWKError) as exc:
        raise Unavailable("The identity provider does not answer with keys.") from exc


class TokenVerifier:
    """Opens the door to Cognito access tokens of one pool and client."""

    def __init__(self, settings: AuthSettings, keys: KeySet, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._keys = keys
        self._clock = clock
        # By the whole token, signature included: one that differs anywhere is another one. Refusals are not remembered.
        self._verified: dict[str, Caller] = {}

    def verify(self, token: str) -> Caller:
        """The caller behind a token.

        Raises:
            NotAuthenticated: the token opens nothing; the detail helps its owner and nobody else.
            Unavailable: the pool's keys cannot be fetched.
        """
        if len(token) > _TOKEN_MAX_LENGTH:
            raise NotAuthenticated("The token is too long.")
        if caller := self.remembered(token):
            return caller
        caller = self._verify(token)
        if len(self._verified) >= _REMEMBERED:
            self._verified.clear()
        self._verified[token] = caller
        return caller

    def remembered(self, token: str) -> Caller | None:
        """The caller behind a token that was verified before and is still valid; asks nobody."""
        caller = self._verified.get(token)
        return caller if caller and self._clock() <= caller.expires_at + _CLOCK_SKEW_S else None

    def _verify(self, token: str) -> Caller:
        claims = self._signed_claims(token)
        if claims.get("token_use") == "id":
            raise NotAuthenticated("This is an ID token. Send the access token instead.")
        if claims.get("token_use") != "access" or claims.get("client_id") != self._settings.cognito_client_id:
            raise NotAuthenticated("The token was not issued for this application.")
        return Caller(_user_id(claims.get("sub")), float(claims["exp"]))

    def _signed_claims(self, token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            kid = header.get("kid")
            # Decided before any key is looked at: the header names neither its algorithm nor where keys come from.
            if header.get("alg") != "RS256" or not isinstance(kid, str):
                raise NotAuthenticated("The token is not signed as ours are.")
            key = self._keys.get(kid)
            if key is None:
                raise NotAuthenticated("The token is not signed by our identity provider.")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._settings.cognito_issuer,
                options=_CHECKS,
            )
        except JWTError as exc:
            raise NotAuthenticated("The token is not valid (any more).") from exc
        return claims


def _user_id(sub: object) -> UUID:
    """Cognito's sub, which is a UUID in its usual form; a token with another one is not Cognito's."""
    if isinstance(sub, str):
        try:
            user_id = UUID(sub)
        except ValueError:
            pass
        else:
            if str(user_id) == sub:
                return user_id
    raise NotAuthenticated("The token names no user.")
