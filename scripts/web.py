"""The front end: built from `web/` when that changed, published to its bucket with a config.json of where it is."""

import gzip
import hashlib
import json
import mimetypes
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts import locks, outputs
from scripts.console import fail
from scripts.users import Login

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "web"
BUILT = ROOT / "build" / "web"
# Names under here carry a hash of their content. Everything else keeps its name from one deployment to the next, and
# must be seen together: a new page with yesterday's script is neither.
_HASHED = "assets/"
# Not a part of what is built.
_ELSEWHERE = {"node_modules", "e2e", "bench"}
_SCRIPT = re.compile(r'(?:src|href)="/(assets/[^"]+\.js)"')


@contextmanager
def built() -> Iterator[Path]:
    """The built front end's folder, which nobody replaces meanwhile. Built unless the last build was of the same."""
    with locks.held(BUILT):
        _build()
        yield BUILT


def _build() -> None:
    stamp = BUILT.with_suffix(".digest")
    wanted = _digest()
    if BUILT.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    # Written last: Vite empties the folder first, and may be killed in between.
    stamp.unlink(missing_ok=True)
    command = ["npm", "run", "--silent", "build"]
    done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
    if done.returncode:
        fail(f"The front end cannot be built:\n{done.stdout}{done.stderr}")
    stamp.write_text(wanted)


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted(SOURCE.rglob("*")):
        parts = path.relative_to(SOURCE).parts
        if path.is_file() and not _ELSEWHERE & set(parts):
            digest.update(f"{'/'.join(parts)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def first_script_bytes() -> int:
    """What of the built page's JavaScript is loaded before anything can be seen: bytes, gzipped as CloudFront does."""
    with built() as folder:
        names = set(_SCRIPT.findall((folder / "index.html").read_text()))
        return sum(len(gzip.compress((folder / name).read_bytes(), 6)) for name in names)


def publish(found: dict[str, str]) -> int:
    """Upload the front end. Returns the number of files."""
    with built() as folder:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {str(path.relative_to(folder)): path.read_bytes() for path in paths}
    for name, body in files.items():
        _put(found, name, body)
    publish_config(found)
    return len(files)


def publish_config(found: dict[str, str], *, demo: Login | None = None) -> None:
    """Tell the front end where it is, and on a local cloud who its demo user is."""
    _put(found, "config.json", json.dumps(config(found, demo=demo), indent=2).encode())


def config(found: dict[str, str], *, demo: Login | None = None) -> dict[str, Any]:
    """What the page may know: addresses and public ids. A password only of a local cloud's demo user."""
    told: dict[str, Any] = {
        "cloud": found["Cloud"],
        "apiUrl": "/api",
        "webSocketUrl": found["WebSocketUrl"],
        "signInUrl": found["CognitoDomain"],
        "issuer": f"https://cognito-idp.{found['Region']}.amazonaws.com/{found['CognitoUserPoolId']}",
        "clientId": found["CognitoClientId"],
    }
    return told | {"demo": asdict(demo)} if demo and found["Cloud"] == "local" else told


def _put(found: dict[str, str], name: str, body: bytes) -> None:
    outputs.client("s3", found).put_object(
        Bucket=found["WebBucketName"],
        Key=name,
        Body=body,
        ContentType=mimetypes.guess_type(name)[0] or "application/octet-stream",
        CacheControl="public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache",
    )
