"""Starting, finding and stopping the emulator."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

from scripts.console import fail
from scripts.local import paths

DEFAULT_PORT = 4566
REGION = "us-east-1"
# The emulator takes any; the SDKs want some.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
_START_TIMEOUT_S, _STOP_TIMEOUT_S = 60, 20


@dataclass(frozen=True, slots=True)
class Process:
    """Our emulator, told apart from whoever has its pid after a reboot by the time it started."""

    pid: int
    started: float
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def running() -> Process | None:
    """The emulator, if it is alive. What a dead one left behind is forgotten."""
    if not paths.EMULATOR_PROCESS.exists():
        return None
    try:
        process = Process(**json.loads(paths.EMULATOR_PROCESS.read_text()))
        alive = psutil.Process(process.pid).create_time() == process.started
    except (ValueError, TypeError, psutil.NoSuchProcess):
        alive = False
    if not alive:
        paths.EMULATOR_PROCESS.unlink()
        return None
    return process


def start(port: int) -> Process:
    """Start the emulator, or find it running and healthy; one that hangs is replaced."""
    found = running()
    if found and found.port == port and _is_healthy(found.endpoint):
        return found
    if found:
        stop()
    _check_port(port)
    for folder in (paths.EMULATOR_STATE, paths.OBJECTS, paths.LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    with paths.EMULATOR_LOG.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "scripts.local.server", str(port)],
            cwd=paths.ROOT,
            env=_environment(port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    process = Process(child.pid, psutil.Process(child.pid).create_time(), port)
    paths.EMULATOR_PROCESS.write_text(json.dumps(asdict(process)))
    _wait_until_healthy(child, process)
    return process


def stop() -> bool:
    """End the emulator and its Lambdas; its state is saved first. False: it was not running."""
    process = running()
    if process is None:
        return False
    with suppress(psutil.NoSuchProcess):
        _end(psutil.Process(process.pid))
    paths.EMULATOR_PROCESS.unlink(missing_ok=True)
    return True


def _end(parent: psutil.Process) -> None:
    family = [*parent.children(recursive=True), parent]
    parent.terminate()
    psutil.wait_procs([parent], timeout=_STOP_TIMEOUT_S)
    for straggler in family:
        # Asking first whether it still runs would not help: it may end between the question and the signal.
        with suppress(psutil.NoSuchProcess):
            straggler.kill()


def _environment(port: int) -> dict[str, str]:
    # Without the caller's AWS settings: nothing of the local cloud may ever reach a real account.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return inherited | CREDENTIALS | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(paths.EMULATOR_STATE),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(paths.OBJECTS),
        "LAMBDA_STRICT": "0",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        # Two workers on two cores: numpy's own threads would only get into each other's way.
        "OPENBLAS_NUM_THREADS": "1",
        # One address in everything that the Lambdas' SDKs sign and call; a proxy may stand before the cloud.
        "AWS_ENDPOINT_URL": os.environ.get("COLLECTIONS_SDK_ENDPOINT") or f"http://127.0.0.1:{port}",
    }  # fmt: skip


def _check_port(port: int) -> None:
    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
            owner = _name(connection.pid)
            fail(f"Port {port} is taken by {owner}. Stop it, or choose another port: make up PORT={port + 1}.")


def _name(pid: int | None) -> str:
    try:
        return f"{psutil.Process(pid).name()} (process {pid})" if pid else "another program"
    except psutil.NoSuchProcess:
        return "another program"


def _wait_until_healthy(child: subprocess.Popen[bytes], process: Process) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            paths.EMULATOR_PROCESS.unlink(missing_ok=True)
            fail(f"The emulator did not start. Its last words are in {paths.EMULATOR_LOG}.")
        if _is_healthy(process.endpoint):
            return
        time.sleep(0.1)
    fail(f"The emulator does not answer. See {paths.EMULATOR_LOG}; `make down` ends it.")


def _is_healthy(endpoint: str) -> bool:
    try:
        with urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=5) as answer:  # noqa: S310  # loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
