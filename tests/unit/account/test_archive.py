"""Archives made piece by piece are read by everybody else's reader; names are harmless wherever they are unpacked."""

import io
import tempfile
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.account import archive

MOMENT = datetime(2026, 3, 12, 19, 3, 8, tzinfo=UTC)
GIB = 1024**3


def packed(files: dict[str, bytes]) -> bytes:
    body, directory = bytearray(), bytearray()
    for name, content in files.items():
        told = {"crc": zlib.crc32(content), "size": len(content), "modified": MOMENT}
        directory += archive.directory_record(name, offset=len(body), **told)
        body += archive.file_header(name, **told) + content
    end = archive.directory_end(files=len(files), size=len(directory), offset=len(body))
    return bytes(body + directory + end)


def test_what_was_packed_comes_out_again() -> None:
    files = {"images/写真 é.jpg": b"\xff\xd8" * 1000, "items/1.json": b"{}", "empty": b""}

    with zipfile.ZipFile(io.BytesIO(packed(files))) as unpacked:
        found = {name: unpacked.read(name) for name in unpacked.namelist()}
        damaged = unpacked.testzip()
        first = unpacked.getinfo("items/1.json")

    assert found == files
    assert damaged is None
    assert first.date_time == (2026, 3, 12, 19, 3, 8)
    assert first.compress_type == zipfile.ZIP_STORED
    assert first.external_attr >> 16 == 0o100644


def test_an_archive_of_nothing_is_an_archive() -> None:
    with zipfile.ZipFile(io.BytesIO(packed({}))) as unpacked:
        assert unpacked.namelist() == []


def test_more_files_than_the_old_format_counts() -> None:
    files = {f"{number}.json": b"" for number in range(2**16 + 3)}

    with zipfile.ZipFile(io.BytesIO(packed(files))) as unpacked:
        assert len(unpacked.namelist()) == len(files)


def test_a_file_that_starts_behind_four_gigabytes_is_found() -> None:
    content = b"far out"
    told = {"crc": zlib.crc32(content), "size": len(content), "modified": MOMENT}
    far = 5 * GIB
    with tempfile.TemporaryFile() as file:  # with a hole: it takes no room
        file.seek(far)
        file.write(archive.file_header("far.txt", **told) + content)
        offset = file.tell()
        record = archive.directory_record("far.txt", offset=far, **told)
        file.write(record + archive.directory_end(files=1, size=len(record), offset=offset))

        with zipfile.ZipFile(file) as unpacked:
            assert unpacked.read("far.txt") == content


@pytest.mark.parametrize("year", [1975, 2150])
def test_a_year_that_dos_did_not_know_is_the_nearest_it_did(year: int) -> None:
    moment = MOMENT.replace(year=year)
    told = {"crc": 0, "size": 0, "modified": moment}
    whole = archive.file_header("a", **told)
    record = archive.directory_record("a", offset=0, **told)

    with zipfile.ZipFile(
        io.BytesIO(whole + record + archive.directory_end(files=1, size=len(record), offset=len(whole)))
    ) as unpacked:
        assert unpacked.getinfo("a").date_time[0] in (1980, 2107)


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini"),
        ("/absolute.jpg", "_absolute.jpg"),
        ("C:\\photo.jpg", "C__photo.jpg"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("\x00", "unnamed"),
        ("a\x00b.jpg", "ab.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("two\r\nlines.jpg", "two lines.jpg"),
        ("\ud800half.jpg", "half.jpg"),
        ("trailing. . ", "trailing"),
        ("$(rm -rf ~).jpg", "_(rm -rf ~).jpg"),
        ("写真.jpg", "写真.jpg"),
    ],
)
def test_a_hostile_name_becomes_a_harmless_one(filename: str, expected: str) -> None:
    assert archive.safe_name(filename) == expected


def test_a_very_long_name_is_cut_between_characters() -> None:
    name = archive.safe_name("写" * 500)

    assert name == "写" * 33


@given(st.text(max_size=300))
def test_any_name_is_one_part_of_a_path_on_every_system(filename: str) -> None:
    name = archive.safe_name(filename)

    assert 0 < len(name.encode()) <= 100
    assert PurePosixPath(name).name == name
    assert PureWindowsPath(name).name == name
    assert name.isprintable()
    assert archive.safe_name(name) == name
