"""The front end in a real browser, against a deployed local cloud of its own. The steps are in web/e2e."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from scripts import browser
from tests.e2e.local_cloud import ROOT, LocalCloud, brought_up

STATE = ROOT / ".local-web"
PORT = 4606
REPORTS = ROOT / "reports"
# On a machine several times slower than the one where it takes three minutes.
_WITHIN_S = 1800


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with brought_up(STATE, PORT):
        yield LocalCloud.deployed(STATE)


def test_people_upload_watch_find_edit_and_ask_in_the_browser(cloud: LocalCloud, tmp_path: Path) -> None:
    done = subprocess.run(
        ["npx", "vitest", "run", "--config", "vitest.e2e.config.ts"],
        cwd=ROOT / "web",
        env={**os.environ, "E2E": json.dumps(setting(cloud, tmp_path)), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )

    assert done.returncode == 0, (
        f"Pictures of the pages are in {REPORTS / 'failures'}.\n{done.stdout[-8000:]}\n{done.stderr[-8000:]}"
    )


def setting(cloud: LocalCloud, folder: Path) -> dict[str, object]:
    """Where everything is, as web/e2e/setting.ts takes it."""
    return {
        "url": cloud.outputs["WebUrl"],
        "api": cloud.outputs["ApiUrl"],
        "samples": str(ROOT / "samples"),
        "heic": str(_heic(folder / "IMG_0001.HEIC")),
        "screens": str(REPORTS / "screens"),
        "failures": str(REPORTS / "failures"),
        "chromium": browser.find_or_install(),
        "cognito": {
            "url": cloud.outputs["AwsEndpointUrl"],
            "region": cloud.outputs["Region"],
            "pool": cloud.outputs["CognitoUserPoolId"],
            "client": cloud.outputs["CognitoClientId"],
        },
    }


def _heic(path: Path) -> Path:
    with Image.open(ROOT / "samples" / "lunch.jpg") as photo:
        pillow_heif.from_pillow(photo).save(path)
    return path
