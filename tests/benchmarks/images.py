"""What one image costs: our rendering beside plain Pillow doing the same, each file in a process of its own."""

import io
import json
import statistics
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Figure, save

RUNS = 5
SIZES = {"12": (4032, 3024), "48": (8064, 6048)}
FORMATS = ("jpeg", "png", "webp", "heic")
ROOT = Path(__file__).resolve().parents[2]
_SPEED = {("12", "jpeg"): 2, ("48", "jpeg"): 4}
_PEAK_MB = {"jpeg": 350, "png": 350, "webp": 350}


def measure() -> None:
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for megapixels in SIZES:
            _ask("make", folder, megapixels)
            for kind in FORMATS:
                figures += _compare(Path(folder) / f"{megapixels}.{kind}", megapixels, kind)
        figures += _decode_alone(Path(folder) / "12.jpeg")
        figures += _sandbox()
    save("images", "Images: display (≤ 2048) and thumbnail (≤ 512) from one file, processor time", figures)


def _compare(path: Path, megapixels: str, kind: str) -> list[Figure]:
    runs = [(_ask("plain", path), _ask("ours", path)) for _ in range(RUNS)]
    name = f"{megapixels} MP {kind.upper()} ({path.stat().st_size / 1e6:.1f} MB)"
    faster = f"≥ {_SPEED[megapixels, kind]} ×" if (megapixels, kind) in _SPEED else ""
    smaller = f"< {_PEAK_MB[kind]} MB" if megapixels == "48" and kind in _PEAK_MB else ""
    return [
        Figure.of(f"{name}: plain Pillow", "ms", [plain["ms"] for plain, _ in runs]),
        Figure.of(f"{name}: ours", "ms", [ours["ms"] for _, ours in runs]),
        Figure.of(f"{name}: times faster", "×", [plain["ms"] / ours["ms"] for plain, ours in runs], goal=faster),
        Figure.of(f"{name}: plain Pillow, peak", "MB", [plain["mb"] for plain, _ in runs]),
        Figure.of(f"{name}: ours, peak", "MB", [ours["mb"] for _, ours in runs], goal=smaller),
    ]


def _decode_alone(path: Path) -> list[Figure]:
    runs = [(_ask("plain_pixels", path), _ask("our_pixels", path)) for _ in range(RUNS)]
    faster = [plain["ms"] / ours["ms"] for plain, ours in runs]
    return [Figure.of("12 MP JPEG, decoded and resized but not encoded: times faster", "×", faster, goal="≥ 3 ×")]


def _sandbox() -> list[Figure]:
    """On the clock: what the process of its own adds to a small image, and what its first start takes."""
    runs = [_ask("sandbox") for _ in range(RUNS)]
    return [
        Figure.of("Sandbox: added to each image, on the clock", "ms", [run["each"] for run in runs]),
        Figure.of("Sandbox: first image after a cold start, on the clock", "ms", [run["first"] for run in runs]),
    ]


def _ask(task: str, *arguments: object) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.images", task, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


# --- in the child: nothing of this is imported by whoever compares, so that its memory is not counted -----------------


def make(folder: str, megapixels: str) -> dict[str, float]:
    """Photographs of this size, made of the samples: grain for the cameras' formats, none for PNG."""
    from PIL import Image, ImageChops

    size = SIZES[megapixels]
    smooth = _mosaic(size)
    grain = Image.effect_noise((size[0] // 2, size[1] // 2), 16).resize(size, Image.Resampling.BILINEAR)
    photo = ImageChops.add(smooth, Image.merge("RGB", [grain] * 3), scale=1, offset=-128)
    photo.save(f"{folder}/{megapixels}.jpeg", quality=90)
    photo.save(f"{folder}/{megapixels}.webp", quality=85, method=0)
    smooth.save(f"{folder}/{megapixels}.png", compress_level=1)
    Path(f"{folder}/{megapixels}.heic").write_bytes(heic(photo))
    return {}


def _mosaic(size: tuple[int, int]) -> Any:
    from PIL import Image

    paths = islice(cycle(sorted((ROOT / "samples").glob("*.jpg"))), 16)
    whole, (width, height) = Image.new("RGB", size), (size[0] // 4, size[1] // 4)
    for place, path in enumerate(paths):
        part = Image.open(path).convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        whole.paste(part, (place % 4 * width, place // 4 * height))
    return whole


def plain(path: str) -> dict[str, float]:
    return _timed(lambda original: [_as_webp(*image) for image in zip(_plain_pixels(original), (82, 78), strict=True)])(
        path
    )


def ours(path: str) -> dict[str, float]:
    from app.items.images import render
    from app.platform.settings import ImageSettings

    limits = ImageSettings(image_max_bytes=100_000_000)
    return _timed(lambda original: render(original, limits))(path)


def plain_pixels(path: str) -> dict[str, float]:
    return _timed(_plain_pixels)(path)


def our_pixels(path: str) -> dict[str, float]:
    from PIL import Image

    from app.items import images

    def pixels(original: bytes) -> object:
        display = images._shrink(
            images._resizable(images._decode(Image.open(io.BytesIO(original)), original, 2048)), 2048
        )
        return images._shrink(display, 512)

    return _timed(pixels)(path)


def sandbox() -> dict[str, float]:
    import time

    from PIL import Image

    from app.items import images
    from app.items.sandbox import Sandbox
    from app.platform.settings import ImageSettings

    limits, out = ImageSettings(), io.BytesIO()
    Image.effect_noise((64, 64), 50).save(out, "JPEG")

    def milliseconds(work: Callable[[bytes], object]) -> float:
        start = time.perf_counter()
        work(out.getvalue())
        return (time.perf_counter() - start) * 1000

    box = Sandbox(limits)
    first = milliseconds(box.render)
    there = [milliseconds(box.render) for _ in range(20)]
    here = [milliseconds(lambda original: images.render(original, limits)) for _ in range(20)]
    box.close()
    return {"first": first, "each": statistics.median(there) - statistics.median(here)}


def _plain_pixels(original: bytes) -> list[Any]:
    from PIL import Image

    image = Image.open(io.BytesIO(original))
    sizes = [
        (round(image.width * edge / max(image.size)), round(image.height * edge / max(image.size)))
        for edge in (2048, 512)
    ]
    return [image.resize(size, Image.Resampling.LANCZOS) for size in sizes]


def _as_webp(image: Any, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality)
    return out.getvalue()


def _timed(work: Callable[[bytes], object]) -> Callable[[str], dict[str, float]]:
    def run(path: str) -> dict[str, float]:
        import resource
        import time

        import pi_heif

        pi_heif.register_heif_opener()
        original = Path(path).read_bytes()
        start = time.process_time()
        work(original)
        milliseconds = (time.process_time() - start) * 1000
        return {"ms": milliseconds, "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}

    return run


# --- HEIC as telephones write it: a grid of tiles (ISO/IEC 23008-12, 6.6.2.3) -----------------------------------------

_TILE, _KINDS = 512, 8


def heic(photo: Any) -> bytes:
    """Some of the picture's tiles, over and over, on a grid of its size."""
    import pillow_heif

    columns, rows = -(-photo.width // _TILE), -(-photo.height // _TILE)
    tiles = []
    for place in range(_KINDS):
        out, left = io.BytesIO(), place * _TILE % (photo.width - _TILE)
        tile = photo.crop((left, place * 256, left + _TILE, place * 256 + _TILE))
        pillow_heif.from_pillow(tile).save(out, quality=85)
        tiles.append(out.getvalue())
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, photo.width, photo.height)
    data = [_inside(tile, b"mdat") for tile in tiles] + [grid]
    codes = [_box(b"hvcC", _inside(tile, b"hvcC")) for tile in tiles]
    head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
    sizes = ((_TILE, _TILE), photo.size)
    length = len(_meta(columns * rows, codes, data, sizes, start=0))
    return (
        head + _meta(columns * rows, codes, data, sizes, start=len(head) + length + 8) + _box(b"mdat", b"".join(data))
    )


def _meta(
    tiles: int, codes: Sequence[bytes], data: Sequence[bytes], sizes: Sequence[tuple[int, int]], *, start: int
) -> bytes:
    grid, ids = tiles + 1, range(1, tiles + 1)
    kinds = [(item, b"hvc1") for item in ids] + [(grid, b"grid")]
    entries = b"".join(_full(b"infe", struct.pack(">HH4sB", item, 0, kind, 0), 2) for item, kind in kinds)
    shapes = b"".join(_full(b"ispe", struct.pack(">II", *size)) for size in sizes)
    uses = b"".join(struct.pack(">HBBB", item, 2, 1, 0x80 | (3 + item % _KINDS)) for item in ids)
    ends = [start + sum(map(len, data[:place])) for place in range(len(data))]
    places = [(item, item % _KINDS) for item in ids] + [(grid, _KINDS)]
    where = b"".join(struct.pack(">HHHII", item, 0, 1, ends[at], len(data[at])) for item, at in places)
    return _full(
        b"meta",
        _full(b"hdlr", bytes(4) + b"pict" + bytes(13))
        + _full(b"pitm", struct.pack(">H", grid))
        + _full(b"iloc", struct.pack(">HH", 0x4400, len(places)) + where)
        + _full(b"iinf", struct.pack(">H", len(kinds)) + entries)
        + _full(b"iref", _box(b"dimg", struct.pack(f">HH{tiles}H", grid, tiles, *ids)))
        + _box(
            b"iprp",
            _box(b"ipco", shapes + b"".join(codes))
            + _full(b"ipma", struct.pack(">I", grid) + uses + struct.pack(">HBB", grid, 1, 2)),
        ),
    )


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _full(kind: bytes, body: bytes, version: int = 0) -> bytes:
    return _box(kind, bytes((version, 0, 0, 0)) + body)


def _inside(file: bytes, kind: bytes) -> bytes:
    """The first box of this kind, wherever it is."""
    at = file.index(kind)
    return file[at + 4 : at - 4 + struct.unpack_from(">I", file, at - 4)[0]]


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
