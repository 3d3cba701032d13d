"""The bundles as Lambda gets them: complete, small enough, and the same every time.

The local cloud's workers see the whole virtual environment, so a missing requirement would show on AWS only. Here every
handler is imported from its own bundle, made for this machine, by an interpreter that sees nothing else.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import bundle

# What a handler may have imported when its module is loaded; everything heavier waits for its first use.
HEAVY = {"anthropic", "langgraph", "numpy", "onnxruntime", "openai", "rapidocr", "tokenizers", "voyageai"}
OPTIONAL = {
    "PIL": {"image_processor"},
    "fastapi": {"api"},
    "jose": {"api", "realtime"},
    "pgvector": {"api", "embedder"},
    "yoyo": {"migrate"},
}
LIMIT_BYTES = 250 * 1024 * 1024


@pytest.fixture(scope="session", params=bundle.FUNCTIONS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build(request.param, bundle.TARGETS["host"], into=tmp_path_factory.mktemp("bundles"))


def _loaded_by(folder: Path) -> set[str]:
    """Top-level modules after importing the handler, seeing only the bundle and the standard library."""
    script = (
        "import json, sys; sys.path = [p for p in sys.path if 'site-packages' not in p];"
        f"sys.path.insert(0, {str(folder)!r}); import handler; assert callable(handler.handler);"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_a_handler_needs_nothing_outside_its_bundle_and_loads_nothing_it_can_put_off(built: Path) -> None:
    loaded = _loaded_by(built)

    assert not loaded & HEAVY
    assert {module for module in OPTIONAL if module in loaded} == {
        module for module, functions in OPTIONAL.items() if built.name in functions
    }


def test_a_bundle_carries_bytecode_that_is_never_stale(built: Path) -> None:
    unchecked_hash = 0b01

    compiled = list(built.rglob("*.pyc"))

    assert compiled
    assert {int.from_bytes(path.read_bytes()[4:8], "little") for path in compiled} == {unchecked_hash}


def test_a_bundle_fits_lambda_and_says_which_code_it_is(built: Path) -> None:
    info = json.loads((built / "app" / "platform" / "build_info.json").read_text())

    assert bundle.size_bytes(built) < LIMIT_BYTES
    assert set(info) == {"version", "git_sha", "built_at"}


def test_the_same_commit_makes_the_same_bundle_for_aws(tmp_path: Path) -> None:
    target = bundle.TARGETS["aws"]

    first, second = (bundle.build("cleanup", target, into=tmp_path / name) for name in ("a", "somewhere-else"))

    assert _digests(first) == _digests(second)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_each_lambda_is_locked_to_the_versions_that_are_tested_here() -> None:
    def pins(path: Path) -> dict[str, str]:
        lines = (line.split(" ")[0] for line in path.read_text().splitlines() if "==" in line and line[0].isalpha())
        return dict(line.split("==") for line in lines)

    tested = pins(bundle.ROOT / "requirements.txt")

    for function in bundle.FUNCTIONS:
        locked = pins(bundle.ROOT / "lambdas" / function / "requirements.txt")
        assert locked.items() <= tested.items(), function
