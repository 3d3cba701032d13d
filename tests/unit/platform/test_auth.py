"""Hostile tokens, and where the keys come from."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jose import jwk, jwt
from jose.backends.base import Key

from app.platform import auth
from app.platform.auth import Keys, KeySet, TokenVerifier, fetch_keys
from app.platform.errors import NotAuthenticated, Unavailable
from app.platform.settings import AuthSettings

ISSUER = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example"
CLIENT_ID = "3n4b5urk1ft4fl3mg5e62d9ado"
USER_ID = UUID("8c9f2f0e-5b4d-4c6f-9d1a-0a1b2c3d4e5f")
KID = "the-pools-key="


@dataclass(frozen=True)
class Pair:
    """An RSA key as the two sides see it."""

    private: Key
    public: bytes

    @classmethod
    def generate(cls) -> "Pair":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return cls(
            jwk.construct(private, "RS256"),
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        )

    def as_key(self) -> Key:
        return jwk.construct(self.public, "RS256")

    def as_jwk(self, kid: str = KID) -> dict[str, Any]:
        """As it stands in a key set."""
        return jwk.construct(self.public, "RS256").to_dict() | {"kid": kid, "use": "sig"}


POOL, STRANGER = Pair.generate(), Pair.generate()


@dataclass
class CountedFetch:
    """A JWKS endpoint: answers what it is told to, and counts."""

    answers: list[Keys | Unavailable]
    times: int = 0

    def __call__(self) -> Keys:
        answer = self.answers[min(self.times, len(self.answers) - 1)]
        self.times += 1
        if isinstance(answer, Unavailable):
            raise answer
        return answer


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


DOWN = Unavailable("The identity provider does not answer.")


@dataclass
class Door:
    """A verifier and the endpoint behind it."""

    fetch: CountedFetch = field(default_factory=lambda: CountedFetch([{KID: POOL.as_key()}]))
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        settings = AuthSettings(
            cognito_issuer=ISSUER,
            cognito_client_id=CLIENT_ID,
            cognito_jwks_url=f"{ISSUER}/.well-known/jwks.json",  # type: ignore[arg-type]
        )
        self.verifier = TokenVerifier(settings, KeySet(self.fetch), clock=self.clock)
        self.verify = self.verifier.verify


def claims(**changes: Any) -> dict[str, Any]:
    """An access token's claims; None takes one out."""
    now = int(time.time())
    usual = {
        "sub": str(USER_ID),
        "iss": ISSUER,
        "client_id": CLIENT_ID,
        "token_use": "access",
        "scope": "aws.cognito.signin.user.admin",
        "auth_time": now,
        "iat": now,
        "exp": now + 3600,
        "jti": "0b6e1f2a-6f0e-4f5e-8f6f-1f2e3d4c5b6a",
        "username": str(USER_ID),
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(
    content: Mapping[str, Any], *, by: Pair = POOL, algorithm: str = "RS256", headers: Mapping[str, Any] | None = None
) -> str:
    return jwt.encode(dict(content), by.private, algorithm, headers={"kid": KID} | dict(headers or {}))


def segment(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed_raw(header: bytes, payload: bytes, *, by: Pair = POOL) -> str:
    """A signature over exactly these bytes, whatever they are."""
    signing_input = f"{segment(header)}.{segment(payload)}"
    return f"{signing_input}.{segment(by.private.sign(signing_input.encode()))}"


def hmac_signed(key: bytes) -> str:
    header = json.dumps({"alg": "HS256", "typ": "JWT", "kid": KID}).encode()
    signing_input = f"{segment(header)}.{segment(json.dumps(claims()).encode())}"
    return f"{signing_input}.{segment(hmac.digest(key, signing_input.encode(), hashlib.sha256))}"


def unsigned(algorithm: object) -> str:
    header = json.dumps({"alg": algorithm, "typ": "JWT", "kid": KID}).encode()
    return f"{segment(header)}.{segment(json.dumps(claims()).encode())}."


def with_header(**header: Any) -> str:
    return signed_raw(json.dumps({"alg": "RS256"} | header).encode(), json.dumps(claims()).encode())


def rsa_header() -> bytes:
    return json.dumps({"alg": "RS256", "kid": KID}).encode()


def test_an_access_token_of_this_pool_and_client_opens_the_door() -> None:
    assert Door().verify(signed(claims())).user_id == USER_ID


def test_keys_are_fetched_once_for_many_tokens() -> None:
    door = Door()

    callers = {door.verify(signed(claims(jti=str(number)))).user_id for number in range(5)}

    assert callers == {USER_ID}
    assert door.fetch.times == 1


def test_a_clock_a_few_seconds_off_is_forgiven() -> None:
    now = int(time.time())

    assert Door().verify(signed(claims(exp=now - 3))).user_id == USER_ID
    assert Door().verify(signed(claims(nbf=now + 3))).user_id == USER_ID


FORGED: dict[str, Callable[[], str]] = {
    "no signature, algorithm none": lambda: unsigned("none"),
    "no signature, algorithm None": lambda: unsigned("None"),
    "no signature, algorithm null": lambda: unsigned(None),
    "no signature, algorithm a list": lambda: unsigned(["RS256"]),
    "no signature, algorithm RS256": lambda: unsigned("RS256"),
    "HMAC with the public key as its secret": lambda: hmac_signed(POOL.public),
    "HMAC with the modulus as its secret": lambda: hmac_signed(POOL.as_jwk()["n"].encode()),
    "RS512 by the right key": lambda: signed(claims(), algorithm="RS512"),
    "the right kid, another key": lambda: signed(claims(), by=STRANGER),
    "a kid that the pool does not have": lambda: signed(claims(), by=STRANGER, headers={"kid": "unknown"}),
    "no kid": lambda: with_header(),
    "kid null": lambda: with_header(kid=None),
    "kid a number": lambda: with_header(kid=7),
    "kid a list": lambda: with_header(kid=[KID]),
    "kid an object": lambda: with_header(kid={"kid": KID}),
    "kid a path": lambda: with_header(kid="../../../../dev/null"),
    "kid an empty string": lambda: with_header(kid=""),
    "kid with SQL": lambda: with_header(kid=f"{KID}' OR '1'='1"),
    "payload exchanged": lambda: _exchange(signed(claims()), claims(sub="00000000-0000-0000-0000-000000000000")),
    "signature cut": lambda: signed(claims())[:-8],
    "signature empty": lambda: signed(claims()).rpartition(".")[0] + ".",
    "a fourth part": lambda: signed(claims()) + ".e30",
    "two parts": lambda: signed(claims()).rpartition(".")[0],
    "nothing": lambda: "",
    "dots": lambda: "..",
    "words": lambda: "not a token",
    "not base64": lambda: "%%%.###.!!!",
    "letters of other scripts": lambda: "жетон.代币.🪙",
    "half a character": lambda: "\ud800.\ud800.\ud800",
    "a NUL": lambda: "\x00.\x00.\x00",
    "a header that is not an object": lambda: signed_raw(b'["RS256"]', b"{}"),
    "a header that is not UTF-8": lambda: signed_raw(b"\xff\xfe", b"{}"),
    "a header nested a thousand deep": lambda: signed_raw(b"[" * 3000 + b"]" * 3000, b"{}"),
    "a header with a number of a thousand digits": lambda: signed_raw(b'{"alg":' + b"9" * 5000 + b"}", b"{}"),
    "a payload that is not JSON": lambda: signed_raw(rsa_header(), b"sub=me"),
    "a payload that is a list": lambda: signed_raw(rsa_header(), b"[]"),
    "expired": lambda: signed(claims(exp=int(time.time()) - 60)),
    "expired in 1970": lambda: signed(claims(exp=0)),
    "without an end": lambda: signed(claims(exp=None)),
    "an end that is no time": lambda: signed(claims(exp="tomorrow")),
    "an end that is not a number": lambda: signed_raw(rsa_header(), _payload_with(b'"exp":NaN')),
    "not valid yet": lambda: signed(claims(nbf=int(time.time()) + 60)),
    "another pool": lambda: signed(claims(iss=ISSUER + "2")),
    "another pool's issuer in a list": lambda: signed(claims(iss=[ISSUER])),
    "issuer without its scheme": lambda: signed(claims(iss=ISSUER.removeprefix("https://"))),
    "no issuer": lambda: signed(claims(iss=None)),
    "another client": lambda: signed(claims(client_id="another")),
    "no client": lambda: signed(claims(client_id=None)),
    "the client only as audience": lambda: signed(claims(client_id=None, aud=CLIENT_ID)),
    "token_use refresh": lambda: signed(claims(token_use="refresh")),
    "token_use ACCESS": lambda: signed(claims(token_use="ACCESS")),
    "no token_use": lambda: signed(claims(token_use=None)),
    "no sub": lambda: signed(claims(sub=None)),
    "sub empty": lambda: signed(claims(sub="")),
    "sub a name": lambda: signed(claims(sub="root")),
    "sub a number": lambda: signed(claims(sub=1)),
    "sub in upper case": lambda: signed(claims(sub=str(USER_ID).upper())),
    "sub without dashes": lambda: signed(claims(sub=USER_ID.hex)),
    "sub as a URN": lambda: signed(claims(sub=USER_ID.urn)),
    "sub in braces": lambda: signed(claims(sub=f"{{{USER_ID}}}")),
    "sub with a space": lambda: signed(claims(sub=f" {USER_ID}")),
    "sub a list": lambda: signed(claims(sub=[str(USER_ID)])),
    "longer than any token": lambda: signed(claims(scope="x" * 8000)),
    "a megabyte": lambda: "a" * 2**20,
}


def _exchange(token: str, content: Mapping[str, Any]) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{segment(json.dumps(content).encode())}.{signature}"


def _payload_with(member: bytes) -> bytes:
    return json.dumps(claims(exp=None)).encode()[:-1] + b"," + member + b"}"


@pytest.mark.parametrize("token", FORGED.values(), ids=FORGED.keys())
def test_a_forged_token_opens_nothing(token: Callable[[], str]) -> None:
    with pytest.raises(NotAuthenticated) as refusal:
        Door().verify(token())

    assert ISSUER not in refusal.value.detail
    assert CLIENT_ID not in refusal.value.detail


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_keys_are_never_fetched_from_where_a_token_says(name: str) -> None:
    with keys_served(json.dumps({"keys": [STRANGER.as_jwk()]}).encode()) as endpoint:
        door = Door()
        token = signed(claims(), by=STRANGER, headers={name: endpoint.url})

        with pytest.raises(NotAuthenticated):
            door.verify(token)

        assert endpoint.requests == 0


def test_a_key_inside_the_token_is_not_used() -> None:
    token = signed(claims(), by=STRANGER, headers={"jwk": STRANGER.as_jwk()})

    with pytest.raises(NotAuthenticated):
        Door().verify(token)


def test_of_claims_named_twice_the_one_that_was_checked_is_the_one_that_is_used() -> None:
    first, last = "00000000-0000-0000-0000-000000000000", str(USER_ID)
    payload = _payload_with(f'"exp":{int(time.time()) + 60},"sub":"{first}","sub":"{last}"'.encode())

    assert str(Door().verify(signed_raw(rsa_header(), payload)).user_id) == last


def test_a_header_naming_its_algorithm_twice_gets_the_last_one_checked() -> None:
    header = b'{"alg":"RS256","kid":"' + KID.encode() + b'","alg":"none"}'

    with pytest.raises(NotAuthenticated):
        Door().verify(signed_raw(header, json.dumps(claims()).encode()))


@pytest.mark.parametrize("extra", [{}, {"at_hash": "d8Z1jYkNbtN4Xb7bFfKq3w", "nonce": "n"}], ids=["plain", "hosted ui"])
def test_an_id_token_is_told_what_to_send_instead(extra: dict[str, str]) -> None:
    token = signed(claims(token_use="id", aud=CLIENT_ID, client_id=None, email="someone@example.com", **extra))

    with pytest.raises(NotAuthenticated, match=r"ID token\. Send the access token"):
        Door().verify(token)


def test_no_keys_and_none_to_be_had_is_nobodys_fault() -> None:
    door = Door(CountedFetch([DOWN]))

    with pytest.raises(Unavailable):
        door.verify(signed(claims()))


# --- keys -------------------------------------------------------------------------------------------------------------


def test_a_rotated_key_is_found_by_its_kid() -> None:
    fetch, clock = CountedFetch([{"old": POOL.as_key()}, {"new": POOL.as_key()}]), Clock()
    keys = KeySet(fetch, clock=clock)
    keys.get("old")
    clock.now += 61

    found = keys.get("new")

    assert found is not None
    assert keys.get("old") is None
    assert fetch.times == 2


def test_unknown_kids_ask_the_pool_at_most_once_a_minute() -> None:
    fetch, clock = CountedFetch([{KID: POOL.as_key()}]), Clock()
    keys = KeySet(fetch, clock=clock)

    for number in range(100):
        assert keys.get(f"unknown-{number}") is None
    within_a_minute = fetch.times
    clock.now += 60
    keys.get("unknown")

    assert within_a_minute == 1
    assert fetch.times == 2


def test_a_failed_refresh_keeps_the_keys_and_waits_its_minute() -> None:
    fetch, clock = CountedFetch([{KID: POOL.as_key()}, DOWN]), Clock()
    keys = KeySet(fetch, clock=clock)
    keys.get(KID)
    clock.now += 61

    missing = [keys.get("unknown") for _ in range(10)]

    assert missing == [None] * 10
    assert keys.get(KID) is not None
    assert fetch.times == 2


def test_a_first_fetch_that_fails_is_tried_again_soon_but_not_by_every_request() -> None:
    fetch, clock = CountedFetch([DOWN, {KID: POOL.as_key()}]), Clock()
    keys = KeySet(fetch, clock=clock)

    for _ in range(10):
        with pytest.raises(Unavailable):
            keys.get(KID)
    at_once = fetch.times
    clock.now += DOWN.retry_after

    assert at_once == 1
    assert keys.get(KID) is not None
    assert fetch.times == 2


def test_a_pool_without_keys_is_asked_again_as_a_pool_that_is_down() -> None:
    fetch, clock = CountedFetch([{}, {KID: POOL.as_key()}]), Clock()
    keys = KeySet(fetch, clock=clock)

    with pytest.raises(Unavailable):
        keys.get(KID)
    clock.now += DOWN.retry_after

    assert keys.get(KID) is not None


def test_a_slow_refresh_for_an_unknown_kid_does_not_hold_up_those_with_a_known_one() -> None:
    refreshing, go_on = threading.Event(), threading.Event()
    known = {KID: POOL.as_key()}

    def slow() -> Keys:
        if clock.now > 1000:
            refreshing.set()
            assert go_on.wait(5)
        return known

    clock = Clock()
    keys = KeySet(slow, clock=clock)
    keys.get(KID)
    clock.now += 61
    stranger = threading.Thread(target=keys.get, args=["unknown"])
    stranger.start()
    assert refreshing.wait(5)

    user = threading.Thread(target=keys.get, args=[KID], daemon=True)
    user.start()
    user.join(2)
    served_meanwhile = not user.is_alive()
    go_on.set()
    stranger.join(5)

    assert served_meanwhile


# --- the endpoint -----------------------------------------------------------------------------------------------------


@dataclass
class Endpoint:
    url: str
    requests: int = 0


@contextmanager
def keys_served(body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Iterator[Endpoint]:
    """A JWKS endpoint on the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            endpoint.requests += 1
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | dict(headers or {})).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering_with(raw: bytes | None) -> Iterator[str]:
    """A server that sends these bytes to one caller and hangs up; None: it says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = threading.Event()

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                if raw is None:
                    done.wait(5)
                else:
                    connection.sendall(raw)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        finally:
            done.set()
            thread.join()


def test_a_key_set_is_read_by_kid() -> None:
    with keys_served(json.dumps({"keys": [POOL.as_jwk("one"), STRANGER.as_jwk("two")]}).encode()) as endpoint:
        keys = fetch_keys(endpoint.url)

    assert set(keys) == {"one", "two"}
    assert keys["one"].to_dict() == POOL.as_key().to_dict()


def test_keys_for_other_algorithms_are_left_out() -> None:
    others = [
        {"kty": "oct", "alg": "HS256", "kid": "secret", "k": "c2VjcmV0"},
        POOL.as_jwk("encryption") | {"alg": "RSA-OAEP"},
        {"kty": "EC", "alg": "ES256", "kid": "curve"},
    ]
    with keys_served(json.dumps({"keys": [*others, POOL.as_jwk()]}).encode()) as endpoint:
        keys = fetch_keys(endpoint.url)

    assert set(keys) == {KID}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Service Unavailable</html>",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"keys": null}',
        b'{"keys": 5}',
        b'{"keys": ["key"]}',
        b'{"keys": [null]}',
        b'{"keys": [{"kty": "RSA", "alg": "RS256"}]}',
        b'{"keys": [{"kty": "RSA", "alg": "RS256", "kid": "x"}]}',
        b'{"keys": [{"kty": "RSA", "alg": "RS256", "kid": ["x"], "n": "AQAB", "e": "AQAB"}]}',
        b'{"keys": [{"kty": "RSA", "alg": "RS256", "kid": "x", "n": "!", "e": "AQAB"}]}',
        b'{"keys": [{"kty": "RSA", "alg": "RS256", "kid": "x", "n": "AQAB", "e": 3}]}',
    ],
)
def test_an_answer_that_is_no_key_set_counts_as_no_answer(body: bytes) -> None:
    with keys_served(body) as endpoint, pytest.raises(Unavailable):
        fetch_keys(endpoint.url)


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_refusal_counts_as_no_answer(status: int) -> None:
    with keys_served(b"{}", status=status) as endpoint, pytest.raises(Unavailable):
        fetch_keys(endpoint.url)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"220 smtp.example.com ready\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["hangs up", "not HTTP", "cut short", "broken chunks"],
)
def test_a_broken_answer_counts_as_no_answer(raw: bytes) -> None:
    with answering_with(raw) as url, pytest.raises(Unavailable):
        fetch_keys(url)


def test_nobody_listening_counts_as_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as briefly:
        port = briefly.getsockname()[1]

    with pytest.raises(Unavailable):
        fetch_keys(f"http://127.0.0.1:{port}/")


def test_a_silent_endpoint_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_FETCH_TIMEOUT_S", 0.1)

    with answering_with(None) as url, pytest.raises(Unavailable):
        fetch_keys(url)


# --- tokens that were seen before -------------------------------------------------------------------------------------


def test_a_verified_token_is_remembered_until_it_expires() -> None:
    now = time.time()
    clock = Clock(now)
    door = Door(clock=clock)
    token = signed(claims(exp=int(now) + 60))
    assert door.verifier.remembered(token) is None

    caller = door.verify(token)

    assert door.verifier.remembered(token) is caller
    assert door.verify(token) is caller
    clock.now = now + 60 + 30
    assert door.verifier.remembered(token) is None


def test_an_expired_token_is_refused_also_when_it_was_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(time.time())
    door = Door(clock=clock)
    token = signed(claims(exp=int(clock.now) - 5))  # within the skew
    door.verify(token)

    clock.now += 60
    with monkeypatch.context() as patched:
        patched.setattr("jose.jwt.timegm", lambda _: int(clock.now))
        with pytest.raises(NotAuthenticated):
            door.verify(token)


def test_a_token_that_differs_anywhere_is_not_the_remembered_one() -> None:
    door = Door()
    token = signed(claims())
    door.verify(token)

    head, payload, signature = token.split(".")
    for other in (f"{head}.{payload}.{signature[::-1]}", f"{head}.{payload}.", f"{token} ", token[:-4]):
        assert door.verifier.remembered(other) is None
        with pytest.raises(NotAuthenticated):
            door.verify(other)


def test_refused_tokens_are_not_remembered() -> None:
    door = Door()
    token = signed(claims(), by=STRANGER)
    for _ in range(2):
        with pytest.raises(NotAuthenticated):
            door.verify(token)
    assert door.verifier.remembered(token) is None


def test_it_does_not_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "_REMEMBERED", 3)
    door = Door()
    tokens = [signed(claims(jti=str(number))) for number in range(4)]
    for token in tokens:
        door.verify(token)

    remembered = [token for token in tokens if door.verifier.remembered(token)]
    assert tokens[-1] in remembered
    assert len(remembered) <= 3
