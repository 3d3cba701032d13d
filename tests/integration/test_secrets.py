"""Keys into the parameter store and back, as moto plays it: asked before anything is replaced, never shown."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from app.platform.parameters import Parameters
from app.usage.service import are_paid_calls_off
from scripts import outputs, secrets

CLAUDE_KEY, VOYAGE_KEY = "sk-ant-0123456789abcdef-wxyz", "pa-0123456789abcdefghij"
OTHER_KEY = "sk-ant-another-key-entirely-99"


@pytest.fixture(autouse=True)
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setattr(outputs, "path", lambda cloud: tmp_path / f".{cloud}-outputs.json")
    with mock_aws():
        yield


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(f'# mine\nANTHROPIC_API_KEY={CLAUDE_KEY}\nVOYAGE_API_KEY="{VOYAGE_KEY}"\nEDITOR=vi\n')
    return path


def run(*arguments: str, answers: str = "") -> Result:
    return CliRunner().invoke(secrets.app, [*arguments, "--cloud", "aws", "--env", "test"], input=answers)


def stored() -> dict[str, tuple[str, str]]:
    """Type and value by name."""
    answer = boto3.client("ssm").get_parameters_by_path(Path="/collections/", Recursive=True, WithDecryption=True)
    return {each["Name"]: (each["Type"], each["Value"]) for each in answer["Parameters"]}


def given_stored(**values: str) -> None:
    for name, value in values.items():
        boto3.client("ssm").put_parameter(
            Name=f"/collections/test/{name}", Value=value, Type="SecureString", Overwrite=True
        )


def given_deployed(**settings: str) -> None:
    """One function with this environment, and the outputs that name it."""
    iam = boto3.client("iam")
    trust = {"Version": "2012-10-17", "Statement": []}
    role = iam.create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("handler.py", "")
    boto3.client("lambda").create_function(
        FunctionName="the-analyzer",
        Runtime="python3.13",
        Role=role,
        Handler="handler.handler",
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": settings},
    )
    outputs.write("aws", {"Region": "eu-central-1", "AnalyzerFunctionName": "the-analyzer"})


def test_the_keys_of_a_file_become_secure_strings_of_the_environment(file: Path) -> None:
    answer = run("populate", "--file", str(file))

    assert answer.exit_code == 0, answer.output
    assert stored() == {
        "/collections/test/anthropic_api_key": ("SecureString", CLAUDE_KEY),
        "/collections/test/voyage_api_key": ("SecureString", VOYAGE_KEY),
    }


def test_no_key_is_ever_printed(file: Path) -> None:
    said = run("populate", "--file", str(file)).output
    said += run("populate", "--file", str(file)).output
    said += run("export", "--file", str(file.with_name("other"))).output

    assert "sk-a…yz" in said
    for key in (CLAUDE_KEY, VOYAGE_KEY):
        assert key not in said
        assert key[4:-2] not in said


def test_a_dry_run_stores_nothing(file: Path) -> None:
    answer = run("populate", "--file", str(file), "--dry-run")

    assert answer.exit_code == 0
    assert "new" in answer.output
    assert stored() == {}


@pytest.mark.parametrize(("answers", "kept"), [("n\n", OTHER_KEY), ("y\n", CLAUDE_KEY)])
def test_another_value_is_replaced_only_when_somebody_says_so(file: Path, answers: str, kept: str) -> None:
    given_stored(anthropic_api_key=OTHER_KEY, voyage_api_key=VOYAGE_KEY)

    answer = run("populate", "--file", str(file), answers=answers)

    assert answer.exit_code == 0
    assert "Replace anthropic_api_key" in answer.output
    assert "Replace voyage_api_key" not in answer.output
    assert stored()["/collections/test/anthropic_api_key"][1] == kept


def test_forced_nobody_is_asked(file: Path) -> None:
    given_stored(anthropic_api_key=OTHER_KEY)

    answer = run("populate", "--file", str(file), "--force")

    assert "Replace" not in answer.output
    assert stored()["/collections/test/anthropic_api_key"][1] == CLAUDE_KEY


def test_a_file_without_keys_and_no_file_say_what_to_put_there(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("EDITOR=vi\n")

    for path in (empty, tmp_path / "nowhere"):
        answer = run("populate", "--file", str(path))
        assert answer.exit_code == 1
        assert "ANTHROPIC_API_KEY" in answer.output


def test_what_is_stored_comes_back_into_a_file_that_only_its_owner_reads(file: Path) -> None:
    given_stored(anthropic_api_key=OTHER_KEY, voyage_api_key=VOYAGE_KEY, somebody_elses="x")

    answer = run("export", "--file", str(file), "--force")

    assert answer.exit_code == 0, answer.output
    lines = file.read_text().splitlines()
    assert "# mine" in lines
    assert "EDITOR=vi" in lines
    assert f"ANTHROPIC_API_KEY='{OTHER_KEY}'" in lines
    assert "somebody" not in file.read_text().lower()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_dry_run_of_the_export_writes_nothing(file: Path) -> None:
    given_stored(anthropic_api_key=OTHER_KEY)
    before, absent = file.read_text(), file.with_name("absent")
    file.chmod(0o644)

    for path in (file, absent):
        answer = run("export", "--file", str(path), "--dry-run")
        assert answer.exit_code == 0
        assert "was not touched" in answer.output

    assert (file.read_text(), file.stat().st_mode & 0o777, absent.exists()) == (before, 0o644, False)


def test_exported_and_populated_again_nothing_has_changed(tmp_path: Path) -> None:
    awkward = "key with 'quotes', \"more\", #hash and $dollar\\"
    given_stored(openai_api_key=awkward)

    run("export", "--file", str(tmp_path / "new.env"))
    boto3.client("ssm").delete_parameter(Name="/collections/test/openai_api_key")
    run("populate", "--file", str(tmp_path / "new.env"))

    assert stored() == {"/collections/test/openai_api_key": ("SecureString", awkward)}


def test_a_check_names_the_keys_that_the_chosen_providers_lack() -> None:
    given_deployed(ANALYSIS_PROVIDER="claude", ANALYSIS_FALLBACK="bedrock", EMBEDDING_PROVIDER="voyage")
    given_stored(anthropic_api_key=CLAUDE_KEY)

    lacking = run("check")
    given_stored(voyage_api_key=VOYAGE_KEY)
    complete = run("check")

    assert lacking.exit_code == 1
    assert "/collections/test/voyage_api_key" in lacking.output
    assert "make secrets-populate" in lacking.output
    assert complete.exit_code == 0
    assert secrets.missing(outputs.read("aws"), "test") == []


def test_local_providers_and_bedrock_need_no_key() -> None:
    assert secrets.needed_keys([{"ANALYSIS_PROVIDER": "bedrock"}, {"EMBEDDING_PROVIDER": "local"}, {}]) == []


def test_whom_requests_may_name_needs_a_key_too() -> None:
    settings = {"ANALYSIS_PROVIDER": "local", "ANALYSIS_ALLOWED": '{"openai": []}'}

    assert secrets.needed_keys([settings]) == ["openai_api_key"]


def test_the_kill_switch_is_what_the_functions_read() -> None:
    def read() -> Any:
        return Parameters(boto3.client("ssm"), environment="test")

    before = are_paid_calls_off(read())
    run("paid-calls", "off")
    during = are_paid_calls_off(read())
    run("paid-calls", "on")

    assert (before, during, are_paid_calls_off(read())) == (False, True, False)
    assert stored() == {"/collections/test/paid_calls": ("String", "on")}


def test_a_dry_run_switches_nothing_and_no_cloud_is_guessed() -> None:
    assert run("paid-calls", "off", "--dry-run").exit_code == 0
    assert stored() == {}

    guessed = CliRunner().invoke(secrets.app, ["paid-calls", "off", "--cloud", "AWS"])
    assert guessed.exit_code == 1
    assert "CLOUD=aws" in guessed.output
