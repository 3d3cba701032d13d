"""A log line: what is in it, and that it is written whatever it is given."""

import json
from typing import Any
from uuid import UUID

import pytest

from app.platform.logs import facts, log_request, logger, note
from tests.captured_logs import captured_logs

ITEM = UUID("5f0c4a55-4f3b-4a6e-9d0e-3c8f2f8c1d10")


def _line(message: str, *args: object, **known: object) -> dict[str, Any]:
    with captured_logs() as lines:
        logger.info(message, *args, **known)
    line: dict[str, Any] = json.loads(lines.getvalue())
    return line


def test_it_says_when_where_and_what() -> None:
    line = _line("two of %d", 3, item=ITEM, duration_ms=1.5)

    assert (line["level"], line["message"], line["service"]) == ("INFO", "two of 3", "collections")
    assert line["location"].startswith("_line:")
    assert line["timestamp"].endswith("+00:00")
    assert (line["item"], line["duration_ms"]) == (str(ITEM), 1.5)
    assert set(line) == {"level", "location", "message", "timestamp", "service", "item", "duration_ms"}


def test_it_carries_what_is_known_and_nothing_that_is_not() -> None:
    with facts(request_id="r-1", user=None):
        before = _line("before")
        note(user="u-1")
        after = _line("after", request_id="its own", reason=None)

    assert ("user" in before, before["request_id"]) == (False, "r-1")
    assert (after["user"], after["request_id"], "reason" in after) == ("u-1", "its own", False)
    assert "request_id" not in _line("outside")


def test_it_can_be_found_from_a_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")

    assert _line("traced")["xray_trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"


def test_an_exception_says_where_it_happened() -> None:
    with captured_logs() as lines:
        try:
            raise ValueError("no such thing")
        except ValueError:
            logger.exception("failed", item=ITEM)

    line = json.loads(lines.getvalue())
    assert (line["level"], line["exception_name"]) == ("ERROR", "ValueError")
    assert "test_logs.py" in line["exception"]
    assert line["exception"].endswith("ValueError: no such thing")


@pytest.mark.parametrize("value", ["half \ud83d", b"\xff\xd8\xff\xe0", object(), float("nan")])
def test_what_json_cannot_carry_is_written_all_the_same(value: object) -> None:
    assert _line("odd", value=value)["message"] == "odd"


@pytest.mark.parametrize(
    ("value", "instead"),
    [
        (".".join(["eyJhbGciOiJSUzI1NiJ9", "eyJzdWIiOiJ4In0", "c2ln"]), "[token]"),
        ("sk-ant-0123456789abcdef", "[key]"),
        ("https://bucket.example/a.jpg?X-Amz-Signature=0123", "https://bucket.example/a.jpg?[parameters]"),
        ("A" * 160, "[bytes]"),
        (b"\xff\xd8\xff\xe0" * 3, "b'[bytes]'"),
    ],
)
def test_secrets_are_cut_out(value: object, instead: str) -> None:
    assert _line("told", value=value)["value"] == instead


def test_a_request_leaves_a_line_like_any_other() -> None:
    with captured_logs() as lines, facts(request_id="r-1"):
        log_request(method="GET", path="/items", reason=None)
        logger.info("request", method="GET", path="/items", reason=None)

    of_request, of_any = (json.loads(line) for line in lines.getvalue().splitlines())
    assert set(of_any) - set(of_request) == {"location"}
    assert {name: value for name, value in of_any.items() if name in of_request and name != "timestamp"} == {
        name: value for name, value in of_request.items() if name != "timestamp"
    }


def test_a_request_leaves_none_where_only_warnings_are_wanted() -> None:
    level = logger.log_level
    logger.setLevel("WARNING")
    try:
        with captured_logs() as lines:
            log_request(method="GET")
    finally:
        logger.setLevel(level)

    assert lines.getvalue() == ""
