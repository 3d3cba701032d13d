"""The harness's own local cloud, started and stopped as a process of its own: its state folder is set by environment.

    python -m tests.faults.deployment up <port> <proxy's url>
    python -m tests.faults.deployment down
    python -m tests.faults.deployment postgres     start the database again after it was stopped

`up` prints the database owner's URL last.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".local-faults"


def run(*arguments: str, sdk_endpoint: str = "") -> str:
    """Run this module on the harness's cloud, and return what it says.

    Raises:
        RuntimeError: with everything it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.deployment", *arguments],
        cwd=ROOT,
        env={**os.environ, "COLLECTIONS_STATE": str(STATE), "COLLECTIONS_SDK_ENDPOINT": sdk_endpoint},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def outputs() -> dict[str, str]:
    return json.loads((STATE / "outputs.json").read_text())


def _up(port: int, sdk_endpoint: str) -> None:
    from scripts import bundle, deploy
    from scripts.local import emulator, postgres

    owner = postgres.start()
    # Always a new one: its workers know the proxy by the environment that it was started with.
    emulator.stop()
    process = emulator.start(port)
    # Bundles of its own: nobody else's build replaces them meanwhile.
    for name in bundle.FUNCTIONS:
        bundle.build(name, bundle.TARGETS["local"], into=STATE / "build")
    deploy.deploy_local(
        process.endpoint,
        database_url=postgres.role_url(owner, "collections_app", "collections"),
        database_admin_url=owner,
        report=lambda _: None,
        choices={
            "bundles": str(STATE / "build" / "local"),
            "analysis_provider": "claude",
            "embedding_provider": "voyage",
            "provider_endpoint": sdk_endpoint,
            # Nobody's money.
            "provider_budget_usd": "100000",
        },
    )
    sys.stdout.write(f"{owner}\n")


def _down() -> None:
    from scripts.local import emulator, postgres

    emulator.stop()
    postgres.stop()


def _postgres() -> None:
    from scripts.local import postgres

    postgres.start()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["up", port, sdk_endpoint]:
            _up(int(port), sdk_endpoint)
        case ["down"]:
            _down()
        case ["postgres"]:
            _postgres()
        case _:
            sys.exit(__doc__)
