"""README.md and docs/*.md, as somebody who types their commands in: each runs, or a test that is named here runs it.

A block of ```sh (or bash) is run on the tests' cloud. A block of ```sh aws, a line with CLOUD=aws anywhere, and one of
CDK's own commands need an account: the target, its variables and the options behind them are checked, and nothing is
run. Of a command that is only named in the text, some block runs the target, or NAMED says who does, or why nobody.
"""

import importlib
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from tests.e2e.local_cloud import STATE, LocalCloud

ROOT = Path(__file__).resolve().parents[2]
# tests/e2e/test_api_docs.py runs it, from the first line to the last.
PAGES = sorted({ROOT / "README.md", *(ROOT / "docs").rglob("*.md")} - {ROOT / "docs" / "api.md"})
FENCED = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(make [^`]+)`")
SHELLS = {"sh", "bash", "shell", "console"}
WITHIN_S = 300

# Commands that take long, stop what other tests need, or delete it: who runs the same. Each is a pattern for a whole
# line, without what is a comment, and a test as pytest names it; or a file of this project that is a command itself.
COVERED = {
    r"make up( PORT=\d+)?": (
        "tests/e2e/test_local_cloud.py::test_up_ends_with_a_search_that_found_something_and_the_ways_in"
    ),
    r"make test": ".ci/run",
    r"make (infra-deploy|infra-diff)": (
        "tests/e2e/test_deploys.py::test_every_function_says_the_version_deployed_also_when_one_was_replaced_without_the_stack"
    ),
    r"make migrate-.*": "tests/e2e/test_migrating.py::test_the_commands_of_the_page_take_everything_over",
    r"make test-infra": "tests/e2e/test_operating.py::test_the_cloud_passes_its_validation_and_nothing_of_it_stays",
    r"make (db-backup|db-restore YES=1)": (
        "tests/e2e/test_operating.py::test_a_backup_taken_while_the_cloud_serves_comes_back_while_it_serves"
    ),
    r"make db-restore DRY_RUN=1": (
        "tests/e2e/test_operating.py::test_a_backup_taken_while_the_cloud_serves_comes_back_while_it_serves"
    ),
    r"make db-reset YES=1": (
        "tests/e2e/test_operating.py::test_a_dump_is_not_loaded_over_items_and_nothing_is_reset_unasked"
    ),
    r"make (cognito-create-user|cognito-delete-user|cognito-get-token).*": (
        "tests/e2e/test_operating.py::test_a_user_of_the_operator_s_making_gets_a_token_and_goes"
    ),
    r"make s3-(upload|download)-images DIR=\S+( DRY_RUN=1)?": (
        "tests/e2e/test_operating.py::test_a_folder_goes_up_and_comes_down_the_same"
    ),
    # Would build the bundles for AWS where there is no template yet.
    r"make cost.*": "tests/infrastructure/test_cost.py",
}

# Targets that pages name in their text and no block runs: a test that runs the same, or why none does.
NAMED = {
    "audit": "tests/unit/test_supply_chain.py",
    "bench": "Measures for half an hour, on a machine that has nothing else to do, and writes docs/benchmarks.md.",
    "bench-search": "As bench, with a million items.",
    "db-seed-full": ("tests/e2e/test_operating.py::test_a_dump_is_not_loaded_over_items_and_nothing_is_reset_unasked"),
    "db-seed-golden": "tests/integration/test_seeding.py",
    "eval": "tests/integration/test_golden_quality.py",
    "eval-aws": "tests/integration/http_api/test_deployed_evaluation.py",
    "eval-chat": "tests/integration/test_dialogues.py",
    "eval-compare": "tests/unit/evaluation/test_report.py",
    "faults": "tests/faults/test_faults.py",
    "fuzz": "tests/integration/http_api/test_http_fuzzing.py",
    "help": "tests/e2e/test_docs_commands.py::test_help_lists_every_target",
    "infra-destroy": (
        "tests/e2e/test_deploys.py::test_a_stack_is_destroyed_when_somebody_agrees_and_what_holds_data_stays"
    ),
    "lint": ".ci/run",
    "lock": "Asks the package index for what is newest, and rewrites every lock of the checkout.",
    "openapi": "tests/unit/test_openapi.py",
    "reset": "Deletes the cloud that the other tests work on.",
    "sbom": "Fetches the tools that make it from the package indexes, in minutes.",
    "screens": "tests/e2e/test_web.py",
    "secrets-populate": "tests/integration/test_secrets.py",
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its lines, continued ones joined, without comments."""

    page: Path
    lines: tuple[str, ...]
    of_aws: bool

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.lines[0] if self.lines else ''}"

    @property
    def left_to_run(self) -> str:
        return "\n".join(line for line in self.lines if not self.needs_aws(line) and covered_by(line) is None)

    def needs_aws(self, line: str) -> bool:
        return self.of_aws or "CLOUD=aws" in line or Path(line.split()[0]).name in {"aws", "cdk"}


def blocks(page: Path) -> Iterator[Block]:
    for language, info, code in FENCED.findall(page.read_text(encoding="utf-8")):
        if language in SHELLS:
            yield Block(page, tuple(commands(code)), "aws" in info.split())


def commands(code: str) -> Iterator[str]:
    for line in code.replace("\\\n", " ").splitlines():
        if command := re.sub(r"(^|\s)#\s.*", "", line).strip():
            yield re.sub(r" {2,}", " ", command)


def covered_by(line: str) -> str | None:
    return next((who for pattern, who in COVERED.items() if re.fullmatch(pattern, line)), None)


BLOCKS = [block for page in PAGES for block in blocks(page)]
HERE = [block for block in BLOCKS if block.left_to_run]
ON_AWS = [(block.page, line) for block in BLOCKS for line in block.lines if block.needs_aws(line)]


@pytest.mark.parametrize("block", HERE, ids=str)
def test_a_block_runs_as_it_stands(block: Block, cloud: LocalCloud) -> None:
    # The tests' cloud keeps beside its state what the developer's keeps in the project's folder.
    done = run(block.left_to_run.replace(".local-outputs.json", str(STATE / "outputs.json")))

    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


def run(script: str) -> subprocess.CompletedProcess[str]:
    # Without the caller's AWS settings: nothing of this may ever reach an account.
    environment = {name: value for name, value in os.environ.items() if not re.match("AWS_|MAKE|MFLAGS", name)}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-s"],
        input=script,
        env=environment | {"COLLECTIONS_STATE": str(STATE), "COLUMNS": "160"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


@pytest.mark.parametrize(("page", "line"), ON_AWS, ids=lambda part: part.name if isinstance(part, Path) else part)
def test_a_command_for_aws_takes_what_it_is_given(page: Path, line: str) -> None:
    program, *arguments = shlex.split(line)
    match Path(program).name:
        case "make":
            for command in behind(line):
                accepts(command)
        case "cdk":
            module = arguments[arguments.index("--app") + 1].split()[-1]
            assert (ROOT / f"{module.replace('.', '/')}.py").exists()
        case _:
            raise AssertionError(f"{page.name}: nobody checks {line!r}")


def behind(line: str) -> list[list[str]]:
    """What make would run for this line, as words; `make -n` refuses what is no target and what lacks a variable."""
    done = run(line.replace("make ", "make -n ", 1))
    assert done.returncode == 0, f"{line}\n{done.stderr}"
    each = [command for recipe in done.stdout.splitlines() for command in recipe.split(" && ")]
    return [shlex.split(command) for command in each if " -m scripts." in command]


def accepts(command: list[str]) -> None:
    """Have the command's own parser read its options, and stop there."""
    module = importlib.import_module(command[command.index("-m") + 1])
    arguments = command[command.index("-m") + 2 :]
    if not arguments:
        return
    app = next((value for value in vars(module).values() if isinstance(value, typer.Typer)), None)
    parser = typer.main.get_command(app or _alone(getattr(module, "main", None) or module.run))
    if not isinstance(parser, TyperGroup):
        parser.make_context(module.__name__, arguments)
        return
    context = parser.make_context(module.__name__, [*arguments], resilient_parsing=True)
    name, chosen, rest = parser.resolve_command(context, arguments)
    assert chosen is not None, f"{module.__name__} has no {name}"
    chosen.make_context(name, rest, parent=context)


def _alone(main: Callable[..., Any]) -> typer.Typer:
    app = typer.Typer()
    app.command()(main)
    return app


def targets_of(line: str) -> set[str]:
    """Also of a `make` within another command."""
    return {
        word
        for words in re.findall(r"\bmake((?: +[^\s)|;&]+)+)", line)
        for word in words.split()
        if re.fullmatch(r"[a-z][a-z0-9-]*", word)
    }


def test_every_command_of_the_text_is_run_somewhere_or_has_its_reason() -> None:
    in_text = {target for page in PAGES for line in spoken_of(page) for target in targets_of(line)}
    in_blocks = {
        target for block in BLOCKS for line in block.lines if not block.needs_aws(line) for target in targets_of(line)
    }

    assert in_text - in_blocks == NAMED.keys()


def test_every_command_of_the_text_takes_what_it_is_given() -> None:
    for page in PAGES:
        for line in spoken_of(page):
            if targets_of(line) & NAMED.keys() and "[" not in line:
                asked = f"{line} DUMP=x FIRST=x" if "=" not in line else line
                for command in behind(asked):
                    accepts(command)


def test_help_lists_every_target() -> None:
    done = run("make help")

    assert done.returncode == 0, done.stderr
    listed = {word for line in done.stdout.splitlines() for word in re.findall(r"\033\[36m([a-z0-9 -]+)", line)}
    assert {name for names in listed for name in names.split()} == TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_command_is_one_that_there_is(page: Path) -> None:
    lines = [line for block in blocks(page) for line in block.lines if line.startswith("make ")]

    for line in [*lines, *spoken_of(page)]:
        words = [word for word in shlex.split(line)[1:] if not word.startswith("-") and "…" not in word]
        named = {word.partition("=")[0] for word in words if re.match(r"[A-Z_]+=", word)}
        targets = {word for word in words if re.fullmatch(r"[a-z][a-z0-9-]*", word)}
        assert targets <= TARGETS, f"{page.name}: {line}: there is no {targets - TARGETS}"
        assert named <= VARIABLES, f"{page.name}: {line}: nothing reads {named - VARIABLES}"


MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = {name for names in re.findall(r"^([a-z][a-z0-9 -]*):", MAKEFILE, re.MULTILINE) for name in names.split()}
VARIABLES = {*re.findall(r"\$\((?:or \$\(|if \$\(|call needed,|call quoted,\$\()?([A-Z_]+)", MAKEFILE), "GOLDEN_DIR"}


def spoken_of(page: Path) -> list[str]:
    """The commands that stand in the text."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    return [command for found in INLINE.findall(text) for command in commands(found.replace("\n", " "))]


def test_who_is_said_to_run_a_command_is_there_and_is_asked_for() -> None:
    for who in NAMED.values():
        assert there(who) or re.fullmatch(r"[A-Z].+ .+\.", who), who
    lines = {line for block in BLOCKS for line in block.lines if not block.needs_aws(line)}
    for pattern, who in COVERED.items():
        assert there(who), who
        assert any(re.fullmatch(pattern, line) for line in lines), f"No page asks for {pattern}"


def there(who: str) -> bool:
    """Whether it is a file of this project, or a test in one."""
    path, _, name = who.partition("::")
    found = ROOT / path
    return found.is_file() and (not name or f"def {name}(" in found.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_fence_is_one_that_is_read(page: Path) -> None:
    """One that is indented, made of tildes, or within a line would hide its commands, and one too many all the rest."""
    lines = page.read_text(encoding="utf-8").splitlines()
    fences = [line for line in lines if "```" in line or "~~~" in line]

    assert all(re.fullmatch(r"```[\w ]*", fence) for fence in fences), fences
    assert [fence != "```" for fence in fences[1::2]] == [False] * (len(fences) // 2)
    assert len(fences) % 2 == 0


def test_every_block_says_what_it_is_in() -> None:
    nameless = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)
    for page in PAGES:
        text = FENCED.sub("", page.read_text(encoding="utf-8"))
        for code in nameless.findall(text):
            assert not re.search(r"^\s*(\$ )?(make|curl|aws|python3?) ", code, re.MULTILINE), f"{page.name}:\n{code}"
