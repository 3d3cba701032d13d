"""The database's commands: in by the settings of the deployed functions, on a real server; AWS as moto plays it."""

import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import boto3
import psycopg
import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner, Result

from app.platform import migrations
from scripts import backups, database, deployed_database, outputs
from scripts.local import paths
from scripts.local import postgres as local_postgres

REGION = "eu-central-1"
ENDPOINT = f"collections-dev-instance.abc.{REGION}.rds.amazonaws.com"
ITEM = """
INSERT INTO items (user_id, item_id, status, object_key, original_filename, mime_type, file_size)
VALUES (%s, gen_random_uuid(), 'ready', 'key', 'a.png', 'image/png', 1)
"""


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "SQL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(outputs, "path", lambda cloud: tmp_path / f".{cloud}-outputs.json")
    monkeypatch.setattr(paths, "BACKUPS", tmp_path / "backups")
    monkeypatch.setattr(paths, "TEST_USER_ID", tmp_path / "test-user-id")
    with mock_aws():
        yield


def given_functions(environment: str, settings: dict[str, dict[str, str]]) -> None:
    """The functions of a deployed stack, with these settings, and the outputs that name them."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = boto3.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("handler.py", "")
    for name, variables in settings.items():
        boto3.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="handler.handler",
            Code={"ZipFile": archive.getvalue()},
            Environment={"Variables": {"ENVIRONMENT": environment, **variables}},
        )
    names = {f"{name.title()}FunctionName": name for name in settings}
    outputs.write("aws", {"Region": REGION, "RdsEndpoint": ENDPOINT, **names})


@pytest.fixture
def url(server_url: str) -> Iterator[str]:
    """The owner's URL of a migrated database, which the deployed functions use."""
    name = f"commands_{uuid4().hex[:8]}"
    url = migrations.for_database(server_url, name)
    migrations.ensure_database(server_url, name)
    migrations.migrate(url)
    as_role = {role: url.replace("postgres@", f"{role}@") for role in ("collections_app", "collections_cleanup")}
    given_functions(
        "dev",
        {
            "api": {"DATABASE_URL": as_role["collections_app"], "DATABASE_IAM_AUTH": "false"},
            "cleanup": {"DATABASE_URL": as_role["collections_cleanup"], "DATABASE_IAM_AUTH": "false"},
            "migrate": {"DATABASE_ADMIN_URL": server_url, "DATABASE_NAME": name},
        },
    )
    yield url
    with psycopg.connect(server_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def given_items(url: str, count: int, user_id: UUID | None = None) -> None:
    with psycopg.connect(url) as connection:
        for _ in range(count):
            connection.execute(ITEM.replace("'key'", "gen_random_uuid()::text"), [user_id or uuid4()])


def items(url: str) -> int:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT count(*) FROM items").fetchone()[0]


def run(*arguments: str, answers: str = "") -> Result:
    return CliRunner().invoke(database.app, [*arguments, "--cloud", "aws"], input=answers)


# --- status -----------------------------------------------------------------------------------------------------------


def test_the_status_tells_rows_migrations_vectors_and_limits(url: str) -> None:
    given_items(url, 3)

    answer = run("status")

    assert answer.exit_code == 0, answer.output
    lines = {line.split()[0]: line.split()[1:] for line in answer.output.splitlines() if line.strip()}
    assert lines["items"][0] == "3"
    assert lines["Migrations"][:2] == [str(len(list(migrations.MIGRATIONS.glob("*.sql")))), "applied,"]
    assert lines["pgvector"][0].startswith("0.")
    with psycopg.connect(url) as connection:
        (limit,) = connection.execute("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'collections_app'").fetchone()
    assert lines["collections_app"][-1] == str(limit)


def test_a_missing_migration_and_an_owner_who_is_not_bound_are_failures(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE jobs NO FORCE ROW LEVEL SECURITY")
    unforced = run("status")
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0012%'")
    missing = run("status")

    assert (unforced.exit_code, missing.exit_code) == (1, 1)
    assert "of jobs" in unforced.output
    assert "0012.usage" in missing.output
    assert "make db-migrate" in missing.output


# --- backups ----------------------------------------------------------------------------------------------------------


def test_the_newest_backup_comes_back_when_that_is_meant(url: str) -> None:
    given_items(url, 2)
    assert run("backup").exit_code == 0
    given_items(url, 5)

    refused = run("restore", answers="n\n")
    kept = items(url)
    dry = run("restore", "--dry-run")
    done = run("restore", answers="y\n")

    assert (refused.exit_code, dry.exit_code, done.exit_code) == (1, 0, 0), done.output
    assert "with 7 items" in refused.output
    assert (kept, items(url)) == (7, 2)


def test_a_backup_can_be_tried_out_and_writes_nothing_then(url: str, tmp_path: Path) -> None:
    given_items(url, 3)
    dump = tmp_path / "elsewhere" / "full.dump"

    dry, named = run("backup", "--dry-run"), run("backup", "--file", str(dump), "--dry-run")

    assert (dry.exit_code, named.exit_code) == (0, 0), dry.output
    assert "with 3 items" in dry.output
    assert "full.dump" in named.output
    assert "Nothing was changed." in dry.output
    assert not paths.BACKUPS.exists()
    assert not dump.parent.exists()


def test_without_a_backup_there_is_nothing_to_restore(url: str) -> None:
    answer = run("restore", "--yes")

    assert answer.exit_code == 1
    assert "make db-backup" in answer.output


def test_a_dump_fills_an_empty_database_and_no_other(url: str, tmp_path: Path) -> None:
    given_items(url, 4)
    dump = tmp_path / "full.dump"
    run("backup", "--file", str(dump))

    refused = run("seed-full", str(dump))
    run("reset", "--yes")
    empty = items(url)
    dry = run("seed-full", str(dump), "--dry-run")
    still_empty = items(url)
    seeded = run("seed-full", str(dump))

    assert (refused.exit_code, dry.exit_code, seeded.exit_code) == (1, 0, 0), seeded.output
    assert "has 4 items already" in refused.output
    assert (empty, still_empty, items(url)) == (0, 0, 4)


def test_a_reset_asks_and_is_migrated_afterwards(url: str) -> None:
    given_items(url, 1)

    refused, dry = run("reset", answers="n\n"), run("reset", "--dry-run")
    kept = items(url)
    done = run("reset", answers="y\n")

    assert (refused.exit_code, dry.exit_code, done.exit_code) == (1, 0, 0)
    assert (kept, items(url)) == (1, 0)
    assert run("status").exit_code == 0


@pytest.mark.parametrize("environment", ["prod", "staging"])
def test_only_dev_is_ever_reset_on_aws(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at = deployed_database.Access(f"postgresql://owner:x@{ENDPOINT}:5432/collections", environment)
    monkeypatch.setattr(database, "_owner", lambda cloud: at)

    answer = run("reset", "--yes")

    assert answer.exit_code == 1
    assert "only dev may be reset" in answer.output


def test_no_dump_and_no_outputs_are_told_apart(url: str, tmp_path: Path) -> None:
    assert "make db-backup" in run("seed-full", str(tmp_path / "none.dump")).output
    outputs.path("aws").unlink()
    nothing = run("status")
    assert nothing.exit_code == 1
    assert "make infra-deploy" in nothing.output


# --- psql, and AWS's way in -------------------------------------------------------------------------------------------


@pytest.fixture
def psql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A psql on PATH that writes down how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    called = tmp_path / "called"
    for name in ("psql", "pg_dump"):
        program = folder / name
        program.write_text(
            f'#!/bin/sh\n[ "$1" = --version ] && echo "{name} (PostgreSQL) 15.9" && exit\n'
            f'printf "%s\\n" "$@" "$PGPASSWORD" "$PGOPTIONS" > {called}\n'
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return called


@pytest.fixture
def rds() -> None:
    """A stack on AWS: IAM tokens for the application, a secret for the owner."""
    stored = {"username": "collections_admin", "password": "p@ss/word", "host": ENDPOINT, "port": 5432}
    arn = boto3.client("secretsmanager").create_secret(Name="owner", SecretString=json.dumps(stored))["ARN"]
    app_url = (
        f"postgresql://collections_app@{ENDPOINT}:5432/collections"
        "?sslmode=verify-full&sslrootcert=/var/task/app/platform/rds-ca.pem"
    )
    given_functions(
        "dev",
        {
            "api": {"DATABASE_URL": app_url, "DATABASE_IAM_AUTH": "true"},
            "migrate": {"DATABASE_ADMIN_SECRET_ARN": arn, "DATABASE_NAME": "collections"},
        },
    )


@pytest.mark.usefixtures("rds")
def test_psql_gets_a_signed_token_and_a_verified_authority_and_shows_neither(psql: Path) -> None:
    paths.TEST_USER_ID.write_text("5f0c4e44-0000-4000-8000-000000000000")

    answer = run("connect", "--sql", "SELECT 1")

    assert answer.exit_code == 0, answer.output
    url, *arguments = psql.read_text().splitlines()
    assert url == (
        f"postgresql://collections_app@{ENDPOINT}:5432/collections?sslmode=verify-full&sslrootcert={migrations.RDS_CA}"
    )
    assert migrations.RDS_CA.is_file()
    token, options = arguments[-2:]
    assert token.startswith(f"{ENDPOINT}:5432/?Action=connect&DBUser=collections_app&X-Amz-Algorithm=AWS4-HMAC-SHA256")
    assert f"%2F{REGION}%2Frds-db%2F" in token
    assert arguments[:-2] == ["--no-psqlrc", "--set=ON_ERROR_STOP=1", "--command", "SELECT 1"]
    assert options == "-c app.user_id=5f0c4e44-0000-4000-8000-000000000000"
    assert "X-Amz" not in answer.output


@pytest.mark.usefixtures("rds")
def test_the_owner_signs_in_with_the_secret_that_rds_keeps(psql: Path) -> None:
    run("connect", "--role", "owner", "--sql", "SELECT 1")

    url, *_, password, options = psql.read_text().splitlines()
    assert url.startswith(f"postgresql://collections_admin@{ENDPOINT}:5432/collections?sslmode=verify-full")
    assert (password, options) == ("p@ss/word", "")


@pytest.mark.usefixtures("rds")
def test_where_psql_is_missing_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    answer = run("connect", "--sql", "SELECT 1")

    assert answer.exit_code == 1
    assert "apt install postgresql-client" in answer.output


@pytest.mark.usefixtures("rds", "psql")
def test_a_pg_dump_older_than_the_server_is_told_before_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    tool = deployed_database.program("pg_dump", deployed_database.access("owner", outputs.read("aws")).url)

    deployed_database.check_version(tool, server=15)
    with pytest.raises(typer.Exit):
        deployed_database.check_version(tool, server=17)

    assert "postgresql-client-17" in capsys.readouterr().out


def test_psql_on_this_machine_is_the_local_package_s(url: str) -> None:
    user_id = uuid4()
    given_items(url, 2, user_id)
    given_items(url, 1)

    assert deployed_database.program("psql", url) == local_postgres.program("psql")
    assert run("connect", "--sql", "SELECT 1 / 0").exit_code == 1
    assert run("connect", "--sql", "SELECT 1", "--role", "superman").exit_code == 1


# --- points in time ---------------------------------------------------------------------------------------------------


@pytest.fixture
def instance(rds: None) -> Any:
    ec2, client = boto3.client("ec2"), boto3.client("rds")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{REGION}{z}")["Subnet"]["SubnetId"]
        for n, z in enumerate("ab")
    ]
    group = ec2.create_security_group(GroupName="db", Description="db", VpcId=vpc)["GroupId"]
    client.create_db_subnet_group(DBSubnetGroupName="subnets", DBSubnetGroupDescription="-", SubnetIds=subnets)
    client.create_db_parameter_group(DBParameterGroupName="tls", DBParameterGroupFamily="postgres17", Description="-")
    client.create_db_instance(
        DBInstanceIdentifier=ENDPOINT.partition(".")[0],
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="collections_admin",
        MasterUserPassword="password-1",
        DBSubnetGroupName="subnets",
        VpcSecurityGroupIds=[group],
        DBParameterGroupName="tls",
        PubliclyAccessible=True,
        EnableIAMDatabaseAuthentication=True,
        BackupRetentionPeriod=7,
    )
    return client


def test_a_point_in_time_becomes_an_instance_like_the_one_there_is(instance: Any) -> None:
    dry = run("restore-point", "latest", "--dry-run")
    before = len(instance.describe_db_instances()["DBInstances"])
    answer = run("restore-point", "latest")

    assert (dry.exit_code, answer.exit_code, before) == (0, 0, 1), answer.output
    old, new = sorted(
        instance.describe_db_instances()["DBInstances"], key=lambda each: len(each["DBInstanceIdentifier"])
    )
    assert new["DBInstanceIdentifier"].startswith(f"{old['DBInstanceIdentifier']}-as-of-")
    for kept in ("DBInstanceClass", "VpcSecurityGroups", "PubliclyAccessible", "IAMDatabaseAuthenticationEnabled"):
        assert new[kept] == old[kept], kept
    assert new["DBSubnetGroup"]["DBSubnetGroupName"] == "subnets"
    assert [group["DBParameterGroupName"] for group in new["DBParameterGroups"]] == ["tls"]
    assert f"FROM={new['DBInstanceIdentifier']}." in answer.output


@pytest.mark.parametrize(
    ("moment", "told"),
    [("yesterday", "is no time"), ("2026-11-21T12:00:00", "time zone"), ("2020-01-01T00:00:00Z", "7 days")],
)
@pytest.mark.usefixtures("instance")
def test_a_moment_that_cannot_be_gone_back_to_is_refused(moment: str, told: str) -> None:
    answer = run("restore-point", moment)

    assert answer.exit_code == 1
    assert told in answer.output


def test_the_way_to_a_restored_instance_keeps_user_password_and_tls() -> None:
    url = f"postgresql://owner:p%40ss@{ENDPOINT}:5432/collections?sslmode=verify-full"

    moved = deployed_database.Access(url, "dev").at("other.example")

    assert moved.url == "postgresql://owner:p%40ss@other.example:5432/collections?sslmode=verify-full"


def test_the_local_database_has_no_points_in_time() -> None:
    answer = CliRunner().invoke(database.app, ["restore-point", "latest", "--cloud", "local"])

    assert answer.exit_code == 1
    assert "make db-restore" in answer.output


def test_backups_know_how_many_rows_they_hold(url: str, tmp_path: Path) -> None:
    given_items(url, 6)

    manifest = backups.back_up(url, tmp_path / "it.dump")

    assert manifest.rows["items"] == 6
    assert backups.manifest_of(tmp_path / "it.dump") == manifest
