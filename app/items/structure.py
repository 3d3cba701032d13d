"""What a file's own structure says, read without decoding anything: how much metadata, how many frames and scans.

A few bytes can ask for a great deal of work, and each of these is found by walking lengths in plain Python. Whatever is
not understood here is left to the decoders, which know their formats better and work under a clock and a memory limit.
"""

import re
import struct
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from app.platform.errors import PermanentFailure

if TYPE_CHECKING:
    from app.platform.settings import ImageSettings

Part = tuple[Literal["metadata", "frames", "scans", "parts"], int]

# No honest file has as many segments, chunks or boxes; each costs us a step.
_MOST_PARTS = 200_000

# In a scan's data, FF stands only before 00 and restart markers: any other pair begins the next segment.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_JPEG_SCAN, _JPEG_END, _JPEG_BARE, _JPEG_COMMENT = b"\xff\xda", b"\xff\xd9", (b"\xff\xd8", b"\xff\x01"), 0xFE
_PNG_PICTURE = (b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"fdAT", b"fcTL", b"acTL")
_WEBP_PICTURE = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")
_GIF_EXTENSION, _GIF_IMAGE, _GIF_CONTROL = 0x21, 0x2C, 0xF9
# Bytes of a value by TIFF type, from 1 (BYTE) to 18 (IFD8), and the tags that say where the picture itself is.
_TIFF_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8), start=1))
_TIFF_PICTURE = (273, 279, 324, 325)


def check_structure(original: bytes, limits: "ImageSettings") -> None:
    """Walk through the file's parts as far as its limits reach.

    Raises:
        PermanentFailure: `too_much_metadata`, `too_many_frames` or `too_complex`.
    """
    most = {
        "metadata": limits.image_max_metadata_bytes,
        "frames": limits.image_max_frames,
        "scans": limits.image_max_scans,
        "parts": _MOST_PARTS,
    }
    found: Counter[str] = Counter()
    for kind, amount in _parts(original):
        found["parts"] += 1
        found[kind] += amount
        if found[kind] > most[kind] or found["parts"] > most["parts"]:
            raise _refusal(kind if found[kind] > most[kind] else "parts", limits)


def _refusal(kind: str, limits: "ImageSettings") -> PermanentFailure:
    if kind == "metadata":
        return too_much_metadata(limits)
    if kind == "frames":
        return PermanentFailure("too_many_frames", f"The image has more than {limits.image_max_frames} frames.")
    if kind == "scans":
        return PermanentFailure("too_complex", f"The image has more than {limits.image_max_scans} progressive scans.")
    return PermanentFailure("too_complex", f"The file has more than {_MOST_PARTS} parts.")


def too_much_metadata(limits: "ImageSettings") -> PermanentFailure:
    most = limits.image_max_metadata_bytes >> 20
    return PermanentFailure("too_much_metadata", f"The image carries more than {most} MiB of metadata.")


def _parts(data: bytes) -> Iterator[Part]:
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _gif(data)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp(data)
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff(data)
    return _boxes(data) if data[4:8] == b"ftyp" else iter(())


def _jpeg(data: bytes) -> Iterator[Part]:
    """The (first) picture's segments, walked as libjpeg does, so that none can hide in another."""
    position = 0
    while (marker := _JPEG_MARKER.search(data, position)) and marker[0] != _JPEG_END:
        position = marker.end()
        length = 0 if marker[0] in _JPEG_BARE else int.from_bytes(data[position : position + 2])
        position += length
        if marker[0] == _JPEG_SCAN:
            yield "scans", 1
        elif 0xE0 <= marker[0][1] <= 0xEF or marker[0][1] == _JPEG_COMMENT:
            yield "metadata", length
        else:
            yield "parts", 0


def _png(data: bytes) -> Iterator[Part]:
    position = 8
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if kind == b"acTL":
            yield "frames", int.from_bytes(data[position + 8 : position + 12])
        yield ("parts", 0) if kind in _PNG_PICTURE else ("metadata", min(length, len(data) - position))
        position += 12 + length


def _webp(data: bytes) -> Iterator[Part]:
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind == b"ANMF":
            yield "frames", 1
        yield ("parts", 0) if kind in _WEBP_PICTURE else ("metadata", min(length, len(data) - position))
        position += 8 + length + length % 2


def _gif(data: bytes) -> Iterator[Part]:
    position = 13 + _gif_colours(data, 10)
    while position + 2 <= len(data):
        if data[position] == _GIF_IMAGE:
            yield "frames", 1
            position = _gif_blocks_end(data, position + 11 + _gif_colours(data, position + 9))
        elif data[position] == _GIF_EXTENSION:
            end = _gif_blocks_end(data, position + 2)
            yield ("parts", 0) if data[position + 1] == _GIF_CONTROL else ("metadata", end - position)
            position = end
        else:
            return


def _gif_colours(data: bytes, flags_at: int) -> int:
    """Bytes of the colour table that the flags at this position announce."""
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks_end(data: bytes, position: int) -> int:
    """Where a chain of sub-blocks, each behind its length, ends."""
    while position < len(data) and data[position]:
        position += 1 + data[position]
    return position + 1


def _tiff(data: bytes) -> Iterator[Part]:
    """Directories in their chain. One that leads back to an earlier one never ends: then it has too many frames."""
    order = "<" if data[:2] == b"II" else ">"
    big = 43 in data[2:4]
    count, entry, offset = (order + form for form in (("Q", "HHQ", "Q") if big else ("H", "HHI", "I")))
    width = struct.calcsize(entry) + struct.calcsize(offset)
    position = _number(data, offset, 8 if big else 4)
    while 0 < position < len(data):
        yield "frames", 1
        entries = _number(data, count, position)
        position += struct.calcsize(count)
        for at in range(position, min(position + entries * width, len(data) - width + 1), width):
            tag, kind, values = struct.unpack_from(entry, data, at)
            size = min(values * _TIFF_SIZES.get(kind, 1), len(data))
            yield ("parts", 0) if tag in _TIFF_PICTURE else ("metadata", size)
        position = _number(data, offset, position + entries * width)


def _number(data: bytes, form: str, position: int) -> int:
    inside = 0 <= position <= len(data) - struct.calcsize(form)
    return int(struct.unpack_from(form, data, position)[0]) if inside else 0


def _boxes(data: bytes) -> Iterator[Part]:
    """HEIC and AVIF: everything around the picture (`mdat`) counts; what lies inside it is weighed once it is open."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        if length == 1:
            length = _number(data, ">Q", position + 8)
        if length < 8:
            return  # 0: the rest of the file
        yield ("parts", 0) if kind == b"mdat" else ("metadata", min(length, len(data) - position))
        position += length
