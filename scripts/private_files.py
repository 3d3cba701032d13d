"""Files that only their owner may read, from the moment they exist."""

import os
from pathlib import Path


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step. It is never readable by others, and nobody ever reads half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)
