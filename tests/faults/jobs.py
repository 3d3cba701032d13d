"""Experiment 11: the workers of an export and of an account's deletion are killed in the middle, again and again."""

import io
import zipfile
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from tests.faults.cloud import FaultCloud, eventually
from tests.faults.findings import Finding
from tests.faults.people import Person, photos
from tests.faults.proxy import Rule, calls, killed_after, killed_before

_ENDED = ("done", "failed")


def killed_jobs(cloud: FaultCloud, *, items: int = 4) -> list[Finding]:
    """11. SIGKILL with an archive begun, a part stored, the archive whole; objects gone, before and after sign-out."""
    exporting, leaving = cloud.person(), cloud.person()
    images = photos(items)
    for person in (exporting, leaving):
        person.upload({f"{person.id}-{name}": body for name, body in images.items()})
    cloud.settle()
    ready = cloud.statuses().get("ready", 0)
    exports, deletions = _killing_export(cloud, exporting), _killing_deletion(cloud, leaving)

    exported = _ended(exporting, exporting.api.get("/me/export"))
    deleted = _ended(leaving, leaving.api.delete("/me"))

    findings = [
        Finding.count(11, "items ready before", ready, 2 * items),
        Finding.count(11, "workers killed in an export", _applied(exports), len(exports)),
        Finding.count(11, "workers killed in a deletion", _applied(deletions), len(deletions)),
        Finding(11, "the export ends", exported["status"], "done", exported["status"] == "done"),
        Finding(11, "the deletion ends", deleted["status"], "done", deleted["status"] == "done"),
        Finding.count(11, "images in the archive, byte for byte", _same(cloud, exported, images), items),
        Finding.count(11, "rows, objects and users left of the deleted account", _left(cloud, leaving), 0),
        Finding.count(11, "items left to the other account", _items(cloud, exporting), items),
    ]
    for key in cloud.objects():
        if "/exports/" in key:  # no row of an item shows it: it would look like an orphan
            cloud.client("s3").delete_object(Bucket=cloud.bucket, Key=key)
    return findings


def _killing_export(cloud: FaultCloud, person: Person) -> list[Rule]:
    archive = f"{person.id}/exports/"
    return [
        cloud.proxy.rule(calls("s3", "PostObject", holding=(archive, "uploads")), killed_after, times=1),
        cloud.proxy.rule(calls("s3", "PutObject", holding=(archive, "uploadId=")), killed_after, times=1),
        cloud.proxy.rule(calls("s3", "PostObject", holding=(archive, "uploadId=")), killed_after, times=1),
    ]


def _killing_deletion(cloud: FaultCloud, person: Person) -> list[Rule]:
    return [
        cloud.proxy.rule(calls("s3", "DeleteObjects", holding=(person.id,)), killed_after, times=1),
        cloud.proxy.rule(calls("cognito-idp", "AdminDeleteUser", holding=(person.id,)), killed_before, times=1),
        cloud.proxy.rule(calls("cognito-idp", "AdminDeleteUser", holding=(person.id,)), killed_after, times=1),
    ]


def _ended(person: Person, asked: httpx.Response) -> dict[str, Any]:
    """The job that was asked for, when it has ended or time is up."""
    path = f"/jobs/{asked.raise_for_status().json()['job_id']}"

    def job() -> dict[str, Any]:
        return person.api.get(path).raise_for_status().json()

    eventually(lambda: job()["status"] in _ENDED)
    return job()


def _applied(rules: list[Rule]) -> int:
    return sum(rule.applied for rule in rules)


def _same(cloud: FaultCloud, job: dict[str, Any], images: dict[str, bytes]) -> int:
    """How many of the images are in the archive as they were uploaded, once each."""
    if job["status"] != "done":
        return 0
    # The link is signed for the proxy's address, and the proxy hands on what it gets under the cloud's.
    key = unquote(urlsplit(job["result"]["url"]).path).removeprefix(f"/{cloud.bucket}/")
    packed = cloud.client("s3").get_object(Bucket=cloud.bucket, Key=key)["Body"].read()
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        bodies = [archive.read(name) for name in archive.namelist()]
    return sum(bodies.count(body) == 1 for body in images.values())


def _left(cloud: FaultCloud, person: Person) -> int:
    """What the stores still hold of a user."""
    tables = [row[0] for row in cloud.rows(SELECT_TABLES_OF_USERS)]
    rows = sum(cloud.rows(f"SELECT count(*) FROM {table} WHERE user_id = %s", person.id)[0][0] for table in tables)
    objects = sum(person.id in key for key in cloud.objects())
    pool = cloud.outputs["CognitoUserPoolId"]
    users = str(cloud.client("cognito-idp").list_users(UserPoolId=pool)["Users"]).count(person.id)
    return int(rows + objects + users)


def _items(cloud: FaultCloud, person: Person) -> int:
    return int(cloud.rows("SELECT count(*) FROM items WHERE user_id = %s", person.id)[0][0])


# But those that say what became of the account: that it is gone, and how the job ended.
SELECT_TABLES_OF_USERS = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'public' AND column_name = 'user_id' AND table_name NOT IN ('deleted_users', 'jobs')
"""
