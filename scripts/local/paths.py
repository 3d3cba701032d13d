"""Where a local cloud keeps its state. All of it is in one folder; removing that forgets everything."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_OWN_STATE = ROOT / ".local"
# Another folder is another cloud, beside the developer's own: the tests have theirs.
STATE = Path(os.environ.get("COLLECTIONS_STATE", _OWN_STATE)).resolve()
OUTPUTS = ROOT / ".local-outputs.json" if STATE == _OWN_STATE else STATE / "outputs.json"

POSTGRES = STATE / "postgres"
# Written once the server has started: a data folder without it was left half-made.
POSTGRES_MADE = STATE / "postgres.made"
EMULATOR_STATE = STATE / "emulator"
OBJECTS = STATE / "objects"
LOGS = STATE / "logs"
EMULATOR_LOG = LOGS / "emulator.log"
EMULATOR_PROCESS = STATE / "emulator.json"
DEMO_USER = STATE / "demo-user.json"
DEPLOYED = STATE / "deployed.json"


def _beside(name: str) -> Path:
    """In the project's own folder, where people look for it; in its state's folder where a cloud is not their own."""
    return ROOT / name if STATE == _OWN_STATE else STATE / name


# Of whoever scripts, tests and evaluations act for: a login, an access token, and the `sub` in it.
TEST_LOGIN = _beside(".test-user-login")
TEST_TOKEN = _beside(".test-user-token")
TEST_USER_ID = _beside(".test-user-id")
BACKUPS = _beside("backups")
