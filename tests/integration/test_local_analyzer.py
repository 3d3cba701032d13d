"""The local analyzer with its real models, on pictures drawn here."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont

from app.analysis.local import PROMPT_VERSION, LocalAnalyzer
from app.analysis.models import AnalysisDocument, ImageFacts
from app.platform.errors import PermanentFailure

pytest.importorskip("rapidocr")
WIDTH, HEIGHT = 800, 1000


@pytest.fixture(scope="module")
def analyzer() -> LocalAnalyzer:
    return LocalAnalyzer()


def drawn(rows: Sequence[tuple[str, str, int]]) -> Image.Image:
    """Black on white; each row a text at the left margin, one at the right, and the size of both."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen, top = ImageDraw.Draw(image), 60
    for left, right, size in rows:
        font = ImageFont.load_default(size=size)
        pen.text((60, top), left, fill="black", font=font)
        pen.text((WIDTH - 60, top), right, fill="black", font=font, anchor="ra")
        top += round(1.7 * size)
    return image


def encoded(image: Image.Image, image_format: str = "WEBP") -> bytes:
    buffer = BytesIO()
    image.save(buffer, image_format)
    return buffer.getvalue()


def facts(filename: str = "IMG_0001.jpg") -> ImageFacts:
    return ImageFacts(filename, "image/jpeg", WIDTH, HEIGHT)


RECEIPT = drawn(
    [
        ("GREEN GROCER", "", 64),
        ("12 Mill Lane", "2026-03-14", 32),
        ("Oat milk", "2.49", 32),
        ("Sourdough bread", "4.80", 32),
        ("TOTAL", "EUR 7.29", 40),
        ("Paid by card", "", 32),
    ]
)


def test_a_drawn_receipt_is_read_and_recognised(analyzer: LocalAnalyzer, capfd: pytest.CaptureFixture[str]) -> None:
    answer = analyzer.analyze(encoded(RECEIPT), facts=facts())

    assert answer.document.category == "receipt"
    assert answer.document.headline == "GREEN GROCER · receipt, total EUR 7.29 · 2026-03-14"
    assert "Sourdough bread 4.80" in answer.document.image_details.extracted_text
    assert (answer.provider, answer.prompt_version, answer.usage.cost_usd) == ("local", PROMPT_VERSION, 0)
    assert AnalysisDocument.model_validate(answer.document.model_dump()) == answer.document
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("degrees", [7, 180])
def test_leaning_and_upside_down_text_is_read(analyzer: LocalAnalyzer, degrees: int) -> None:
    turned = RECEIPT.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor="white")

    answer = analyzer.analyze(encoded(turned), facts=facts())

    assert answer.document.category == "receipt"
    assert "GREEN GROCER" in answer.document.headline


def test_a_blank_picture_is_described_and_has_no_text(analyzer: LocalAnalyzer) -> None:
    blank = Image.new("RGB", (640, 480), (30, 90, 200))

    document = analyzer.analyze(encoded(blank, "PNG"), facts=facts("quiet-sea.png")).document

    assert document.headline == "Quiet sea: wide picture in blue"
    assert document.image_details.extracted_text == []
    assert document.image_details.colors == ["blue"]


@pytest.mark.parametrize("size", [(1, 1), (1, 2048), (2048, 17), (40, 2048)])
def test_odd_shapes_are_described_too(analyzer: LocalAnalyzer, size: tuple[int, int]) -> None:
    answer = analyzer.analyze(encoded(Image.new("RGB", size, "red")), facts=facts())

    assert answer.document.image_details.colors == ["red"]


@pytest.mark.parametrize(
    "image",
    [b"", b"not an image", encoded(RECEIPT)[:500], encoded(RECEIPT, "PNG")[:-2000], encoded(RECEIPT, "GIF")],
    ids=["empty", "words", "cut webp", "cut png", "another format"],
)
def test_what_cannot_be_decoded_never_gets_an_answer(analyzer: LocalAnalyzer, image: bytes) -> None:
    with pytest.raises(PermanentFailure) as failure:
        analyzer.analyze(image, facts=facts())

    assert failure.value.code == "unreadable_image"


def test_two_workers_share_one_analyzer() -> None:
    analyzer, image = LocalAnalyzer(), encoded(RECEIPT)

    with ThreadPoolExecutor(2) as workers:
        answers = list(workers.map(lambda _: analyzer.analyze(image, facts=facts()), range(2)))

    assert answers[0] == answers[1]
