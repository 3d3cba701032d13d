"""Makes the ChromaDB directories beside this file, with the `chromadb` package itself, and what it says of them.

    python -m tests.integration.migrate.make_chroma

Each engine runs in an environment of its own (some 400 MB, made in a temporary folder and thrown away): the tests read
what it wrote, which lies in the repository (2 MB, mostly room for more vectors). Run it when SAVED changes, or for
another version.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from app.search.local import WIDTH, LocalEmbedder
from tests.integration.migrate.previous_application import CHROMA, COLLECTION, OTHER_COLLECTION, SAVED

VERSIONS = {"0.6": "chromadb==0.6.3", "1.5": "chromadb==1.5.9"}
_HERE = Path(__file__).parent


def main() -> None:
    vectors = LocalEmbedder().embed_documents([each.flat_text for each in SAVED])
    entries = [
        {
            "item_id": each.old_id,
            "headline": each.headline,
            "summary": each.summary,
            "text": each.flat_text,
            "vector": vector[:WIDTH],
        }
        for each, vector in zip(SAVED, vectors, strict=True)
    ]
    for engine, requirement in VERSIONS.items():
        shutil.rmtree(CHROMA[engine], ignore_errors=True)
        CHROMA[engine].mkdir(parents=True)
        with tempfile.TemporaryDirectory() as environment:
            uv = [sys.executable, "-m", "uv"]
            python = Path(environment) / "bin" / "python"
            subprocess.run([*uv, "venv", "--quiet", "--python", "3.11", "--clear", environment], check=True)
            subprocess.run(
                [*uv, "pip", "install", "--quiet", "--python", str(python), requirement, "numpy<2.3"], check=True
            )
            asked = json.dumps(
                {"folder": str(CHROMA[engine]), "names": [COLLECTION, OTHER_COLLECTION], "saved": entries}
            )
            # Not from the project's folder: only ChromaDB shall be importable.
            program = (_HERE / "chroma_writer.py").read_text()
            subprocess.run([str(python), "-c", program], input=asked, text=True, check=True, cwd=environment)


if __name__ == "__main__":
    main()
