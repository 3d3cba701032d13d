"""The front end in a real browser, against the deployed local cloud. The steps are in web/e2e."""

import json
import os
import subprocess

from scripts import browser
from tests.e2e.local_cloud import ROOT, LocalCloud, new_login

SCREENS = ROOT / "reports" / "screens"
_USERS = 4


def test_people_upload_watch_find_edit_and_ask_in_the_browser(cloud: LocalCloud) -> None:
    setting = {
        "url": cloud.outputs["WebUrl"],
        "samples": str(ROOT / "samples"),
        "screens": str(SCREENS),
        "chromium": browser.find_or_install(),
        "users": [
            {"email": email, "password": password} for email, password in (new_login(cloud) for _ in range(_USERS))
        ],
    }

    done = subprocess.run(
        ["npx", "vitest", "run", "--config", "vitest.e2e.config.ts"],
        cwd=ROOT / "web",
        env={**os.environ, "E2E": json.dumps(setting), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{done.stderr[-4000:]}"
