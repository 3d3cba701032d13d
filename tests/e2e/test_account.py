"""An account on the deployed cloud: exported with all that is in it, and deleted from every store."""

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
from jose import jwt
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.e2e.collection import Collection, note
from tests.e2e.local_cloud import LocalCloud

_ENDS_WITHIN_S = 300


def ended(user: Collection, job_id: str) -> dict[str, Any]:
    """The job once it is done or has failed."""
    deadline = time.monotonic() + _ENDS_WITHIN_S
    while time.monotonic() < deadline:
        job: dict[str, Any] = user.api.get(f"/jobs/{job_id}").raise_for_status().json()
        if job["status"] in ("done", "failed"):
            return job
        time.sleep(0.2)
    raise AssertionError(f"{job_id} is still {job['status']}")


def token_of(user: Collection) -> str:
    return user.api.headers["Authorization"].removeprefix("Bearer ")


def id_of(user: Collection) -> UUID:
    return UUID(jwt.get_unverified_claims(token_of(user))["sub"])


def test_an_account_is_exported_as_one_archive(new_user: Callable[[], Collection]) -> None:
    user = new_user()
    images = [note("Bread 3.20 EUR"), note("Dentist on Monday")]
    for image in images:
        user.settled(user.upload(image, name="../../note.png").json()["id"])
    me = user.api.get("/me").raise_for_status().json()

    asked = user.api.get("/me/export")
    job = ended(user, asked.json()["job_id"])

    assert asked.status_code == 202
    assert job["status"] == "done", job
    assert me["items"] == 2
    assert "@" in me["email"]
    packed = httpx.get(job["result"]["url"]).raise_for_status()
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.testzip() is None
        listed = json.loads(archive.read("manifest.json"))["items"]
        assert [archive.read(line["image"]) for line in listed] == images
        assert json.loads(archive.read(listed[0]["details"]))["analyses"][0]["raw_response"]["headline"]


def test_a_deleted_account_is_gone_everywhere(cloud: LocalCloud, new_user: Callable[[], Collection]) -> None:
    user = new_user()
    user.settled(user.upload(note("Farewell")).json()["id"])
    ended(user, user.api.get("/me/export").json()["job_id"])

    job = ended(user, asyncio.run(deleted_while_listening(user, cloud)))

    assert job["status"] == "done", job
    counts = [count for kinds in job["result"]["left"].values() for count in kinds.values()]
    assert counts
    assert not any(counts)
    left = cloud.client("s3").list_object_versions(Bucket=cloud.outputs["BucketName"], Prefix=f"{id_of(user)}/")
    assert not left.get("Versions")
    assert not left.get("DeleteMarkers")
    people = cloud.client("cognito-idp").list_users(UserPoolId=cloud.outputs["CognitoUserPoolId"])["Users"]
    assert str(id_of(user)) not in str(people)
    assert user.upload(note("Too late")).status_code == 401
    assert user.items() == []


async def deleted_while_listening(user: Collection, cloud: LocalCloud) -> str:
    """Delete the account with a window open, and see it closed. Returns the job's id."""
    async with connect(f"{cloud.outputs['WebSocketUrl']}?token={token_of(user)}", proxy=None) as window:
        answer = await asyncio.to_thread(user.api.delete, "/me")
        assert answer.status_code == 202
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                while True:
                    await window.recv()
        except ConnectionClosed:
            return str(answer.json()["job_id"])
