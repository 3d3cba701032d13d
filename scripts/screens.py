"""The pictures of the front end that README and docs show, out of those that its tests leave in reports/screens."""

from pathlib import Path

from PIL import Image

from scripts.console import fail, say

ROOT = Path(__file__).resolve().parent.parent
TAKEN = ROOT / "reports" / "screens"
SHOWN = ROOT / "docs" / "screens"


def main() -> None:
    taken = sorted(TAKEN.glob("*.png"))
    if not taken:
        fail("There are no screenshots yet: `make screens` runs the tests that take them.")
    for old in SHOWN.glob("*.webp"):
        old.unlink()
    for path in taken:
        with Image.open(path) as picture:
            picture.convert("RGB").save(SHOWN / f"{path.stem}.webp", quality=80, method=6)
    say(f"[green]✓[/] {len(taken)} pictures in {SHOWN.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
