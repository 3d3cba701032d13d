"""Publishing the web page: files to its bucket, and a config.json that tells it where it was deployed."""

import json
import mimetypes
from pathlib import Path

from scripts import outputs

WEB = Path(__file__).resolve().parent.parent / "web"
# Names under here carry a hash of their content. Everything else keeps its name from one deployment to the next, and
# must be seen together: a new page with yesterday's script is neither.
_HASHED = "assets/"


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
            CacheControl="public, max-age=31536000, immutable" if name.startswith(_HASHED) else "no-cache",
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
