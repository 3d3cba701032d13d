"""Experiments on what cannot be worked off: poisoned items among good ones, and every way a provider can fail."""

import struct
import zlib
from dataclasses import dataclass

from tests.faults.cloud import PROVIDER_DEADLINE_S, FaultCloud
from tests.faults.findings import Finding
from tests.faults.people import photos
from tests.stub_providers import (
    CONNECTION_RESET,
    CUT_SHORT,
    MALFORMED,
    NEVER_ANSWERS,
    OVERLOADED,
    PROSE,
    REFUSAL,
    Reply,
    rate_limited,
)

_POISON = "poison"
_WAIT_S = 9


def poison_among_good(cloud: FaultCloud, *, each: int = 5) -> list[Finding]:
    """5. Good items with as many bad ones of four kinds, the last of which the embedder gets in one batch."""
    person = cloud.person()
    texts = {f"text-{number}.png": f"no image {number}".encode() for number in range(each)}
    bombs = {f"bomb-{number}.png": _png_header(30_000 + number, 30_000) for number in range(each)}
    refused, poisoned = photos(each, "refused"), photos(each, _POISON)
    cloud.vision.plans = {name: [REFUSAL] for name in refused}
    cloud.embeddings.poison = _POISON
    cloud.pause("Embedder")
    good = photos(4 * each, "good")
    prepared = person.prepare(texts | bombs | refused | poisoned | good)
    cloud.rows("UPDATE items SET notes = original_filename WHERE starts_with(original_filename, %s)", _POISON)
    for upload in prepared:
        upload.send()
    cloud.until_waiting("Embedder", len(poisoned) + len(good))
    cloud.pause("Embedder", paused=False)
    cloud.settle()

    codes = cloud.codes()
    coded = [name for name in {**texts, **bombs, **refused, **poisoned} if codes.get(name)]
    ready = cloud.rows("SELECT count(*) FROM items WHERE status = 'ready' AND original_filename LIKE 'good%%'")[0][0]
    kinds = ", ".join(sorted(set(codes.values())))
    return [
        Finding.count(5, "good items ready", ready, len(good)),
        Finding.count(5, f"bad items failed with a code ({kinds})", len(coded), 4 * each),
        Finding.count(5, "dead letters", cloud.dead(), 0),
    ]


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims to be this large, and ends after its header."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@dataclass(frozen=True)
class Case:
    """How the provider answers first, and how that ends: code (empty: ready), and calls it charges for."""

    replies: list[Reply]
    code: str
    paid: int


_CASES = {
    "429.png": Case([rate_limited(retry_after=_WAIT_S)], "", 1),
    "529.png": Case([OVERLOADED], "", 1),
    "timeout.png": Case([NEVER_ANSWERS], "", 1),
    "reset.png": Case([CONNECTION_RESET], "", 1),
    # The vendor charges for an answer that is lost on the way, too.
    "truncated.png": Case([MALFORMED], "", 2),
    "cut-short.png": Case([CUT_SHORT], "", 2),
    "prose.png": Case([PROSE], "", 2),
    "prose-twice.png": Case([PROSE, PROSE], "invalid_answer", 2),
    "refusal.png": Case([REFUSAL], "refused", 1),
}


def failing_vision(cloud: FaultCloud) -> list[Finding]:
    """6. 429 with retry-after, 529, timeout, reset, truncated JSON, prose, refusal: one item each."""
    cloud.vision.plans = {name: list(case.replies) for name, case in _CASES.items()}
    images = dict(zip(_CASES, photos(len(_CASES)).values(), strict=True))
    cloud.person().upload(images)
    cloud.settle()

    codes, paid = cloud.codes(), cloud.vision.paid_for
    wrong = [
        f"{name}: {codes.get(name) or 'ready'}, paid {paid[name]}"
        for name, case in _CASES.items()
        if (codes.get(name, ""), paid[name]) != (case.code, case.paid)
    ]
    asked = [at for name, at in cloud.vision.asked if name == "429.png"]
    waited = asked[1] - asked[0] if len(asked) > 1 else 0.0
    ready = sum(not case.code for case in _CASES.values())
    return [
        Finding.count(6, "items ready after the provider recovered", cloud.statuses().get("ready", 0), ready),
        Finding(6, "outcome and paid calls per fault", "; ".join(wrong) or "as expected", "as expected", not wrong),
        Finding(6, "waited after 429", f"{waited:.1f} s", f"≥ {_WAIT_S} s, as asked for", waited >= _WAIT_S),
        Finding.count(6, f"timeouts after {PROVIDER_DEADLINE_S} s: calls", _asked(cloud, "timeout.png"), 2),
    ]


def _asked(cloud: FaultCloud, file: str) -> int:
    return sum(name == file for name, _ in cloud.vision.asked)
