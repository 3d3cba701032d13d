"""Which code a bundle says it is: of the commit, beside the commit, and without one."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.bundle import build_info

COMMITTED = "2026-03-14T10:00:00+01:00"


def git(folder: Path, *arguments: str) -> str:
    who = {f"GIT_{role}_{what}": "dev@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_AUTHOR_DATE": COMMITTED, "GIT_COMMITTER_DATE": COMMITTED}
    command = ["git", "-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def sources(folder: Path) -> Path:
    for name in ("app/code.py", "lambdas/api/handler.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("answer = 42\n")
    (folder / "pyproject.toml").write_text('[project]\nname = "collections"\nversion = "1.2.3"\n')
    (folder / ".gitignore").write_text("*.pyc\n/notes.txt\n")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = sources(tmp_path / "checkout")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "first")
    return folder


def changed_at(folder: Path, moment: str) -> None:
    """Have all files be of that moment."""
    for path in folder.rglob("*"):
        os.utime(path, (datetime.fromisoformat(moment).timestamp(),) * 2)


def test_a_clean_checkout_is_its_commit_and_of_its_time(checkout: Path) -> None:
    changed_at(checkout, "2026-05-05T00:00:00+00:00")

    assert build_info(checkout) == {
        "version": "1.2.3",
        "git_sha": git(checkout, "rev-parse", "HEAD"),
        "built_at": COMMITTED,
    }


def test_the_next_commit_is_another_version_although_it_changes_no_code(checkout: Path) -> None:
    first = build_info(checkout)
    (checkout / "README.md").write_text("words\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "-m", "words")

    assert build_info(checkout)["git_sha"] == git(checkout, "rev-parse", "HEAD") != first["git_sha"]


def test_what_differs_from_the_commit_is_dirty_and_of_the_last_changes_time(checkout: Path) -> None:
    (checkout / "app" / "code.py").write_text("answer = 43\n")
    changed_at(checkout, "2026-05-05T00:00:00+00:00")

    assert build_info(checkout) == {
        "version": "1.2.3",
        "git_sha": git(checkout, "rev-parse", "HEAD") + "-dirty",
        "built_at": "2026-05-05T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app" / "new.py").write_text("not added yet\n"),
        lambda folder: git(folder, "rm", "--cached", "app/code.py"),
        lambda folder: (folder / "app" / "code.py").unlink(),
    ],
    ids=["a new file that bundles would hold", "staged", "deleted"],
)
def test_a_bundle_that_the_commit_would_not_make_is_dirty(checkout: Path, change: object) -> None:
    change(checkout)  # type: ignore[operator]

    assert str(build_info(checkout)["git_sha"]).endswith("-dirty")


def test_a_file_that_no_bundle_holds_makes_nothing_dirty(checkout: Path) -> None:
    for name in ("notes.txt", "scratch.txt", "app/code.pyc"):
        (checkout / name).write_text("mine\n")

    assert build_info(checkout)["git_sha"] == git(checkout, "rev-parse", "HEAD")


def test_back_at_the_commit_it_is_clean_again(checkout: Path) -> None:
    (checkout / "app" / "code.py").write_text("answer = 43\n")
    git(checkout, "checkout", "app/code.py")

    assert build_info(checkout)["git_sha"] == git(checkout, "rev-parse", "HEAD")


def test_a_tarball_is_unknown_and_of_its_files_time(tmp_path: Path) -> None:
    unpacked = sources(tmp_path / "unpacked")
    changed_at(unpacked, "2026-05-05T00:00:00+00:00")

    assert build_info(unpacked) == {
        "version": "1.2.3",
        "git_sha": "unknown",
        "built_at": "2026-05-05T00:00:00+00:00",
    }


def test_a_tarball_within_somebody_elses_repository_is_unknown_too(checkout: Path) -> None:
    assert build_info(sources(checkout / "vendor" / "collections"))["git_sha"] == "unknown"


def test_a_repository_without_a_commit_is_unknown(tmp_path: Path) -> None:
    folder = sources(tmp_path / "new")
    git(folder, "init")

    assert build_info(folder)["git_sha"] == "unknown"


def test_another_repositorys_hook_does_not_lend_its_commit(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sources(tmp_path / "other")
    git(other, "init")
    git(other, "add", ".")
    git(other, "commit", "-m", "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))

    said = build_info(checkout)["git_sha"]

    monkeypatch.delenv("GIT_DIR")
    monkeypatch.delenv("GIT_WORK_TREE")
    assert said == git(checkout, "rev-parse", "HEAD")


def test_without_git_it_is_unknown(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert build_info(checkout)["git_sha"] == "unknown"


def test_a_linked_worktree_is_a_checkout_of_its_own(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", str(tmp_path / "worktree"))

    assert build_info(tmp_path / "worktree")["git_sha"] == git(checkout, "rev-parse", "HEAD")


def test_the_time_is_one_that_everybody_can_read(checkout: Path) -> None:
    shutil.rmtree(checkout / ".git")

    told = datetime.fromisoformat(str(build_info(checkout)["built_at"]))

    assert told.tzinfo == UTC
