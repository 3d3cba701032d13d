"""Deployments to a local cloud of their own: what goes wrong is put back, and everybody says which code they are."""

import json
import os
import shutil
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
from tests.e2e.local_cloud import ROOT, LocalCloud

STATE = ROOT / ".local-deploys"
PORT = 4596
# What a stack is deployed to; the rest of `make up` is nothing to these tests.
START = f"from scripts.local import emulator, postgres; postgres.start(); emulator.start({PORT})"

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


def run(*program: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """A Python program, on these tests' cloud."""
    return subprocess.run(
        [sys.executable, *program],
        cwd=ROOT,
        env={**os.environ, "COLLECTIONS_STATE": str(STATE), "COLUMNS": "160"},
        input=answer,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def infra(*arguments: str, answer: str = "") -> subprocess.CompletedProcess[str]:
    """One of the stack's commands."""
    return run("-m", "scripts.deploy", *arguments, answer=answer)


@dataclass
class Stack:
    """Which version was the last to be deployed well."""

    version: Version

    def deploy(self, version: Version) -> subprocess.CompletedProcess[str]:
        done = infra("deploy", "--yes", "--context", f"bundles={version.folder}")
        if done.returncode == 0:
            self.version = version
        return done


@pytest.fixture(scope="module")
def versioned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Version]:
    """Makes versions to deploy."""
    return lambda sha: Version.named(sha, tmp_path_factory.mktemp(sha))


@pytest.fixture(scope="module")
def stack(versioned: Callable[[str], Version]) -> Iterator[Stack]:
    """The first deployment to a cloud of these tests' own, which is new."""
    run("-m", "scripts.cloud", "down")
    shutil.rmtree(STATE, ignore_errors=True)
    stack = Stack(versioned("aaaa1"))
    try:
        started = run("-c", START)
        assert started.returncode == 0, started.stdout + started.stderr
        done = stack.deploy(stack.version)
        assert done.returncode == 0, done.stdout + done.stderr
        yield stack
    finally:
        run("-m", "scripts.cloud", "down")


@pytest.fixture(scope="module")
def cloud(stack: Stack) -> LocalCloud:
    return LocalCloud.deployed(STATE)


@pytest.fixture
def put_back(stack: Stack, cloud: LocalCloud) -> Iterator[None]:
    """What is replaced without the stack is again what was deployed with it."""
    yield
    for name in ("api", "cleanup"):
        code_only.put(name, stack.version.folder / name, cloud.outputs)


def answered(cloud: LocalCloud) -> dict[str, Any]:
    with cloud.http() as anyone:
        told = anyone.get("/version").json()
    return {key: told[key] for key in ("version", "git_sha", "built_at")}


def everybody(cloud: LocalCloud) -> dict[str, Any]:
    """What every function says."""
    return {name: versions.of_function(name, cloud.outputs) for name in bundle.FUNCTIONS}


def test_every_function_says_the_version_deployed_also_when_one_was_replaced_without_the_stack(
    cloud: LocalCloud, stack: Stack, versioned: Callable[[str], Version]
) -> None:
    deployed, before = stack.version, everybody(cloud)
    by_hand = versioned("ffff6")
    for name in ("api", "cleanup"):
        code_only.put(name, by_hand.folder / name, cloud.outputs)
    between = answered(cloud)
    again = stack.deploy(deployed)

    assert before == dict.fromkeys(bundle.FUNCTIONS, deployed.info)
    assert between == by_hand.info
    assert again.returncode == 0, again.stdout + again.stderr
    assert "cleanup ran 9.9.9, commit ffff6" in again.stdout
    assert f"9.9.9, commit {deployed.info['git_sha']} of 2026-11-21T12:00:00+00:00 serves" in again.stdout
    assert answered(cloud) == deployed.info
    assert everybody(cloud) == dict.fromkeys(bundle.FUNCTIONS, deployed.info)


def test_a_migration_that_fails_leaves_the_old_version_serving_and_nothing_half_applied(
    cloud: LocalCloud, stack: Stack, versioned: Callable[[str], Version]
) -> None:
    before = everybody(cloud)
    broken = versioned("bbbb2")
    broken.write("migrate/app/platform/migrations/9001.broken.sql", BROKEN_MIGRATION)

    done = stack.deploy(broken)

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
    cloud: LocalCloud, stack: Stack, versioned: Callable[[str], Version]
) -> None:
    before = everybody(cloud)
    version = versioned("cccc3")
    handler = (version.folder / "api" / "handler.py").read_text()
    version.write("api/handler.py", BROKEN_HANDLER)

    failed = stack.deploy(version)
    between, said = answered(cloud), everybody(cloud)
    version.write("api/handler.py", handler)
    mended = stack.deploy(version)

    assert failed.returncode == 1
    assert "rolled back; the version before serves" in failed.stdout
    assert "The smoke test of the new version" in failed.stdout
    assert "a_module_that_nobody_bundled" in failed.stdout
    assert said == before
    assert between == before["api"]
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert "AWS::Lambda::Function" in mended.stdout + mended.stderr
    assert "9.9.9, commit cccc3 of 2026-11-21T12:00:00+00:00 serves" in mended.stdout
    assert answered(cloud) == version.info
    assert everybody(cloud) == dict.fromkeys(bundle.FUNCTIONS, version.info)


@pytest.mark.usefixtures("put_back")
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


@pytest.mark.usefixtures("put_back")
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
