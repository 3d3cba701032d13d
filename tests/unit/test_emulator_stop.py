"""Ending the local cloud, with other processes in its place: nothing of it is left, whenever each of them ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from scripts.local import emulator, paths

# As an emulator with a Lambda's worker: says who the worker is and goes on until it is ended.
PARENT = """
import subprocess, sys
worker = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(worker.pid, flush=True)
sys.stdin.readline()
"""
ENDS_WITH_ITS_PARENT = (sys.executable, "-c", "import sys; sys.stdin.read()")
STAYS = ("sleep", "600")


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[psutil.Process]:
    """The running emulator's worker."""
    monkeypatch.setattr(paths, "EMULATOR_PROCESS", tmp_path / "emulator.json")
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", PARENT, *request.param], stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout
        worker = psutil.Process(int(parent.stdout.readline()))
        recorded = {"pid": parent.pid, "started": psutil.Process(parent.pid).create_time(), "port": 4566}
        paths.EMULATOR_PROCESS.write_text(json.dumps(recorded))
        yield worker
        parent.kill()
    with suppress(psutil.NoSuchProcess):
        worker.kill()


@pytest.mark.parametrize("cloud", [ENDS_WITH_ITS_PARENT, STAYS], indirect=True, ids=["ends with it", "stays"])
def test_nothing_is_left(cloud: psutil.Process) -> None:
    assert emulator.stop()
    assert psutil.wait_procs([cloud], timeout=60)[0]
    assert emulator.running() is None
    assert not emulator.stop()


@pytest.mark.parametrize("cloud", [ENDS_WITH_ITS_PARENT], indirect=True, ids=["ends"])
def test_a_worker_that_ends_just_before_it_is_ended(cloud: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    patiently = psutil.wait_procs

    def wait_for_both(processes: list[psutil.Process], timeout: float) -> object:
        ended = patiently(processes, timeout=timeout)
        assert patiently([cloud], timeout=60)[0]
        # What a question a moment ago was answered with.
        monkeypatch.setattr(psutil.Process, "is_running", lambda _: True)
        return ended

    monkeypatch.setattr(psutil, "wait_procs", wait_for_both)
    assert emulator.stop()
    assert not paths.EMULATOR_PROCESS.exists()
