"""The ten steps. Each returns what it saw, in a line, or raises CheckFailed where the cloud is not as it should be."""

import hashlib
import io
import ipaddress
import json
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
from PIL import Image, ImageDraw, ImageFont

from app.platform.smoke import SmokeFailed, invoker
from scripts import bundle, deployed_database, outputs, users, versions
from scripts import secrets as provider_keys
from scripts.validation.site import CheckFailed, Site

_CONNECT_WITHIN_S = 10
_TEXT = "Harbour lantern festival\nTickets at the old pier\nSaturday at nine"
_DATABASE = """
SELECT coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false), current_user,
  (SELECT extversion FROM pg_extension WHERE extname = 'vector'), '[1,0]'::vector <=> '[0,1]'::vector
"""


def database_over_tls(site: Site) -> str:
    """As the application's role: IAM token and verified TLS, and nothing without; pgvector computes."""
    access = deployed_database.access("app", site.found)
    if access.host and _is_private(access.host):
        return "in a private network: reached by the functions alone, as step 6 shows"
    with psycopg.connect(access.url, connect_timeout=_CONNECT_WITHIN_S) as connection:
        has_tls, role, vector, distance = connection.execute(_DATABASE).fetchone() or (False, "", None, None)
    _expect(distance == 1.0, f"pgvector {vector} says that a right angle has the cosine distance {distance}")
    seen = f"signed in as {role}, pgvector {vector}"
    if not access.host:
        return f"{seen}; a socket in its owner's folder, where AWS has TLS and IAM tokens"
    _expect(has_tls, "the connection is not encrypted")
    _expect(not _opens(access.url.replace("sslmode=verify-full", "sslmode=disable")), "plain connections are let in")
    return f"{seen}, TLS verified against Amazon's authority, refused without"


def parameters(site: Site) -> str:
    """A SecureString goes in and out, and no key is missing that the chosen providers need."""
    with _parameter(site) as (name, value):
        answer = site.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    _expect((answer["Type"], answer["Value"]) == ("SecureString", value), "another value came out than went in")
    missing = provider_keys.missing(site.found, site.environment)
    _expect(not missing, f"missing: {', '.join(missing)}. Run `make secrets-populate CLOUD={site.cloud}`")
    return f"/collections/{site.environment}/ is written and read; no provider's key is missing"


def token_with_sub(site: Site) -> str:
    """A user who was just made signs in; the API knows them by the token's `sub`."""
    users.create_user(site.login, site.found)
    site.token = users.access_token(site.login, site.found)
    claims = site.claims
    _expect(claims.get("token_use") == "access", f"the token is for {claims.get('token_use')}")
    _expect(claims["iss"].endswith(site.found["CognitoUserPoolId"]), f"another pool issued it: {claims['iss']}")
    me = site.api.get("/me").raise_for_status().json()
    _expect(me["user_id"] == str(site.user_id), f"the API takes {site.user_id} for {me['user_id']}")
    return f"sub {site.user_id}, and GET /me agrees"


def bucket(site: Site) -> str:
    """Objects go in and out and are announced to EventBridge; nobody else is let in."""
    s3, name = site.client("s3"), site.found["BucketName"]
    announced = s3.get_bucket_notification_configuration(Bucket=name)
    _expect("EventBridgeConfiguration" in announced, "the bucket does not tell EventBridge about its objects")
    blocked = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    _expect(all(blocked.values()), f"public access is not blocked: {blocked}")
    key, body = f"{site.user_id}/validation/probe", secrets.token_bytes(32)
    s3.put_object(Bucket=name, Key=key, Body=body)
    try:
        _expect(s3.get_object(Bucket=name, Key=key)["Body"].read() == body, "other bytes came out than went in")
    finally:
        s3.delete_object(Bucket=name, Key=key)
    if site.is_local:
        return "EventBridge on, private; plain HTTP on this machine, where AWS's bucket policy asks for TLS"
    _expect("aws:SecureTransport" in s3.get_bucket_policy(Bucket=name)["Policy"], "plain HTTP is let in")
    return "EventBridge on, private, TLS only"


def functions(site: Site) -> str:
    """Every function starts and says which code it is; it is the same code."""
    names = [name for name in bundle.FUNCTIONS if outputs.function_name(name, site.found)]
    with ThreadPoolExecutor(4) as pool:
        said = {json.dumps(info, sort_keys=True) for info in pool.map(lambda name: _version(site, name), names)}
    _expect(len(said) == 1, f"they run different code: {', '.join(sorted(said))}. Run `make lambda-deploy-all`")
    return f"{len(names)} functions run {versions.words(json.loads(said.pop()))}"


def function_to_database(site: Site) -> str:
    """The API's own function, asked without its gateway, reaches the database, the bucket and the tables."""
    answer = _invoke(site, "api", _gateway_event("/health/ready"))
    checks = json.loads(answer["body"])["checks"]
    down = [name for name, check in checks.items() if not check["ok"]]
    _expect(not down, f"{', '.join(down)} cannot be reached: see `make lambda-logs FUNC=api CLOUD={site.cloud}`")
    return ", ".join(f"{name} {check['latency_ms']:.0f} ms" for name, check in checks.items())


def function_to_parameters(site: Site) -> str:
    """A function sees a parameter that was put there this moment, and that it is gone again."""
    with _parameter(site) as (name, _):
        asked = {"parameter": name.removeprefix(f"/collections/{site.environment}/")}
        _expect(_invoke(site, "chat", asked)["is_there"], "the function does not see a parameter that is there")
    _expect(not _invoke(site, "chat", asked)["is_there"], "the function sees a parameter that is gone")
    return "a parameter is seen when it is there, and only then"


def api_routing(site: Site) -> str:
    """The gateway lets in whom it should, to the functions it should; the web origin serves the same API."""
    expected = {
        ("/version", False): 200,
        ("/items", False): 401,
        ("/items", True): 200,
        ("/chat/sessions", True): 200,
        ("/no/such/route", True): 404,
    }
    for (path, with_token), status in expected.items():
        client = site.api if with_token else httpx
        answer = client.get(f"{site.found['ApiUrl']}{path}", timeout=35)
        who = "with a token" if with_token else "without a token"
        _expect(answer.status_code == status, f"GET {path} {who} is answered by {answer.status_code}, not {status}")
    _expect(_through_web(site).status_code == 200, f"{site.found['WebUrl']}/api/version does not answer")
    return f"{len(expected)} routes, and the same API at {site.found['WebUrl']}/api"


def object_to_function(site: Site) -> str:
    """An object that any tool puts into the bucket starts the pipeline by itself."""
    key = f"{site.user_id}/images/{uuid4()}.png"
    body = _picture("Put straight into the bucket")
    site.client("s3").put_object(Bucket=site.found["BucketName"], Key=key, Body=body, ContentType="image/png")
    item = site.settled(_await_item(site, hashlib.sha256(body).hexdigest()))
    return f"object → rule → queue → functions: item {item['id']}, read by {item['latest_analysis']['provider_used']}"


def end_to_end(site: Site) -> str:
    """A picture is uploaded, read, found by its words, comes back byte for byte, and goes."""
    body = _picture(_TEXT)
    uploaded = site.api.post("/items", files={"file": ("festival.png", body, "image/png")}).raise_for_status().json()
    item = site.settled(uploaded["id"])
    found = site.api.post("/search", json={"query": "lantern festival"}).raise_for_status().json()["results"]
    best = found[0]["item_id"] if found else None
    _expect(best == item["id"], f"“lantern festival” finds {best}, not {item['id']}")
    original = httpx.get(item["urls"]["original"], timeout=35).raise_for_status().content
    _expect(original == body, "other bytes came back than were uploaded")
    site.api.delete(f"/items/{item['id']}").raise_for_status()
    gone = site.api.get(f"/items/{item['id']}").status_code
    _expect(gone == 404, f"the deleted item is answered by {gone}")
    return f"uploaded, read by {item['latest_analysis']['provider_used']}, found first, downloaded, deleted"


Step = Callable[[Site], str]
STEPS: tuple[tuple[str, Step], ...] = (
    ("Database over TLS, with pgvector", database_over_tls),
    ("Parameters", parameters),
    ("Cognito token with `sub`", token_with_sub),
    ("S3 and its EventBridge setting", bucket),
    ("Lambda invocation", functions),
    ("Lambda → database", function_to_database),
    ("Lambda → parameters", function_to_parameters),
    ("API routing", api_routing),
    ("S3 → rule → Lambda", object_to_function),
    ("Authenticated, end to end", end_to_end),
)


def _expect(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise CheckFailed(otherwise)


def _is_private(host: str) -> bool:
    return ipaddress.ip_address(socket.gethostbyname(host)).is_private


def _opens(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=_CONNECT_WITHIN_S).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def _parameter(site: Site) -> Iterator[tuple[str, str]]:
    """A SecureString of this environment, for the time of the block; its name and value."""
    ssm, value = site.client("ssm"), secrets.token_urlsafe(16)
    name = f"/collections/{site.environment}/validation-{uuid4().hex}"
    ssm.put_parameter(Name=name, Value=value, Type="SecureString")
    try:
        yield name, value
    finally:
        ssm.delete_parameter(Name=name)


def _invoke(site: Site, name: str, event: dict[str, Any]) -> Any:
    try:
        return invoker(site.client("lambda"))(site.function(name), event)
    except SmokeFailed as exc:
        raise CheckFailed(str(exc)) from exc


def _version(site: Site, name: str) -> Any:
    try:
        return versions.of_function(name, site.found)
    except SmokeFailed as exc:
        raise CheckFailed(str(exc)) from exc


def _gateway_event(path: str) -> dict[str, Any]:
    """What an HTTP API's gateway would send for GET. AWS, "payload format version 2.0"."""
    http = {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "validation"}
    context = {"http": http, "stage": "$default", "requestId": str(uuid4()), "timeEpoch": int(time.time() * 1000)}
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "validation.internal"},
        "requestContext": context,
        "isBase64Encoded": False,
    }


def _through_web(site: Site) -> httpx.Response:
    url = site.found["WebUrl"]
    if not site.is_local:
        return httpx.get(f"{url}/api/version", timeout=35)
    # `*.localhost` resolves in browsers and not in Python: the header says which distribution is meant.
    host = urlsplit(url).netloc
    return httpx.get(f"{site.found['AwsEndpointUrl']}/api/version", headers={"Host": host}, timeout=35)


def _await_item(site: Site, sha256: str) -> str:
    while time.monotonic() < site.deadline:
        items = site.api.get("/items", params={"limit": 100}).raise_for_status().json()["items"]
        if match := next((item["id"] for item in items if item["sha256"] == sha256), None):
            return str(match)
        time.sleep(0.5)
    raise CheckFailed(f"no item came of the object: see `make lambda-logs FUNC=image_processor CLOUD={site.cloud}`")


def _picture(text: str) -> bytes:
    """A PNG with words on it that no other one equals: the same bytes twice would be one item."""
    colour = (240 + secrets.randbelow(16), 240 + secrets.randbelow(16), 230 + secrets.randbelow(16))
    image = Image.new("RGB", (900, 500), colour)
    ImageDraw.Draw(image).multiline_text((60, 60), text, fill=(20, 20, 30), font=ImageFont.load_default(size=56))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
