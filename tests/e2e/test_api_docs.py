"""docs/api.md, as somebody who copies it would run it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.e2e.collection import Collection
from tests.e2e.local_cloud import LocalCloud, sign_in

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITHIN_S = 240


def blocks(language: str) -> list[str]:
    return [code for name, code in BLOCK.findall(PAGE) if name == language]


def run(command: list[str], code: str, user: Collection) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "API": str(user.api.base_url).rstrip("/"),
        "TOKEN": user.api.headers["Authorization"].removeprefix("Bearer "),
    }
    return subprocess.run(
        command, input=code, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )


def test_every_block_is_in_a_language_that_is_run_here() -> None:
    assert {name for name, _ in BLOCK.findall(PAGE)} == {"bash", "python"}


def test_every_call_does_what_the_page_says(cloud: LocalCloud) -> None:
    # Nobody to clean up after: the page ends with the account's deletion.
    with cloud.http(sign_in(cloud)) as api:
        done = run(["bash", "-euo", "pipefail", "-s"], "\n".join(blocks("bash")), Collection(api, cloud))

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"304$", done.stdout, re.MULTILINE)
    assert '"title":"To the island"' in done.stdout
    assert '"abstained":false' in done.stdout


def test_the_python_client_finds_what_it_uploads(new_user: Callable[[], Collection]) -> None:
    (client,) = blocks("python")

    done = run([sys.executable, "-"], client, new_user())

    assert done.returncode == 0, done.stdout + done.stderr
    assert "KRUME" in done.stdout
    assert done.stdout.splitlines()[-1] == "1 items are ready"
