"""Publishing the web page: files to its bucket, and a config.json that tells it where it was deployed."""

import json
import mimetypes
from pathlib import Path

from scripts import outputs

WEB = Path(__file__).resolve().parent.parent / "web"
# What a new deployment must be seen of at once; everything else may be kept for a day.
_NEVER_CACHED = {"index.html", "config.json"}


def publish(found: dict[str, str]) -> int:
    """Upload the page. Returns the number of files."""
    client = outputs.client("s3", found)
    files = {str(path.relative_to(WEB)): path.read_bytes() for path in sorted(WEB.rglob("*")) if path.is_file()}
    files["config.json"] = json.dumps(config(found), indent=2).encode()
    for name, body in files.items():
        client.put_object(
            Bucket=found["WebBucketName"],
            Key=name,
            Body=body,
            ContentType=mimetypes.guess_type(name)[0] or "application/octet-stream",
            CacheControl="no-cache" if name in _NEVER_CACHED else "public, max-age=86400",
        )
    return len(files)


def config(found: dict[str, str]) -> dict[str, str]:
    """What the page may know: addresses and public ids, never a secret."""
    return {
        "cloud": found["Cloud"],
        "apiUrl": "/api",
        "webSocketUrl": found["WebSocketUrl"],
        "signInUrl": found["CognitoDomain"],
        "clientId": found["CognitoClientId"],
    }
