"""The operator's commands on the deployed local cloud: validated, backed up and restored while it serves."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.collection import Collection, note
from tests.e2e.local_cloud import ROOT, STATE, LocalCloud

_WITHIN_S = 300
_BACK_WITHIN_S = 120


def run(module: str, *arguments: str, expected: int = 0, **environment: str) -> str:
    """One of the commands, on the tests' cloud; what it says."""
    done = subprocess.run(
        [sys.executable, "-m", f"scripts.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLLECTIONS_STATE": str(STATE), "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=_WITHIN_S,
        check=False,
    )
    assert done.returncode == expected, f"{module} {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def token_of(user: Collection) -> str:
    return user.api.headers["Authorization"].removeprefix("Bearer ")


def made(cloud: LocalCloud) -> dict[str, Any]:
    """What a validation makes and must take away again."""
    parameters = cloud.client("ssm").get_parameters_by_path(Path="/collections/dev/", Recursive=True)["Parameters"]
    people = cloud.client("cognito-idp").list_users(UserPoolId=cloud.outputs["CognitoUserPoolId"])["Users"]
    return {
        "parameters": [each["Name"] for each in parameters if "validation" in each["Name"]],
        "people": [each for each in people if "validation-" in str(each["Attributes"])],
    }


def test_the_cloud_passes_its_validation_and_nothing_of_it_stays(cloud: LocalCloud, tmp_path: Path) -> None:
    said = run("validate", "--reports", str(tmp_path))

    facts = json.loads((tmp_path / "infra-local.json").read_text())
    page = (tmp_path / "infra-local.md").read_text()
    assert facts["passed"], said
    assert [result["outcome"] for result in facts["results"]] == ["passed"] * 11
    assert "**11 of 11 passed**" in page
    assert "socket" in facts["results"][0]["seen"]
    assert made(cloud) == {"parameters": [], "people": []}


def test_a_cloud_that_is_broken_fails_its_validation(cloud: LocalCloud, tmp_path: Path) -> None:
    """A function that is not there, as an operator would find it; the rest is still looked at."""
    state = tmp_path / "state"
    state.mkdir()
    (state / "outputs.json").write_text(json.dumps(cloud.outputs | {"ChatFunctionName": "not-there"}))

    said = run("validate", "--reports", str(tmp_path), expected=1, COLLECTIONS_STATE=str(state))

    outcomes = [result["outcome"] for result in json.loads((tmp_path / "infra-local.json").read_text())["results"]]
    assert [number for number, outcome in enumerate(outcomes, 1) if outcome == "failed"] == [2, 5, 7], said
    assert made(cloud) == {"parameters": [], "people": []}


def test_status_tells_of_stack_code_queues_and_keys(cloud: LocalCloud) -> None:
    said = run("cloud", "status")

    assert "collections-dev is CREATE_COMPLETE" in said or "collections-dev is UPDATE_COMPLETE" in said
    assert "all functions" in said
    assert "none missing" in said
    assert "Analyzer" in said


def test_a_backup_taken_while_the_cloud_serves_comes_back_while_it_serves(user: Collection, tmp_path: Path) -> None:
    kept = user.settled(user.upload(note("Kept in the backup")).json()["id"])
    dump = tmp_path / "it.dump"
    run("database", "backup", "--file", str(dump))
    user.api.delete(f"/items/{kept['id']}").raise_for_status()
    later = user.settled(user.upload(note("Later than the backup")).json()["id"])

    asked = run("database", "restore", str(dump), expected=1)
    untouched = user.api.get(f"/items/{later['id']}").status_code
    run("database", "restore", str(dump), "--yes")

    assert "Replace the database?" in asked
    assert untouched == 200
    assert answered(user.api, f"/items/{kept['id']}") == 200
    assert answered(user.api, f"/items/{later['id']}") == 404
    assert user.search("kept in the backup")[0]["item_id"] == kept["id"]


def answered(api: httpx.Client, path: str) -> int:
    """The status, once the functions have noticed that their connections are gone."""
    deadline = time.monotonic() + _BACK_WITHIN_S
    while (status := api.get(path).status_code) == 503 and time.monotonic() < deadline:
        time.sleep(0.5)
    return status


def test_the_database_is_looked_into_as_its_roles_see_it(user: Collection) -> None:
    user.settled(user.upload(note("Mine alone")).json()["id"])
    count = "SELECT count(*) FROM items"
    sub = user.api.get("/me").json()["user_id"]

    said = run("database", "status")
    mine = run("database", "connect", "--sql", count, "--user-id", sub)
    nobodys = run("database", "connect", "--sql", count, "--user-id", "00000000-0000-4000-8000-000000000000")
    everybodys = run("database", "connect", "--sql", count, "--role", "owner")
    wrong = run("database", "connect", "--sql", "SELECT nothing", expected=1)

    assert "none missing" in said
    assert "not forced" not in said
    assert [int(answer.split()[2]) for answer in (mine, nobodys)] == [1, 0]
    assert int(everybodys.split()[2]) >= 1
    assert wrong == ""


def test_a_dump_is_not_loaded_over_items_and_nothing_is_reset_unasked(user: Collection, tmp_path: Path) -> None:
    item = user.settled(user.upload(note("Still there")).json()["id"])
    dump = tmp_path / "it.dump"
    run("database", "backup", "--file", str(dump))

    refused = run("database", "seed-full", str(dump), expected=1)
    run("database", "reset", "--dry-run")
    run("database", "reset", expected=1)

    assert "make db-reset" in refused
    assert user.api.get(f"/items/{item['id']}").status_code == 200


def test_a_folder_goes_up_and_comes_down_the_same(new_user: Callable[[], Collection], tmp_path: Path) -> None:
    user, folder, back = new_user(), tmp_path / "pictures", tmp_path / "back"
    folder.mkdir()
    for number in range(5):
        (folder / f"picture {number}.png").write_bytes(note(f"Picture number {number}"))

    first = run("images", "upload", str(folder), TOKEN=token_of(user))
    for item in user.items():
        user.settled(item["id"])
    second = run("images", "upload", str(folder), TOKEN=token_of(user))
    run("images", "download", str(back), TOKEN=token_of(user))

    assert "5 uploaded, 0 were there" in first
    assert "0 uploaded, 5 were there" in second
    assert {p.name: p.read_bytes() for p in back.iterdir()} == {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.usefixtures("cloud")
def test_a_user_of_the_operator_s_making_gets_a_token_and_goes() -> None:
    email = f"operator-{os.getpid()}@users.example"

    run("users", "create", email)
    run("users", "token", "--email", email)
    token, sub = ((STATE / name).read_text() for name in (".test-user-token", ".test-user-id"))
    me = httpx.get(f"{LocalCloud.deployed().outputs['ApiUrl']}/me", headers={"Authorization": f"Bearer {token}"}).json()
    listed = run("users", "list")
    run("users", "delete", email, "--yes")

    assert (me["user_id"], me["email"]) == (sub, email)
    assert email in listed
    assert email not in run("users", "list")
    assert not (STATE / ".test-user-token").exists()


@pytest.mark.usefixtures("cloud")
def test_a_log_is_followed_while_it_is_written(cloud: LocalCloud) -> None:
    following = subprocess.Popen(
        [sys.executable, "-m", "scripts.cloud", "logs", "cleanup", "--minutes", "0", "--follow"],
        cwd=ROOT,
        env={**os.environ, "COLLECTIONS_STATE": str(STATE)},
        stdout=subprocess.PIPE,
        text=True,
    )
    found, given_up = threading.Event(), threading.Timer(_BACK_WITHIN_S, following.kill)
    given_up.start()
    sweeping = threading.Thread(target=sweep, args=(cloud, found), daemon=True)
    sweeping.start()
    try:
        line = next((line for line in following.stdout or () if "swept" in line), "nothing was followed")
    finally:
        found.set()
        given_up.cancel()
        following.kill()
        following.wait()
        following.stdout.close()
        sweeping.join()

    assert '"counts"' in line


def sweep(cloud: LocalCloud, enough: threading.Event) -> None:
    """Again and again: the follower shows what is written from the moment it is there."""
    while not enough.is_set():
        cloud.client("lambda").invoke(FunctionName=cloud.outputs["CleanupFunctionName"], Payload=b"{}")
        enough.wait(2)
