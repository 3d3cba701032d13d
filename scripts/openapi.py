"""Write docs/openapi.json, what the applications say of themselves, and the front end's types made from it."""

import json
import subprocess
from typing import Any

from app import api
from app.chat import api as chat
from app.platform.application import assemble
from scripts.bundle import ROOT
from scripts.console import say

PATH = ROOT / "docs" / "openapi.json"


def document() -> dict[str, Any]:
    """Of all applications: they are one behind the gateway."""
    return assemble((*api.ROUTERS, *chat.ROUTERS)).openapi()


def rendered() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    PATH.write_text(rendered(), encoding="utf-8")
    subprocess.run(["npm", "run", "--silent", "types"], cwd=ROOT / "web", check=True, stdout=subprocess.DEVNULL)
    say(f"Wrote {PATH.relative_to(ROOT)} and the front end's types.")


if __name__ == "__main__":
    main()
