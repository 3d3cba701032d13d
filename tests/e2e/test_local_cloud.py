"""The deployed local cloud, from outside: what a new user does, and what an intruder tries."""

import asyncio
import base64
import json
import re
import struct
import time
import urllib.request
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect

from scripts.bundle import build_info
from tests.e2e.collection import Collection, note
from tests.e2e.local_cloud import STATE, LocalCloud, command, sign_in, token_for

NewUser = Callable[[], Collection]
SAMPLES = Path(__file__).resolve().parents[2] / "samples"
NOBODYS = "00000000-0000-4000-8000-000000000000"


def test_up_ends_with_a_search_that_found_something_and_the_ways_in(first_words: str, cloud: LocalCloud) -> None:
    assert "First search" in first_words
    assert "receipt" in first_words
    assert cloud.outputs["WebUrl"] in first_words
    assert f"curl -s {cloud.outputs['ApiUrl']}/search" in first_words


def test_the_outputs_hold_addresses_and_no_secret(cloud: LocalCloud) -> None:
    expected = {
        "Cloud", "AwsEndpointUrl", "ApiUrl", "WebSocketUrl", "WebUrl", "CognitoUserPoolId", "CognitoClientId",
        "CognitoDomain", "BucketName", "RdsEndpoint", "Region", "ApiFunctionName", "ImageProcessorQueueUrl",
    }  # fmt: skip

    assert expected <= set(cloud.outputs)
    assert not re.search("password|secret|token", json.dumps(cloud.outputs), re.IGNORECASE)


def test_the_public_routes_answer_anyone(cloud: LocalCloud) -> None:
    with cloud.http() as anyone:
        health, ready, version = (anyone.get(path).json() for path in ("/health", "/health/ready", "/version"))

    assert health == {"status": "healthy", "version": "0.1.0", "git_sha": health["git_sha"], "cloud": "local"}
    assert ready["status"] == "ready"
    assert {name: check["ok"] for name, check in ready["checks"].items()} == {
        "database": True,
        "storage": True,
        "checkpoints": True,
    }
    assert version["git_sha"].removesuffix("-dirty") == str(build_info()["git_sha"]).removesuffix("-dirty")


def test_the_web_page_and_the_api_share_an_origin(cloud: LocalCloud) -> None:
    # *.localhost resolves in browsers and curl but not in Python: the Host header says which distribution is meant.
    host = httpx.URL(cloud.outputs["WebUrl"]).netloc.decode()

    with httpx.Client(base_url=cloud.outputs["AwsEndpointUrl"], headers={"Host": host}) as browser:
        page, deep, config, health = (browser.get(p) for p in ("/", "/some/page", "/config.json", "/api/health"))

    assert "<title>Collections" in page.text
    assert deep.text == page.text
    assert config.json()["clientId"] == cloud.outputs["CognitoClientId"]
    assert health.json()["status"] == "healthy"


def test_a_new_user_signs_up_confirms_and_signs_in(cloud: LocalCloud) -> None:
    cognito, client_id = cloud.client("cognito-idp"), cloud.outputs["CognitoClientId"]
    email, password = f"{uuid.uuid4()}@users.example", f"Pass-{uuid.uuid4()}-Word"

    cognito.sign_up(
        ClientId=client_id,
        Username=email,
        Password=password,
        UserAttributes=[{"Name": "email", "Value": email}],
    )
    with pytest.raises(cognito.exceptions.UserNotConfirmedException):
        token_for(cognito, client_id, email, password)
    cognito.confirm_sign_up(ClientId=client_id, Username=email, ConfirmationCode=_mailed_code(cloud, email))
    token = token_for(cognito, client_id, email, password)

    with cloud.http(token) as api:
        assert api.get("/items").json() == {"items": [], "next_cursor": None, "total": 0}


def _mailed_code(cloud: LocalCloud, email: str) -> str:
    with urllib.request.urlopen(f"{cloud.outputs['AwsEndpointUrl']}/_ministack/ses/messages") as answer:
        messages = json.load(answer)["messages"]
    mails = [mail for account in messages.values() for mail in account if email in mail["To"]]
    return re.search(r"\b\d{6}\b", mails[-1]["BodyText"] or mails[-1]["BodyHtml"])[0]


def test_only_a_token_of_this_pool_opens_the_door(cloud: LocalCloud) -> None:
    good = sign_in(cloud)
    header, payload, signature = good.split(".")
    tokens = {
        "none": None,
        "nonsense": "nonsense",
        "tampered": f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        "another pool's": _token_of_another_pool(cloud),
    }

    statuses = {}
    for name, token in tokens.items():
        with cloud.http(token) as api:
            statuses[name] = api.get("/items").status_code
    with cloud.http(good) as api:
        statuses["good"] = api.get("/items").status_code

    assert statuses == {"none": 401, "nonsense": 401, "tampered": 401, "another pool's": 401, "good": 200}


def _token_of_another_pool(cloud: LocalCloud) -> str:
    cognito = cloud.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="somebody-elses")["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="theirs", ExplicitAuthFlows=flows)
    outputs = {"CognitoUserPoolId": pool, "CognitoClientId": client["UserPoolClient"]["ClientId"]}
    try:
        return sign_in(LocalCloud(cloud.outputs | outputs))
    finally:
        cognito.delete_user_pool(UserPoolId=pool)


def test_a_photo_becomes_findable_by_what_is_in_it_and_goes_without_a_trace(user: Collection) -> None:
    uploaded = user.upload(note("Passport renewal\nOffice closes at noon\nBring two photographs"), "IMG_1.png")
    item = user.settled(uploaded.json()["id"])

    assert uploaded.status_code == 201
    assert item["status"] == "ready"
    assert item["latest_analysis"]["provider_used"] == "local"
    assert "Passport renewal" in item["latest_analysis"]["raw_response"]["image_details"]["extracted_text"]
    for mode in ("bm25", "vector", "hybrid"):
        best = user.search("renew my passport", search_type=mode)[0]
        assert (best["item_id"], best["rank"]) == (item["id"], 1)
    for variant in ("original", "display", "thumbnail"):
        assert httpx.get(_image_link(user, item["id"], variant)).headers["content-type"].startswith("image/")

    links = [_image_link(user, item["id"], variant) for variant in ("original", "display", "thumbnail")]
    assert user.api.delete(f"/items/{item['id']}").status_code == 204
    assert user.api.get(f"/items/{item['id']}").status_code == 404
    assert user.search("renew my passport") == []
    assert [httpx.get(link).status_code for link in links] == [404, 404, 404]


def _image_link(user: Collection, item_id: str, variant: str) -> str:
    answer = user.api.get(f"/items/{item_id}/image", params={"variant": variant})
    assert answer.status_code == 302
    return answer.headers["location"]


def test_an_edit_is_found_at_once_and_survives_a_new_analysis(user: Collection) -> None:
    item = user.settled(user.upload(note("Nothing about ships")).json()["id"])

    user.api.patch(f"/items/{item['id']}", json={"title": "Lightship Elbe 3", "tags": ["museum"]}).raise_for_status()
    at_once = user.search("lightship", search_type="bm25")
    user.settled(item["id"])
    forced = user.api.post(f"/items/{item['id']}/analyze", json={"force_reanalyze": True})
    again = user.settled(item["id"])
    versions = user.api.get(f"/items/{item['id']}/analyses").json()["items"]

    assert [result["item_id"] for result in at_once] == [item["id"]]
    assert forced.status_code == 202
    assert (again["title"], again["tags"]) == ("Lightship Elbe 3", ["museum"])
    assert len(versions) == 2
    assert user.search("lightship", search_type="vector")[0]["headline"] == "Lightship Elbe 3"


def test_the_same_bytes_are_the_same_item(user: Collection) -> None:
    body = note("Only once")

    first, second = user.upload(body, "one.png"), user.upload(body, "two.png")

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


def test_files_go_straight_to_storage_with_a_presigned_form(user: Collection) -> None:
    body = note("Straight to storage\nwithout passing the API")
    declared = {"filename": "direct.png", "content_type": "image/png", "file_size": len(body)}

    prepared = user.api.post("/uploads", json={"files": [declared]}).json()["uploads"][0]
    form = prepared["upload"]
    stored = httpx.post(form["url"], data=form["fields"], files={"file": ("direct.png", body)})

    assert prepared["item"]["status"] == "uploading"
    assert stored.status_code in (200, 201, 204)
    assert user.settled(prepared["item"]["id"])["status"] == "ready"
    assert user.search("passing the API")[0]["item_id"] == prepared["item"]["id"]


def test_an_object_put_into_the_bucket_is_an_upload_too(user: Collection, cloud: LocalCloud) -> None:
    user_id = _user_id(user)
    body = note("Synced from a phone\nlighthouse walk")

    cloud.client("s3").put_object(
        Bucket=cloud.outputs["BucketName"],
        Key=f"{user_id}/images/2026/lighthouse.png",
        Body=body,
        ContentType="image/png",
    )
    item = _eventually(lambda: next(iter(user.items()), None))

    assert item["original_filename"] == "lighthouse.png"
    assert user.settled(item["id"])["status"] == "ready"
    assert user.search("lighthouse")[0]["item_id"] == item["id"]


def _user_id(user: Collection) -> str:
    payload = user.api.headers["authorization"].split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"]


def _eventually(look: Callable[[], object], within_s: float = 120) -> dict:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.2)
    raise AssertionError("It never happened.")


def _png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_what_is_no_image_fails_with_a_code_that_says_so(user: Collection) -> None:
    bodies = {
        "text.jpg": b"just some words, no picture at all",
        "empty.jpg": b"",
        "nothing.png": _png_of_size(0, 0),
        "bomb.png": _png_of_size(60_000, 60_000),
        "half.png": note("cut short")[:900],
    }

    accepted = {name: user.upload(body, name, "image/jpeg") for name, body in bodies.items()}
    settled = {name: user.settled(answer.json()["id"]) for name, answer in accepted.items()}

    assert {answer.status_code for answer in accepted.values()} == {201}
    assert {name: (item["status"], item["error"]["code"]) for name, item in settled.items()} == {
        "text.jpg": ("failed", "not_an_image"),
        "empty.jpg": ("failed", "empty_file"),
        "nothing.png": ("failed", "empty_image"),
        "bomb.png": ("failed", "too_many_pixels"),
        "half.png": ("failed", "broken_image"),
    }


def test_the_door_refuses_what_is_too_large_or_no_image_by_its_own_word(user: Collection) -> None:
    large = user.upload(b"\xff\xd8\xff" + bytes(4 * 1024 * 1024), "large.jpg", "image/jpeg")
    text = user.upload(b"words", "words.txt", "text/plain")

    assert (large.status_code, large.headers["content-type"]) == (413, "application/problem+json")
    assert (text.status_code, text.headers["content-type"]) == (415, "application/problem+json")


@pytest.mark.parametrize("name", ["../../etc/passwd.png", "evil\u202egnp.exe.png", "nul\x00byte.png"])
def test_a_hostile_filename_is_text_and_never_a_path(user: Collection, cloud: LocalCloud, name: str) -> None:
    declared = {"filename": name, "content_type": "image/png", "file_size": 10}

    prepared = user.api.post("/uploads", json={"files": [declared]}).json()["uploads"][0]

    assert prepared["item"]["original_filename"] == name.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    assert prepared["upload"]["fields"]["key"] == f"{_user_id(user)}/images/{prepared['item']['id']}/original.png"


def test_two_users_never_see_each_others_anything(new_user: NewUser) -> None:
    owner, intruder = new_user(), new_user()
    theirs = owner.settled(owner.upload(note("Strictly private diary\nof somebody else")).json()["id"])["id"]

    seen = [intruder.items(), intruder.search("private diary"), intruder.search("diary", search_type="vector")]
    tries = [
        (intruder.api.request(method, path.format(theirs)), intruder.api.request(method, path.format(NOBODYS)))
        for method, path in (("GET", "/items/{}"), ("DELETE", "/items/{}"), ("GET", "/items/{}/image"))
    ]

    assert seen == [[], [], []]
    for with_theirs, with_nobodys in tries:
        assert with_theirs.status_code == with_nobodys.status_code == 404
        assert _without_ids(with_theirs) == _without_ids(with_nobodys)
    assert owner.api.get(f"/items/{theirs}").json()["status"] == "ready"


def _without_ids(answer: httpx.Response) -> dict:
    return {key: value for key, value in answer.json().items() if key not in ("request_id", "instance")}


def test_an_open_window_hears_that_its_item_is_ready(user: Collection, cloud: LocalCloud) -> None:
    token = user.api.headers["authorization"].removeprefix("Bearer ")

    async def watch() -> dict:
        async with connect(f"{cloud.outputs['WebSocketUrl']}?token={token}") as window:
            await asyncio.to_thread(user.upload, note("Tell me when you are done"))
            return json.loads(await asyncio.wait_for(window.recv(), timeout=60))

    message = asyncio.run(watch())

    assert message == {"type": "item.status", "item_id": user.items()[0]["id"], "status": "ready"}


def test_a_window_without_a_good_token_stays_shut(cloud: LocalCloud) -> None:
    async def knock() -> None:
        async with connect(f"{cloud.outputs['WebSocketUrl']}?token=nonsense") as window:
            await window.recv()

    with pytest.raises(Exception, match=r"401|403|rejected"):
        asyncio.run(knock())


def test_the_samples_are_found_by_what_is_in_them(cloud: LocalCloud) -> None:
    queries = json.loads((SAMPLES / "queries.json").read_text())["queries"]
    single = [query for query in queries if query["type"] == "single"]
    login = json.loads((STATE / "demo-user.json").read_text())
    token = token_for(cloud.client("cognito-idp"), cloud.outputs["CognitoClientId"], login["email"], login["password"])

    with cloud.http(token) as api:
        demo = Collection(api, cloud)
        found = [
            bool({r["metadata"]["original_filename"] for r in demo.search(q["query"], top_k=5)} & set(q["relevant"]))
            for q in single
        ]

    assert sum(found) / len(found) >= 0.9


def test_one_function_is_redeployed_alone_and_answers(cloud: LocalCloud) -> None:
    words = command("deploy-function", "api")

    with cloud.http() as anyone:
        version = anyone.get("/version").json()
    assert "api runs the new code" in words
    assert version["git_sha"].removesuffix("-dirty") == str(build_info()["git_sha"]).removesuffix("-dirty")


def test_a_lambdas_log_can_be_read(cloud: LocalCloud) -> None:
    with cloud.http() as anyone:
        request_id = anyone.get("/health").headers["x-request-id"]

    assert _eventually(lambda: request_id in command("logs", "api", "--minutes", "5"))


def test_status_tells_what_runs(cloud: LocalCloud) -> None:
    words = command("status")

    assert cloud.outputs["WebUrl"] in words
    assert "is ready" in words
