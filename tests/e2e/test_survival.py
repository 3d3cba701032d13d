"""What the local cloud survives: being stopped, and being killed."""

import json
import os
import signal
import time
from collections.abc import Callable

from tests.e2e.collection import Collection, note
from tests.e2e.local_cloud import PORT, STATE, LocalCloud, command

# State is saved every 20 s; what is younger than that may be lost with a killed process.
_SAVED_WITHIN_S = 25


def test_users_and_items_survive_a_stop_and_a_killed_emulator(
    cloud: LocalCloud, new_user: Callable[[], Collection]
) -> None:
    user = new_user()
    item = user.settled(user.upload(note("Diary of a lighthouse keeper")).json()["id"])

    command("down")
    stopped_and_started = command("up", "--port", str(PORT))
    after_stop = user.api.get(f"/items/{item['id']}").json()
    time.sleep(_SAVED_WITHIN_S)
    os.kill(json.loads((STATE / "emulator.json").read_text())["pid"], signal.SIGKILL)
    healed = command("up", "--port", str(PORT))
    after_kill = user.api.get(f"/items/{item['id']}").json()

    assert "Up in" in stopped_and_started
    assert "Up in" in healed
    assert after_stop["status"] == after_kill["status"] == "ready"
    assert user.search("lighthouse keeper")[0]["item_id"] == item["id"]
