"""The front end's own tests and types, run where all tests are run."""

import subprocess
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"


@pytest.mark.parametrize("script", ["test", "types-check"])
def test_the_front_end_passes_its_own(script: str) -> None:
    done = subprocess.run(
        ["npm", "run", "--silent", script], cwd=WEB, capture_output=True, text=True, timeout=300, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_its_types_are_those_of_the_api(tmp_path: Path) -> None:
    written = tmp_path / "schema.d.ts"
    command = ["npx", "openapi-typescript", "../docs/openapi.json", "-o", str(written)]
    subprocess.run(command, cwd=WEB, capture_output=True, timeout=120, check=True)

    assert written.read_text() == (WEB / "src/api/schema.d.ts").read_text(), "run `make openapi`"
