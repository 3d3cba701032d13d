"""The bytes of a ZIP archive, piece by piece (PKWARE, ".ZIP File Format Specification" 6.3.10, sections 4.3 and 4.5).

Python's `zipfile` keeps the whole directory in memory and cannot go on where another process stopped. Here every file
gives a header that goes before its bytes and a record that goes into the directory at the end; records of any number of
files are simply put one after the other. Files are stored as they are: images are compressed already.
"""

import struct
import unicodedata
from datetime import UTC, datetime

_NEEDS_VERSION, _NEEDS_ZIP64 = 20, 45
_MADE_ON_UNIX = 3 << 8 | _NEEDS_ZIP64
_NAMES_ARE_UTF8 = 0x800
_REGULAR_FILE = 0o100644 << 16
_MAX_16, _MAX_32 = 2**16 - 1, 2**32 - 1

_NAME_MAX_BYTES = 100
# What Windows, or a shell, takes for something else than a letter of a name.
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>:"/\\|?*`$', "_"))


def file_header(name: str, *, crc: int, size: int, modified: datetime) -> bytes:
    """What stands before a file's bytes (4 GiB would need its ZIP64 form; an image has 50 MiB).

    Its length depends on the name alone.
    """
    encoded = name.encode()
    return (
        struct.pack(
            "<4sHHHHHIIIHH",
            b"PK\x03\x04",
            _NEEDS_VERSION,
            _NAMES_ARE_UTF8,
            0,
            *_dos_time(modified),
            crc,
            size,
            size,
            len(encoded),
            0,
        )
        + encoded
    )


def directory_record(name: str, *, crc: int, size: int, modified: datetime, offset: int) -> bytes:
    """A file's record in the central directory.

    Args:
        offset: where its header stands in the archive, in bytes.
    """
    encoded = name.encode()
    is_far = offset >= _MAX_32
    extra = struct.pack("<HHQ", 1, 8, offset) if is_far else b""
    return (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\x01\x02",
            _MADE_ON_UNIX,
            _NEEDS_ZIP64 if is_far else _NEEDS_VERSION,
            _NAMES_ARE_UTF8,
            0,
            *_dos_time(modified),
            crc,
            size,
            size,
            len(encoded),
            len(extra),
            0,
            0,
            0,
            _REGULAR_FILE,
            _MAX_32 if is_far else offset,
        )
        + encoded
        + extra
    )


def directory_end(*, files: int, size: int, offset: int) -> bytes:
    """What closes the archive.

    Args:
        files: records in the directory.
        size: of the directory, in bytes.
        offset: where it starts in the archive, in bytes.
    """
    end = struct.pack(
        "<4sHHHHIIH",
        b"PK\x05\x06",
        0,
        0,
        min(files, _MAX_16),
        min(files, _MAX_16),
        min(size, _MAX_32),
        min(offset, _MAX_32),
        0,
    )
    if files < _MAX_16 and size < _MAX_32 and offset < _MAX_32:
        return end
    end_64 = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, _MADE_ON_UNIX, _NEEDS_ZIP64, 0, 0, files, files, size, offset
    )
    return end_64 + struct.pack("<4sIQI", b"PK\x06\x07", 0, offset + size, 1) + end


def safe_name(filename: str) -> str:
    """A file's name that is safe as the last part of a path: no separators, no controls, nothing that reorders text.

    At most 100 bytes of UTF-8, cut between characters; never empty, never `.` or `..`.
    """
    text = unicodedata.normalize("NFC", filename).translate(_NOT_IN_NAMES)
    # Categories C*: controls, NUL, right-to-left and zero-width marks, halves of characters, unassigned ones.
    text = "".join(" " if char.isspace() else char for char in text if char.isspace() or not _is_control(char))
    text = " ".join(text.split()).strip(" .")
    return text.encode()[:_NAME_MAX_BYTES].decode(errors="ignore").strip(" .") or "unnamed"


def _is_control(char: str) -> bool:
    return unicodedata.category(char).startswith("C")


def _dos_time(moment: datetime) -> tuple[int, int]:
    """Time and date as MS-DOS wrote them: even seconds, from 1980 on."""
    at = moment.astimezone(UTC)
    year = min(max(at.year, 1980), 2107)
    return at.hour << 11 | at.minute << 5 | at.second // 2, (year - 1980) << 9 | at.month << 5 | at.day
