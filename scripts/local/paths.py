"""Where the local cloud keeps its state. All of it is under `.local/`; removing that folder forgets everything."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local"
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
