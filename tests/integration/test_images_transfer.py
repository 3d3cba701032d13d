"""A folder up and a collection down, against a server that speaks the API's side and has bad days."""

import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from rich.progress import Progress

from scripts import images


@dataclass
class Cloud:
    """What the server has, what it was asked, and what goes wrong next."""

    items: list[dict[str, Any]] = field(default_factory=list)
    bodies: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    # Answered first, to each request whose path begins so.
    refusals: dict[str, list[tuple[int, dict[str, str]]]] = field(default_factory=dict)
    url: str = ""

    def has(self, name: str, body: bytes, **different: Any) -> str:
        item_id = f"{len(self.items):08d}-0000-4000-8000-000000000000"
        self.bodies[item_id] = body
        self.items.append(
            {
                "id": item_id,
                "status": "ready",
                "original_filename": name,
                "sha256": hashlib.sha256(body).hexdigest(),
                "file_size": len(body),
                "urls": {"original": f"{self.url}/objects/{item_id}"},
                **different,
            }
        )
        return item_id

    def page(self, query: dict[str, list[str]]) -> dict[str, Any]:
        start, limit = int(query.get("cursor", ["0"])[0]), int(query["limit"][0])
        more = start + limit < len(self.items)
        cursor = str(start + limit) if more else None
        return {"items": self.items[start : start + limit], "next_cursor": cursor, "total": len(self.items)}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    cloud: Cloud

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if self._refused(parts.path):
            return
        if parts.path == "/items":
            self._answer(200, json.dumps(self.cloud.page(parse_qs(parts.query))).encode())
            return
        body = self.cloud.bodies[parts.path.rpartition("/")[2]]
        if asked := self.headers["range"]:
            self.cloud.ranges.append(asked)
            self._answer(206, body[int(re.findall(r"\d+", asked)[0]) :])
        else:
            self._answer(200, body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self._refused(self.path):
            return
        if self.path == "/uploads":
            files = json.loads(body)["files"]
            forms = [
                {"item": {}, "upload": {"url": f"{self.cloud.url}/bucket", "fields": {"key": each["filename"]}}}
                for each in files
            ]
            self._answer(201, json.dumps({"uploads": forms}).encode())
        else:
            name, content = re.search(rb'filename="([^"]+)".*?\r\n\r\n(.*)\r\n--', body, re.DOTALL).groups()
            self.cloud.has(name.decode(), content)
            self._answer(204, b"")

    def _refused(self, path: str) -> bool:
        self.cloud.asked.append(f"{self.command} {path}")
        for start, answers in self.cloud.refusals.items():
            if path.startswith(start) and answers:
                status, headers = answers.pop(0)
                self._answer(status, b"{}", headers)
                return True
        return False

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(autouse=True)
def nobody_to_trust(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificates to read for each connection, which took most of the time here: the server has none to show."""
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    cloud = Cloud()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("ThisApi", (Api,), {"cloud": cloud}))
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield cloud
    server.shutdown()
    server.server_close()


@pytest.fixture
def api(cloud: Cloud) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=cloud.url, timeout=30) as client:
        yield client


def up(folder: Path, api: httpx.Client, *, dry_run: bool = False) -> images.Tally:
    return images.upload(folder, api, dry_run=dry_run, bar=Progress(disable=True))


def down(folder: Path, api: httpx.Client, *, dry_run: bool = False) -> images.Tally:
    return images.download(folder, api, dry_run=dry_run, bar=Progress(disable=True))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_only_what_the_collection_does_not_have_is_uploaded(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    cloud.has("elsewhere.png", b"one")
    (tmp_path / "deep").mkdir()
    for name, body in {"one.png": b"one", "deep/two.HEIC": b"two", "again.jpg": b"two", "notes.txt": b"no"}.items():
        (tmp_path / name).write_bytes(body)

    first = up(tmp_path, api)
    second = up(tmp_path, api)

    assert (first.moved, first.there, first.failed) == (1, 2, [])
    assert (second.moved, second.there) == (0, 3)
    assert sorted(cloud.bodies.values()) == [b"one", b"two"]


def test_many_are_uploaded_each_once_however_often_the_api_says_later(
    tmp_path: Path, cloud: Cloud, api: httpx.Client
) -> None:
    wanted = {f"{number}.png": f"body {number}".encode() for number in range(130)}
    for name, body in wanted.items():
        (tmp_path / name).write_bytes(body)
    later = (429, {"retry-after": "0"})
    cloud.refusals = {"/uploads": [later] * 7, "/bucket": [(503, {"retry-after": "0"})] * 3}

    tally = up(tmp_path, api)

    assert (tally.moved, tally.failed) == (130, [])
    assert sorted(cloud.bodies.values()) == sorted(wanted.values())
    assert len(list(images.originals(api))) == 130


def test_one_that_storage_refuses_is_told_without_its_address_and_the_rest_arrives(
    tmp_path: Path, cloud: Cloud, api: httpx.Client
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(name.encode())
    cloud.refusals = {"/bucket": [(403, {})]}

    tally = up(tmp_path, api)

    assert (tally.moved, len(tally.failed)) == (2, 1)
    assert "storage says 403" in tally.failed[0]
    assert cloud.url not in tally.failed[0]
    assert up(tmp_path, api).moved == 1


def test_what_is_too_large_is_named_and_not_declared(
    tmp_path: Path, cloud: Cloud, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_MOST_BYTES", 10)
    (tmp_path / "huge.png").write_bytes(b"x" * 11)
    (tmp_path / "fits.png").write_bytes(b"x" * 10)

    tally = up(tmp_path, api)

    assert tally.moved == 1
    assert "huge.png" in tally.failed[0]


def test_a_quota_of_the_day_is_not_waited_for(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    (tmp_path / "a.png").write_bytes(b"a")
    cloud.refusals = {"/uploads": [(429, {"retry-after": "36000"})]}

    with pytest.raises(httpx.HTTPStatusError):
        up(tmp_path, api)


def test_originals_come_down_once_under_their_own_names(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    bodies = {f"picture {number}.png": f"body {number}".encode() for number in range(230)}
    for name, body in bodies.items():
        cloud.has(name, body)
    cloud.has("unfinished.png", b"", status="uploading", sha256=None)

    first = down(tmp_path, api)
    asked = len(cloud.asked)
    second = down(tmp_path, api)

    assert (first.moved, first.there, first.failed) == (230, 0, [])
    assert (second.moved, second.there) == (0, 230)
    assert files(tmp_path) == bodies
    assert not any("/objects/" in line for line in cloud.asked[asked:])


def test_names_that_collide_lead_elsewhere_or_are_somebody_s_own_do_no_harm(
    tmp_path: Path, cloud: Cloud, api: httpx.Client
) -> None:
    folder = tmp_path / "originals"
    folder.mkdir()
    (folder / "mine.png").write_bytes(b"my own file")
    for name, body in (("a.png", b"1"), ("A.png", b"2"), ("../../etc/passwd", b"3"), ("mine.png", b"4"), ("..", b"5")):
        cloud.has(name, body)

    down(folder, api)
    again = down(folder, api)

    assert files(tmp_path) == {
        "originals/a.png": b"1",
        "originals/A-00000001.png": b"2",
        "originals/passwd": b"3",
        "originals/mine.png": b"my own file",
        "originals/mine-00000003.png": b"4",
        "originals/00000004-0000-4000-8000-000000000000": b"5",
    }
    assert (again.moved, again.there) == (0, 5)


def test_an_interrupted_download_goes_on_where_it_was(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    cloud.has("long.png", b"0123456789")
    (tmp_path / ".long.png.part").write_bytes(b"01234")

    tally = down(tmp_path, api)

    assert (tally.moved, cloud.ranges) == (1, ["bytes=5-"])
    assert files(tmp_path) == {"long.png": b"0123456789"}


def test_what_was_left_of_another_file_is_not_gone_on_with(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    cloud.has("long.png", b"0123456789")
    (tmp_path / ".long.png.part").write_bytes(b"other")

    assert down(tmp_path, api).failed == []
    assert files(tmp_path) == {"long.png": b"0123456789"}


def test_bytes_that_are_not_the_original_s_are_refused(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    item_id = cloud.has("a.png", b"right")
    cloud.has("b.png", b"fine")
    cloud.bodies[item_id] = b"wrong"

    tally = down(tmp_path, api)

    assert (tally.moved, len(tally.failed)) == (1, 1)
    assert "SHA-256" in tally.failed[0]
    assert files(tmp_path) == {"b.png": b"fine"}


def test_a_dry_run_moves_nothing_either_way(tmp_path: Path, cloud: Cloud, api: httpx.Client) -> None:
    cloud.has("there.png", b"there")
    (tmp_path / "here.png").write_bytes(b"here")

    assert up(tmp_path, api, dry_run=True).moved == 1
    assert down(tmp_path / "new", api, dry_run=True).moved == 1
    assert files(tmp_path) == {"here.png": b"here"}
    assert list(cloud.bodies.values()) == [b"there"]
