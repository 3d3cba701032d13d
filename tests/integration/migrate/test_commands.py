"""The commands behind `make migrate-*`: what they say, what they write into reports, how they end."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.platform import wiring
from app.platform.errors import AppError
from scripts.console import fail
from scripts.migrate import __main__ as commands
from scripts.migrate.target import Target
from tests.integration.migrate.conftest import Collection
from tests.integration.migrate.previous_application import CHROMA, COLLECTION, MODEL, SAVED, write_images, write_sqlite

VECTORS = ["--collection", COLLECTION, "--model", MODEL]
Command = Callable[..., Result]


@pytest.fixture
def command(
    collection: Collection, app_url: str, bucket_name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Runs a command into the test's collection, with reports of its own. What a deployed cloud would say of itself is
    said here by the environment."""
    environment = {
        "DATABASE_URL": app_url,
        "BUCKET_NAME": bucket_name,
        "EMBEDDING_PROVIDER": "local",
        "EVENT_BUS_NAME": "none",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    @contextmanager
    def target(_cloud: str, _user: str) -> Iterator[Target]:
        try:
            yield Target(collection.user_id, "ada@example.com", "local")
        except AppError as exc:
            fail(exc.detail)

    def run(*arguments: Any) -> Result:
        options = ["--user", "ada@example.com", "--reports", str(tmp_path / "reports")]
        return CliRunner().invoke(commands.cli, [*map(str, arguments), *options])

    monkeypatch.setattr(commands, "target", target)
    forget_everything()
    yield run
    wiring.database().close()
    forget_everything()


def forget_everything() -> None:
    for built in vars(wiring).values():
        if hasattr(built, "cache_clear"):
            built.cache_clear()


def test_all_four_in_their_order(command: Command, collection: Collection, tmp_path: Path) -> None:
    sqlite, folder = write_sqlite(tmp_path / "collections.db"), write_images(tmp_path / "images")
    everything = ["--sqlite", sqlite, "--folder", folder, "--directory", CHROMA["1.5"], *VECTORS]

    first = [
        command("db", sqlite, "--dry-run"),
        command("db", sqlite),
        command("vectors", CHROMA["1.5"], *VECTORS),
        command("images", folder, "--sqlite", sqlite, "--no-wait"),
    ]
    too_early = command("validate", *everything)
    collection.run_pipeline()
    waited = command("images", folder)
    validated = command("validate", *everything)

    reports = tmp_path / "reports"
    assert [result.exit_code for result in [*first, waited, validated]] == [0] * 6, validated.output
    assert "Nothing was kept" in first[0].output
    assert f"{len(SAVED)} items added" in first[1].output
    assert too_early.exit_code == 1
    assert "the pipeline has not looked at it yet" in too_early.output
    assert f"{len(SAVED)} ready, 0 failed" in waited.output
    checks = json.loads((reports / "migrate-validate.json").read_text())
    assert {check["name"]: check["wrong"] for check in checks} == dict.fromkeys(
        ["counts", "fields", "images", "vectors", "searches"], 0
    )
    assert "| ✓ images | 14 | 0 |" in (reports / "migrate-validate.md").read_text()
    assert json.loads((reports / "migrate-db.json").read_text())["finished"] is True
    assert len((reports / "migrate-vectors-rejected.jsonl").read_text().splitlines()) == 2


def test_what_cannot_be_read_is_told_in_one_line(command: Command, tmp_path: Path) -> None:
    for arguments in (["db", tmp_path / "none.db"], ["images", tmp_path / "none"], ["vectors", tmp_path]):
        result = command(*arguments)

        assert (result.exit_code, result.exception.__class__) == (1, SystemExit)
        assert "There is no" in result.output


def test_more_items_than_one_user_may_keep_are_refused_before_anything_is_written(
    command: Command, collection: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "USER_ITEMS_MAX", "13")

    result = command("db", write_sqlite(tmp_path / "collections.db"))

    assert result.exit_code == 1
    assert "one user may keep 13" in result.output
    assert collection.everything() == []
    assert json.loads((tmp_path / "reports" / "migrate-db.json").read_text())["finished"] is False
