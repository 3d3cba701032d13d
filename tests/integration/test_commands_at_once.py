"""Two commands at once in one checkout, as processes: the second waits and says so; nothing is ever half there."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from scripts import locks

# Goes in, says so, and comes out when it is told to.
WORK = """
import sys
from pathlib import Path
from scripts import locks
with locks.held(locks.ROOT / "build" / "there"):
    print("in", flush=True)
    sys.stdin.readline()
    print("out", flush=True)
"""
# As `make up` has its state while it deploys.
HAS_THE_STATE = """
import sys
from scripts import locks
from scripts.local import paths
with locks.held(paths.STATE):
    print("in", flush=True)
    sys.stdin.readline()
"""
# As `make up` does: what it starts goes on without it.
LEAVES_A_CHILD = """
import subprocess, sys
from scripts import locks
with locks.held(locks.ROOT / "build" / "there"):
    child = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(child.pid, flush=True)
    sys.stdin.readline()
"""
# A state of that name, say: `make up` reads the built page while it has its state to itself.
HOLDS_NAMESAKES = """
from scripts.locks import ROOT, held
with held(ROOT / "build" / "web"), held(ROOT / "states" / "web"), held(ROOT / "web"), held(ROOT.parent / "web"):
    print("in", flush=True)
"""
READS_THE_PAGE = "from scripts import web\nwith web.built(): pass"
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What commands are made of, elsewhere: nobody else's build is in the way."""
    for folder in ("app", "lambdas", "scripts", "infrastructure"):
        ignored = shutil.ignore_patterns("node_modules", "__pycache__", "evaluation")
        shutil.copytree(locks.ROOT / folder, tmp_path / folder, ignore=ignored)
    for file in ("pyproject.toml", "requirements.txt"):
        shutil.copy(locks.ROOT / file, tmp_path / file)
    return tmp_path


@pytest.fixture
def start(checkout: Path) -> Iterator[Start]:
    """Starts a Python program in the checkout; those that still run are ended."""
    started: list[subprocess.Popen[str]] = []

    def start(*program: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *program],
            cwd=checkout,
            env={**os.environ, "COLUMNS": "200", "COLLECTIONS_STATE": str(checkout / ".local")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def line(stream: IO[str] | None) -> str:
    assert stream
    return stream.readline().strip()


def test_the_second_is_told_for_whom_it_waits_and_goes_on_when_the_first_is_done(start: Start) -> None:
    first = start("-c", WORK)
    assert line(first.stdout) == "in"

    second = start("-c", WORK)
    told = line(second.stderr)
    end, _ = first.communicate("\n", timeout=120)

    assert told == f"› Waiting for process {first.pid}, which works in build/there"
    assert end == "out\n"
    assert second.communicate("\n", timeout=120) == ("in\nout\n", "")


def test_a_process_that_is_killed_releases_what_it_holds(start: Start) -> None:
    first = start("-c", WORK)
    assert line(first.stdout) == "in"
    second = start("-c", WORK)
    assert line(second.stderr).startswith("› Waiting")

    first.send_signal(signal.SIGKILL)

    assert line(second.stdout) == "in"


def test_folders_of_the_same_name_are_locked_apart(start: Start) -> None:
    assert start("-c", HOLDS_NAMESAKES).communicate(timeout=120) == ("in\n", "")


def test_what_a_command_leaves_running_holds_nothing(start: Start) -> None:
    first = start("-c", LEAVES_A_CHILD)
    child = int(line(first.stdout))
    try:
        first.communicate("\n", timeout=120)
        second = start("-c", WORK)

        assert line(second.stdout) == "in"
    finally:
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize(
    ("folder", "program"),
    [
        ("build/local", ("-m", "scripts.bundle", "local")),
        ("build/aws", ("-m", "scripts.bundle", "aws", "--function", "cleanup")),
        ("build/local", ("-m", "scripts.deploy", "synth")),
        ("build/cdk.out-local", ("-m", "scripts.deploy", "synth", "-c", "bundles=elsewhere")),
        ("cdk.out", ("-m", "scripts.deploy", "synth", "--cloud", "aws")),
        ("build/web", ("-c", READS_THE_PAGE)),
        ("build/sbom", ("-m", "scripts.sbom")),
        (".venv", ("-m", "scripts.bootstrap")),
        (".local", ("-m", "scripts.cloud", "up")),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[1:3]),
)
def test_a_command_waits_for_whoever_works_where_it_writes(
    folder: str, program: tuple[str, ...], start: Start, checkout: Path
) -> None:
    holder = start("-c", WORK.replace('"build" / "there"', f'"{folder}"'))
    assert line(holder.stdout) == "in"

    waiting = start(*program)

    assert line(waiting.stderr) == f"› Waiting for process {holder.pid}, which works in {folder}"
    assert not (checkout / folder).exists()


def test_two_builds_at_once_leave_whole_bundles(start: Start, checkout: Path) -> None:
    builds = [start("-m", "scripts.bundle", "local") for _ in range(2)]
    said = [build.communicate(timeout=600) for build in builds]

    assert [build.returncode for build in builds] == [0, 0], said
    assert [sorted(path.name for path in (checkout / "build" / "local").iterdir())] == [
        sorted(path.parent.name for path in (checkout / "lambdas").glob("*/handler.py"))
    ]
    sources = {path.relative_to(checkout) for path in (checkout / "app").rglob("*.py")}
    for bundle in (checkout / "build" / "local").iterdir():
        assert {path.relative_to(bundle) for path in (bundle / "app").rglob("*.py")} == sources


def test_what_a_killed_build_left_is_cleared_away_and_not_used(start: Start, checkout: Path) -> None:
    left = checkout / "build" / "local" / ".cleanup.4711" / "app"
    left.mkdir(parents=True)
    (left / "half.py").write_text("")

    build = start("-m", "scripts.bundle", "local", "--function", "cleanup")

    assert build.wait(timeout=600) == 0, build.communicate()
    assert [path.name for path in (checkout / "build" / "local").iterdir()] == ["cleanup"]
    assert not (checkout / "build" / "local" / "cleanup" / "app" / "half.py").exists()


def test_a_page_whose_build_was_broken_off_is_not_taken_for_the_one_before(
    start: Start, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("web", "build/web", "bin"):
        (checkout / folder).mkdir(parents=True)
    stamp = checkout / "build" / "web.digest"
    stamp.write_text("of the sources before")
    npm = checkout / "bin" / "npm"
    npm.write_text("#!/bin/sh\nkill -9 $PPID\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:{os.environ['PATH']}")

    build = start("-c", READS_THE_PAGE)

    assert build.wait(timeout=120) == -signal.SIGKILL
    assert not stamp.exists()


@pytest.mark.parametrize("command", [["down"], ["reset", "--yes"]], ids=["down", "reset"])
def test_who_stops_the_cloud_waits_until_it_is_deployed(start: Start, checkout: Path, command: list[str]) -> None:
    (checkout / ".local").mkdir()
    first = start("-c", HAS_THE_STATE)
    assert line(first.stdout) == "in"

    second = start("-m", "scripts.cloud", *command)
    told = line(second.stderr)

    assert told == f"› Waiting for process {first.pid}, which works in .local"
    assert second.poll() is None
    assert (checkout / ".local").is_dir()
    first.communicate("\n")
    said, _ = second.communicate()
    assert second.returncode == 0
    assert "The local cloud was not running." in said
    assert (checkout / ".local").is_dir() == (command == ["down"])
