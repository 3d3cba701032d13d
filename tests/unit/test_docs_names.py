"""What the pages about adding and deploying name is there: files, folders, and names in the code."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("adding.md", "deploying.md", "pipeline.md")
CODE = ("app", "lambdas", "infrastructure", "scripts", "tests", "Makefile", "cdk.json")
QUOTED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]*)(#[^)\s]+)?\)")
# Where a path that is named without its folder may be.
BESIDE = ("", "app/platform", "lambdas/api", "tests", "docs", "app/items")
# Made while one works, and not a part of the project.
MADE = {".local-outputs.json", ".aws-outputs.json", "build/sbom", "reports/faults.md"}


def quoted(page: str) -> list[str]:
    text = re.sub(
        r"^```.*?^```", "", (ROOT / "docs" / page).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    return QUOTED.findall(text)


@cache
def code() -> str:
    tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *CODE]
    names = subprocess.run(tracked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    sources = (ROOT / name for name in names if Path(name).suffix in {".py", ".sql", ".json", ".in", ""})
    return "\n".join(path.read_text(encoding="utf-8") for path in sources if path.is_file())


@pytest.mark.parametrize("page", PAGES)
def test_files_and_folders_are_there(page: str) -> None:
    paths = [word for word in quoted(page) if re.fullmatch(r"[\w./-]+(\.(py|sql|toml|md|json|in)|/)", word)]

    missing = [path for path in paths if not any((ROOT / folder / path).exists() for folder in BESIDE)]

    assert not set(missing) - MADE


@pytest.mark.parametrize("page", PAGES)
def test_names_are_in_the_code(page: str) -> None:
    names = {word for word in quoted(page) if re.fullmatch(r"@?[A-Za-z_]\w{3,}", word)}

    assert not {name for name in names if not re.search(rf"\b{name.lstrip('@')}\b", code())}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for path, anchor in LINK.findall((ROOT / "docs" / page).read_text(encoding="utf-8")):
        if path.startswith("http"):
            continue
        target = ROOT / "docs" / (path or page)
        assert target.exists(), path
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor[1:] in {_anchor(heading) for heading in headings}, f"{path}{anchor}"


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
