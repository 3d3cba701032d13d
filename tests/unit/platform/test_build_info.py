"""Which code this is."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.platform import build_info
from app.platform.build_info import BuildInfo


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "build_info.json"
    monkeypatch.setattr(build_info, "FILE", file)
    build_info.read.cache_clear()
    yield file
    build_info.read.cache_clear()


def test_a_bundle_knows_its_commit(file: Path) -> None:
    written = {"version": "1.2.3", "git_sha": "abc1234", "built_at": "2026-03-14T10:00:00Z"}
    file.write_text(json.dumps(written))

    assert build_info.read() == BuildInfo(**written)


def test_a_checkout_says_that_it_does_not_know() -> None:
    assert build_info.read() == BuildInfo(version="0.0.0", git_sha="unknown", built_at=None)


def test_the_file_is_read_once(file: Path) -> None:
    first = build_info.read()
    file.write_text("{}")

    assert build_info.read() is first
