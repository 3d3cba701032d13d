"""What the local cloud was last deployed from: nothing is deployed twice."""

import hashlib
import json

from scripts.bundle import build_info
from scripts.local import paths


def fingerprint(endpoint: str, owner: str) -> str:
    """What a deployment is made of: code, its commit, stack, page, packages, and where it goes."""
    digest = hashlib.sha256(f"{endpoint} {owner} {json.dumps(build_info())}".encode())
    for folder in ("app", "lambdas", "infrastructure", "web"):
        for path in sorted((paths.ROOT / folder).rglob("*")):
            if path.is_file() and not {"node_modules", "__pycache__", "e2e"} & set(path.parts):
                digest.update(f"{path.relative_to(paths.ROOT)}\n".encode() + path.read_bytes())
    for name in ("cdk.json", "requirements.txt"):
        digest.update((paths.ROOT / name).read_bytes())
    return digest.hexdigest()


def recorded() -> str | None:
    try:
        found: str = json.loads(paths.DEPLOYED.read_text())["fingerprint"]
    except (OSError, ValueError, KeyError):
        return None
    return found


def record(deployed: str) -> None:
    paths.DEPLOYED.write_text(json.dumps({"fingerprint": deployed}))


def forget() -> None:
    paths.DEPLOYED.unlink(missing_ok=True)
