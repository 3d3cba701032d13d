"""Reading the text in a picture: PP-OCRv6 on ONNX Runtime. The models lie inside the rapidocr package."""

import importlib
import threading
from collections.abc import Sequence
from math import atan2, cos, sin
from pathlib import Path
from statistics import median
from typing import Any

from PIL import Image

from app.analysis.text_lines import TextLine, clean_text, reading_order

Box = Sequence[Sequence[float]]  # the four corners (x, y) in pixels, clockwise from the top left of the text

OCR_MODEL = "rapidocr-PP-OCRv6"

# Measured on phone screenshots of 589 x 1280 pixels and enlarged to 2048 high, on two cores:
#   Detector input of at least 736 wide / at most 960 high / at most 1280 high: 1.5 / .9 / .95 s with two threads;
#   of the words people had noted down, .986 / .978 / .985 were found.
#   Threads: one takes 1.4 s alone and .8 s per image with two workers; two take .95 s alone, 1.1 s with two workers.
#   Lines recognised one by one instead of six padded to the widest: the same time, 140 MB less at the peak.
#   The direction classifier costs hardly anything: of text on its head .82 is found (without: .12), on its side .9.
DETECTION_SIDE = 1280
THREADS = 1
# Below it the recogniser guesses letters into icons and foliage; words of people's own texts came out at .9 and above.
MIN_CONFIDENCE = 0.6
# A lone character is nearly always an icon ("+", "X", a heart) and has to look very much like a letter.
MIN_CONFIDENCE_ALONE = 0.9
# Longer than any row of letters in a rendition; bounds what later steps search through.
_LONGEST_LINE = 500
# Thinner pictures hold no text, and the library would enlarge them past any bound.
_MIN_SIDE = 16


class TextReader:
    """Finds and reads text. Loads its models at the first picture, once; safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine: Any = None

    def read(self, image: Image.Image) -> list[TextLine]:
        """The lines in `image` (mode RGB) in reading order, in its pixels; leaning text as if it stood upright."""
        if min(image.size) < _MIN_SIDE:
            return []
        answer = self._loaded()(image)
        if answer.txts is None:
            return []
        boxes = _straightened(answer.boxes.tolist())
        found = zip(boxes, answer.txts, answer.scores, strict=True)
        pieces = [_line(box, text, float(score)) for box, text, score in found]
        return reading_order(piece for piece in pieces if _is_sure(piece))

    def _loaded(self) -> Any:
        with self._lock:
            if self._engine is None:
                self._engine = _load_engine()
            return self._engine


def _load_engine() -> Any:
    # Imported here: OpenCV and ONNX Runtime take a second, and only this provider needs them.
    rapidocr: Any = importlib.import_module("rapidocr")
    # Naming the files keeps the library from checking, and if need be downloading, its models.
    models = Path(rapidocr.__file__).parent / "models"
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": 2048,
            "Det.model_path": str(models / "PP-OCRv6_det_small.onnx"),
            "Det.limit_type": "max",
            "Det.limit_side_len": DETECTION_SIDE,
            "Cls.model_path": str(models / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
            "Rec.model_path": str(models / "PP-OCRv6_rec_small.onnx"),
            "Rec.rec_batch_num": 1,
            "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _straightened(boxes: Sequence[Box]) -> list[Box]:
    """`boxes` turned about the origin so that their lines run level: rows of a leaning receipt stay rows."""
    wide = [box for box in boxes if _length(box[0], box[1]) > 2 * _length(box[0], box[3])]
    if not wide:
        return list(boxes)
    lean = median(atan2(box[1][1] - box[0][1], box[1][0] - box[0][0]) for box in wide)
    across, down = cos(lean), sin(lean)
    return [[(x * across + y * down, y * across - x * down) for x, y in box] for box in boxes]


def _line(box: Box, text: str, confidence: float) -> TextLine:
    across, down = [corner[0] for corner in box], [corner[1] for corner in box]
    width, height = _length(box[0], box[1]), _length(box[0], box[3])
    return TextLine(
        text=clean_text(text)[:_LONGEST_LINE],
        left=min(across),
        top=min(down),
        right=max(across),
        bottom=max(down),
        size=max(1.0, width if height > 1.5 * width else height),
        confidence=confidence,
    )


def _length(start: Sequence[float], end: Sequence[float]) -> float:
    return float(((start[0] - end[0]) ** 2 + (start[1] - end[1]) ** 2) ** 0.5)


def _is_sure(piece: TextLine) -> bool:
    if not any(character.isalnum() for character in piece.text):
        return False
    return piece.confidence >= (MIN_CONFIDENCE if len(piece.text) > 1 else MIN_CONFIDENCE_ALONE)
