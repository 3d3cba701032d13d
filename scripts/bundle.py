"""One ready-made folder per Lambda: what CDK uploads, built the same way every time.

The same commit gives the same bytes: locked and hashed wheels, no times, no paths of the builder, bytecode that is
checked by content. Lambda's file system is read-only, so bytecode that is not in the bundle is compiled again at every
cold start, which about doubles it.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from scripts import locks
from scripts.console import fail, say
from scripts.interpreters import find_python

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
FUNCTIONS = tuple(sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py")))
LAMBDA_PYTHON = "3.13"
# What of the checkout goes into bundles.
_BUNDLED = ("app", "lambdas")
# As app.platform.build_info reads it.
BuildInfo = dict[str, str | None]
# Installed packages bring these along; a Lambda never reads them, and some differ from builder to builder.
_UNUSED = (
    "bin",
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "WHEEL",
    "direct_url.json",
    ".lock",
    "*.pyi",
    "*.pyx",
    "*.pxd",
    "*.c",
    "*.h",
)
# What one function's packages bring along and never need there. FastAPI asks whether a model is one of Pydantic 1's;
# without them it need not, and the import takes 15 ms less.
_UNUSED_BY = {"api": ("pydantic/v1",)}
# Published without a wheel. They are plain Python, so what is built of them fits every platform.
_PLAIN_SOURCES = ("pyvips",)
# boto3 knows four hundred services; these are the ones that the code calls.
_BOTOCORE_SERVICES = {
    "apigatewaymanagementapi", "cognito-idp", "dynamodb", "events", "lambda", "s3", "secretsmanager", "sqs", "ssm",
    "sso", "sso-oidc", "sts",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """A place that bundles run on.

    `aws`: Lambda's Python on arm64, everything inside, bytecode included. `local`: source alone, because the emulator's
    workers see the virtual environment it runs in. `host`: as `aws`, for this machine, to be tried out by the tests.
    """

    name: str
    with_requirements: bool
    python: str | None = None
    platform: str | None = None


TARGETS = {
    "aws": Target("aws", with_requirements=True, python=LAMBDA_PYTHON, platform="aarch64-manylinux_2_28"),
    "local": Target("local", with_requirements=False),
    "host": Target("host", with_requirements=True),
}


def build(function: str, target: Target, *, into: Path = BUILD, info: BuildInfo | None = None) -> Path:
    """Build one bundle and return its folder, replacing what was there.

    Whoever builds into the checkout's own `build/` holds that folder's lock (`locks.held`) until the bundle was read.

    Args:
        info: which code it is, where several bundles are to say the same.

    Raises:
        subprocess.CalledProcessError: a requirement cannot be installed.
    """
    final = into / target.name / function
    for left in final.parent.glob(f".{function}.*"):
        shutil.rmtree(left, ignore_errors=True)
    # Not a name that a killed build's installer may still write to.
    work = final.with_name(f".{function}.{os.getpid()}")
    work.mkdir(parents=True)
    if target.with_requirements:
        _install(function, target, work)
        _prune(work, *_UNUSED_BY.get(function, ()))
    _copy_source(function, work, info or build_info())
    if target.with_requirements:
        _compile(target, work)
    _put_in_place(work, final)
    return final


def _put_in_place(work: Path, final: Path) -> None:
    """Two renames: killed anywhere, it leaves a whole bundle or none."""
    old = work.with_name(f"{work.name}.old")
    if final.exists():
        final.rename(old)
    work.rename(final)
    shutil.rmtree(old, ignore_errors=True)


def _install(function: str, target: Target, folder: Path) -> None:
    platform = ["--python-platform", target.platform] if target.platform else []
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--target", str(folder)),
            *("--python", sys.executable, "--python-version", target.python or _host_version(), *platform),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--link-mode", "copy"),
            *("--no-binary", ",".join(_PLAIN_SOURCES)),
            *("-r", str(ROOT / "lambdas" / function / "requirements.txt")),
        ],
        check=True,
    )


def _prune(folder: Path, *unused: str) -> None:
    for name in unused:
        shutil.rmtree(folder / name)
    for pattern in _UNUSED:
        for path in sorted(folder.rglob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in sorted(folder.rglob("__pycache__")):
        shutil.rmtree(path)
    for service in sorted((folder / "botocore" / "data").glob("*/")):
        if service.name not in _BOTOCORE_SERVICES:
            shutil.rmtree(service)


def _copy_source(function: str, folder: Path, info: BuildInfo) -> None:
    shutil.copytree(ROOT / "app", folder / "app", ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "evaluation"))
    shutil.copy(ROOT / "lambdas" / function / "handler.py", folder / "handler.py")
    (folder / "app" / "platform" / "build_info.json").write_text(json.dumps(info, sort_keys=True))


def _compile(target: Target, folder: Path) -> None:
    """Bytecode that is trusted as it is: CDK zips with times of 1980, which would make timestamped bytecode stale."""
    python = find_python(target.python) if target.python else sys.executable
    if python is None:
        say(f"[yellow]No Python {target.python} here: {folder.name} goes without bytecode and starts slower.[/]")
        return
    subprocess.run(
        [
            *(python, "-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(folder), "-p", "/var/task", str(folder)),
        ],
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )


def build_info(root: Path = ROOT) -> BuildInfo:
    """Version, commit and the commit's time.

    `-dirty` behind the commit: something differs from it, or a bundle would hold what nobody has added yet. `unknown`:
    this is no checkout of its own, also where it lies within another repository's. The time is then that of the last
    change.
    """
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    sha = _commit(root)
    if sha is None:
        return {"version": version, "git_sha": "unknown", "built_at": _last_change(root)}
    if _git(root, "status", "--porcelain", "--untracked-files=no") or _untracked(root):
        return {"version": version, "git_sha": f"{sha}-dirty", "built_at": _last_change(root)}
    return {"version": version, "git_sha": sha, "built_at": _git(root, "log", "-1", "--format=%cI")}


def _commit(root: Path) -> str | None:
    answer = _git(root, "rev-parse", "--show-toplevel", "HEAD")
    if answer is None:
        return None
    toplevel, sha = answer.splitlines()
    return sha if Path(toplevel).resolve() == root.resolve() else None


def _untracked(root: Path) -> str | None:
    return _git(root, "ls-files", "--others", "--exclude-standard", "--", *_BUNDLED)


def _last_change(root: Path) -> str:
    files = (path for folder in _BUNDLED for path in _files(root / folder) if path.suffix != ".pyc")
    latest = max(path.stat().st_mtime for path in [root / "pyproject.toml", *files])
    return datetime.fromtimestamp(latest, UTC).isoformat(timespec="seconds")


def _git(root: Path, *arguments: str) -> str | None:
    # A hook that runs us tells Git which repository is meant, which need not be this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def size_bytes(folder: Path) -> int:
    """What the bundle takes unzipped; Lambda's limit is 250 MB."""
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _host_version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def main(
    target: Annotated[str, typer.Argument(help="aws, local or host")] = "local",
    function: Annotated[list[str] | None, typer.Option(help="Only this one (may be repeated).")] = None,
) -> None:
    """Build the Lambdas' bundles into build/TARGET/."""
    if target not in TARGETS:
        fail(f"There is no target {target!r}. Use one of: {', '.join(TARGETS)}.")
    names = function or FUNCTIONS
    if unknown := [name for name in names if name not in FUNCTIONS]:
        fail(f"There is no function {unknown[0]!r}. Use one of: {', '.join(FUNCTIONS)}.")
    with locks.held(BUILD / target):
        for name in names:
            folder = build(name, TARGETS[target])
            say(f"{name:<16} {size_bytes(folder) / 1e6:6.1f} MB  {folder.relative_to(ROOT)}")


if __name__ == "__main__":
    typer.run(main)
