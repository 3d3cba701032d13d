"""Colours told by numbers instead of an ICC profile: coding-independent code points (ITU-T H.273), in HEIC and AVIF.

Cameras and phones write Display P3 and BT.2020 this way. Pillow hands the samples out as they are; as an ICC profile,
the numbers go the way that embedded profiles go.
"""

import struct
from collections.abc import Iterator
from functools import cache

# Red, green and blue as XYZ under D50, by the number of the primaries (H.273, table 2): of BT.709, which are sRGB's, of
# BT.2020 and of Display P3. The white point is D65 for all, adapted by Bradford's matrix, as ICC.1:2022 wants it.
_COLUMNS = {
    1: ((0.43606, 0.22249, 0.01392), (0.38515, 0.71689, 0.09709), (0.14307, 0.06062, 0.71410)),
    9: ((0.67348, 0.27904, -0.00193), (0.16567, 0.67535, 0.02998), (0.12505, 0.04561, 0.79686)),
    12: ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)),
}
_D50 = (0.96420, 1.0, 0.82491)
_SRGB_PRIMARIES = 1
# How samples become light (H.273, table 3). All others are shown as sRGB's, 13: BT.709 and BT.2020 describe cameras and
# are watched on the same screens, and HLG is made to be looked at there unchanged.
_LINEAR, _PQ = 8, 16
_CURVE_POINTS = 1024
# Candelas per square metre: what PQ calls white paper (ITU-R BT.2408), and the brightest that is told apart.
_PAPER, _BRIGHTEST = 203, 1000

Nclx = tuple[int, int]


def nclx_of_avif(original: bytes) -> Nclx | None:
    """Primaries and transfer of the picture in an AVIF file, or None where it says nothing, or nothing that is whole.

    ISO/IEC 23008-12: item properties stand in a list, and the primary item's are counted out by the box `ipma`.
    """
    try:
        return _read(memoryview(original))
    except (struct.error, KeyError, IndexError):
        return None


def _read(data: memoryview) -> Nclx | None:
    meta = dict(_boxes(dict(_boxes(data))[b"meta"][4:]))
    properties = dict(_boxes(meta[b"iprp"]))
    listed = list(_boxes(properties[b"ipco"]))
    primary = _number(meta[b"pitm"], 4, 4 if meta[b"pitm"][0] else 2)
    for place in _associated(properties[b"ipma"], primary):
        kind, body = listed[place - 1]
        if kind == b"colr" and bytes(body[:4]) == b"nclx":
            return _number(body, 4, 2), _number(body, 6, 2)
    return None


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        head = 8
        if length == 1:
            length, head = _number(data, position + 8, 8), 16
        end = position + length if length else len(data)
        if end < position + head:
            return
        yield kind, data[position + head : end]
        position = end


def _associated(ipma: memoryview, item: int) -> Iterator[int]:
    """Places in the list of properties, from 1, of those that an item has."""
    id_size, place_size = 4 if ipma[0] else 2, 2 if ipma[3] & 1 else 1
    position = 8
    for _ in range(_number(ipma, 4, 4)):
        found, count = _number(ipma, position, id_size), ipma[position + id_size]
        position += id_size + 1
        if found == item:
            # The highest bit says that readers must understand the property.
            most = (1 << 8 * place_size - 1) - 1
            yield from (_number(ipma, position + n * place_size, place_size) & most for n in range(count))
        position += count * place_size


def _number(data: memoryview, position: int, size: int) -> int:
    if position + size > len(data):
        raise IndexError
    return int.from_bytes(data[position : position + size])


@cache
def icc_profile(primaries: int, transfer: int) -> bytes | None:
    """What the numbers say as an ICC profile. None: that it is sRGB, or what nobody here knows, which is read as sRGB.

    Perceptual quantization (HDR) is brought into the range of a screen: paper white keeps room for highlights above it
    (Reinhard and others, "Photographic tone reproduction for digital images", 2002, equation 4).
    """
    columns = _COLUMNS.get(primaries)
    if columns is None or (primaries == _SRGB_PRIMARIES and transfer not in (_LINEAR, _PQ)):
        return None
    tags = {b"wtpt": _xyz(_D50)}
    for letter, column in zip((b"r", b"g", b"b"), columns, strict=True):
        tags |= {letter + b"XYZ": _xyz(column), letter + b"TRC": _curve(transfer)}
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + len(table) + 12 * len(tags)
    for name, value in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(value))
        body += value + bytes(-len(value) % 4)
    head = struct.pack(
        ">I4xI4s4s4s12x4s28x", start + len(body), 0x04400000, b"mntr", b"RGB ", b"XYZ ", b"acsp"
    ) + _fixed(*_D50)
    return head.ljust(128, b"\0") + table + body


def _curve(transfer: int) -> bytes:
    if transfer == _LINEAR:
        return struct.pack(">4s4xI", b"curv", 0)
    if transfer == _PQ:
        points = [round(65535 * _on_screen(place / (_CURVE_POINTS - 1))) for place in range(_CURVE_POINTS)]
        return struct.pack(f">4s4xI{_CURVE_POINTS}H", b"curv", _CURVE_POINTS, *points)
    return struct.pack(">4s4xHxx", b"para", 3) + _fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def _on_screen(sample: float) -> float:
    """Light from 0 to 1 of a PQ sample from 0 to 1 (SMPTE ST 2084)."""
    root: float = sample ** (32 / 2523)
    light: float = 10_000 * (max(0.0, root - 107 / 128) / (2413 / 128 - 2392 / 128 * root)) ** (16384 / 2610)
    relative, most = light / _PAPER, _BRIGHTEST / _PAPER
    return min(1.0, relative * (1 + relative / most**2) / (1 + relative))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*values)


def _fixed(*values: float) -> bytes:
    """Numbers as s15Fixed16."""
    return b"".join(struct.pack(">i", round(value * 65536)) for value in values)
