"""Deployments of the tests' own local cloud: what goes wrong is put back, and everybody says which code they are."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from scripts import bundle, code_only, outputs, versions
from tests.e2e.local_cloud import PORT, ROOT, STATE, LocalCloud, command

BROKEN_MIGRATION = "CREATE TABLE half_made (id integer);\nSELECT 1 / 0;\n"
BROKEN_HANDLER = "import a_module_that_nobody_bundled\n"
TINY = "tiny"


@dataclass
class Version:
    """Bundles of the same code, under a name of their own."""

    folder: Path
    info: dict[str, Any]

    @classmethod
    def named(cls, sha: str, folder: Path) -> "Version":
        info = {"version": "9.9.9", "git_sha": sha, "built_at": "2026-11-21T12:00:00+00:00"}
        for name in bundle.FUNCTIONS:
            bundle.build(name, bundle.TARGETS["local"], into=folder, info=info)
        return cls(folder / "local", info)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)


def infra(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """One of the stack's commands, on the tests' cloud."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.deploy", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLLECTIONS_STATE": str(STATE), "COLUMNS": "160"},
        input=answer,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def deploy(version: Version) -> subprocess.CompletedProcess[str]:
    return infra("deploy", "--yes", "--context", f"bundles={version.folder}")


@pytest.fixture(scope="module")
def versioned(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Version]]:
    """Makes versions to deploy. The cloud runs what is in the checkout again afterwards."""
    yield lambda sha: Version.named(sha, tmp_path_factory.mktemp(sha))
    command("up", "--port", str(PORT))


def answered(cloud: LocalCloud) -> dict[str, Any]:
    with cloud.http() as anyone:
        told = anyone.get("/version").json()
    return {key: told[key] for key in ("version", "git_sha", "built_at")}


def everybody(cloud: LocalCloud) -> dict[str, Any]:
    """What every function says."""
    return {name: versions.of_function(name, cloud.outputs) for name in bundle.FUNCTIONS}


def test_every_function_says_the_version_deployed_also_when_one_was_replaced_without_the_stack(
    cloud: LocalCloud, versioned: Callable[[str], Version]
) -> None:
    new = versioned("aaaa1")

    done = deploy(new)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "AWS::Lambda::Function" in done.stdout + done.stderr
    assert "9.9.9, commit aaaa1 of 2026-11-21T12:00:00+00:00 serves" in done.stdout
    assert answered(cloud) == new.info
    assert everybody(cloud) == dict.fromkeys(bundle.FUNCTIONS, new.info)

    by_hand = versioned("ffff6")
    for name in ("api", "cleanup"):
        code_only.put(name, by_hand.folder / name, cloud.outputs)
    between = answered(cloud)
    again = deploy(new)

    assert between == by_hand.info
    assert again.returncode == 0, again.stdout + again.stderr
    assert "cleanup ran 9.9.9, commit ffff6" in again.stdout
    assert everybody(cloud) == dict.fromkeys(bundle.FUNCTIONS, new.info)


def test_a_migration_that_fails_leaves_the_old_version_serving_and_nothing_half_applied(
    cloud: LocalCloud, versioned: Callable[[str], Version]
) -> None:
    before = everybody(cloud)
    broken = versioned("bbbb2")
    broken.write("migrate/app/platform/migrations/9001.broken.sql", BROKEN_MIGRATION)

    done = deploy(broken)

    assert done.returncode == 1
    assert "rolled back; the version before serves" in done.stdout
    assert "The migrations: DivisionByZero" in done.stdout
    assert everybody(cloud) == before
    assert answered(cloud) == before["api"]
    assert database(cloud, "SELECT to_regclass('half_made') IS NULL") == [(True,)]
    assert database(cloud, "SELECT migration_id FROM _yoyo_migration WHERE migration_id LIKE '9001%%'") == []


def database(cloud: LocalCloud, question: str) -> list[Any]:
    with psycopg.connect(host=cloud.outputs["RdsEndpoint"], user="postgres", dbname="collections") as connection:
        return connection.execute(question.encode()).fetchall()


def test_a_version_whose_smoke_fails_is_rolled_back_and_the_mended_one_is_deployed(
    cloud: LocalCloud, versioned: Callable[[str], Version]
) -> None:
    before = everybody(cloud)
    version = versioned("cccc3")
    handler = (version.folder / "api" / "handler.py").read_text()
    version.write("api/handler.py", BROKEN_HANDLER)

    failed = deploy(version)
    between, said = answered(cloud), everybody(cloud)
    version.write("api/handler.py", handler)
    mended = deploy(version)

    assert failed.returncode == 1
    assert "rolled back; the version before serves" in failed.stdout
    assert "The smoke test of the new version" in failed.stdout
    assert "a_module_that_nobody_bundled" in failed.stdout
    assert said == before
    assert between == before["api"]
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert answered(cloud) == version.info


def test_code_only_leaves_what_ran_where_the_new_code_does_not_start(
    cloud: LocalCloud,
    versioned: Callable[[str], Version],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = answered(cloud)
    broken = versioned("abab7")
    broken.write("api/handler.py", BROKEN_HANDLER)
    monkeypatch.setattr(bundle, "build", lambda name, _target: broken.folder / name)
    monkeypatch.setattr(outputs, "read", lambda _cloud: cloud.outputs)

    with pytest.raises(typer.Exit) as ended:
        code_only.deploy("api", "local")

    assert ended.value.exit_code == 1
    assert "what was there before runs again" in capsys.readouterr().out
    assert answered(cloud) == before


@pytest.mark.parametrize("name", ["api", "cleanup"])
def test_code_only_ends_when_the_function_says_it_is_the_new_version(
    cloud: LocalCloud, versioned: Callable[[str], Version], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    new = versioned("baba8")
    monkeypatch.setattr(bundle, "build", lambda name, _target: new.folder / name)
    monkeypatch.setattr(outputs, "read", lambda _cloud: cloud.outputs)

    told = code_only.deploy(name, "local")

    assert told == new.info == versions.of_function(name, cloud.outputs)


def test_a_deployment_that_is_not_agreed_to_changes_nothing(
    cloud: LocalCloud, versioned: Callable[[str], Version]
) -> None:
    before = answered(cloud)
    choice = ("--context", f"bundles={versioned('dada9').folder}")

    refused = infra("deploy", *choice, answer="n\n")
    looked = infra("deploy", *choice, "--dry-run")

    assert (refused.returncode, looked.returncode) == (1, 0)
    assert "Nothing was changed." in refused.stdout
    assert "Nothing was deployed." in looked.stdout
    assert answered(cloud) == before


def test_a_stack_is_destroyed_when_somebody_agrees_and_what_holds_data_stays(cloud: LocalCloud) -> None:
    stacks, sqs, s3 = (cloud.client(service) for service in ("cloudformation", "sqs", "s3"))
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "tiny-queue"}},
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {"BucketName": "tiny-bucket"},
            "DeletionPolicy": "Retain",
        },
    }
    stacks.create_stack(StackName=f"collections-{TINY}", TemplateBody=json.dumps({"Resources": resources}))
    stacks.get_waiter("stack_create_complete").wait(StackName=f"collections-{TINY}", WaiterConfig={"Delay": 1})

    looked = infra("destroy", "--env", TINY, "--dry-run")
    refused = infra("destroy", "--env", TINY, answer="n\n")
    still_there = [*sqs.list_queues(QueueNamePrefix="tiny-queue").get("QueueUrls", [])]
    done = infra("destroy", "--env", TINY, "--yes")
    again = infra("destroy", "--env", TINY, "--yes")

    assert (looked.returncode, refused.returncode, done.returncode, again.returncode) == (0, 1, 0, 1)
    assert "AWS::S3::Bucket tiny-bucket" in looked.stdout
    assert len(still_there) == 1
    assert sqs.list_queues(QueueNamePrefix="tiny-queue").get("QueueUrls", []) == []
    assert s3.head_bucket(Bucket="tiny-bucket")
    assert "There is no stack collections-tiny" in again.stdout
    assert (STATE / "outputs.json").exists()
    s3.delete_bucket(Bucket="tiny-bucket")
