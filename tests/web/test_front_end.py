"""The front end's own tests and types, run where all tests are run."""

import subprocess
from pathlib import Path

import pytest

from scripts import web

# Gzipped: a second and a half on the slow 4G that PageSpeed Insights assumes for phones (1.6 Mbit/s).
SCRIPT_MAX_BYTES = 200_000
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


def test_what_is_loaded_first_is_small() -> None:
    assert 50_000 < web.first_script_bytes() <= SCRIPT_MAX_BYTES
