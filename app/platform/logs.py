"""Structured JSON logs: ids and numbers; never image bytes, prompts, tokens or presigned links.

Nothing of the kind is given to the logger. What slips in all the same, inside an exception's message above all, is cut
out of the finished line.
"""

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import TextIO, cast
from uuid import UUID

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.formatter import BasePowertoolsFormatter
from aws_lambda_powertools.shared.constants import XRAY_TRACE_ID_ENV

# What every line carries while a request or an item is worked on.
_facts: ContextVar[dict[str, object]] = ContextVar("log_facts")

_LONGEST_LINE = 500
# Vendors' messages that quote values: PostgreSQL's details, Pydantic's inputs.
_QUOTED = (
    (re.compile(r"^(DETAIL|CONTEXT|LINE \d+): .*$", re.MULTILINE), r"\1: …"),
    (re.compile(r"input_value=.*?(, input_type=|\]|$)", re.MULTILINE), r"input_value=…\1"),
)
# On the finished JSON. Each ends at the quotation mark or backslash that ends a word there. Before it, what a line has
# that is worth looking through: most have none of it, and looking takes a quarter of the time that a line costs.
_SECRET = (
    (("eyJ",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.?[\w-]*"), "[token]"),
    (("sk-", "pa-", "lsv2_", "tvly-"), re.compile(r"\b(?:sk-|pa-|lsv2_|tvly-)[\w-]{12,}"), "[key]"),
    (("?",), re.compile(r"(https?://[^\s\"'\\?]+)\?[^\s\"'\\]+"), r"\1?[parameters]"),
    (("",), re.compile(r"[A-Za-z0-9+/=_-]{160,}"), "[bytes]"),
    (("\\x",), re.compile(r"(?:\\\\x[0-9a-f]{2}){4,}"), "[bytes]"),
)


# No line says in which thread or process it was written: nobody needs to find that out.
logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
# What every record has. The rest of it is what the line was given.
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SERVICE = "collections"
_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode


class _Lines(BasePowertoolsFormatter):
    """One JSON object for each line, with the names that Powertools gives things.

    Its own formatter looks for more than our lines have (messages that are JSON, keys that stand for attributes of the
    record) and takes nearly twice as long, at every request.
    """

    def format(self, record: logging.LogRecord) -> str:
        told = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
        if record.exc_info and record.exc_info[0]:
            told["exception"] = without_values(self.formatException(record.exc_info))
            told["exception_name"] = record.exc_info[0].__name__
        location = f"{record.funcName}:{record.lineno}"
        return _line(record.levelname, record.getMessage(), record.created, {"location": location} | told)

    def append_keys(self, **additional_keys: object) -> None:
        """What the logger itself would add is in every line as it is; what else is known are `facts`."""

    def clear_state(self) -> None:
        """There is none."""


def _line(level: str, message: str, moment: float, told: dict[str, object]) -> str:
    line: dict[str, object] = {
        "level": level,
        "message": message,
        "timestamp": datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds"),
        "service": _SERVICE,
    }
    line |= {name: value for name, value in (_facts.get({}) | told).items() if value is not None}
    if trace := os.environ.get(XRAY_TRACE_ID_ENV):
        line["xray_trace_id"] = trace.partition(";")[0].removeprefix("Root=")
    # Half characters become question marks: no line is lost for them.
    return _without_secrets(_encode(line).encode("utf-8", "replace").decode())


def _without_secrets(text: str) -> str:
    for signs, pattern, instead in _SECRET:
        for sign in signs:
            if sign in text:
                text = pattern.sub(instead, text)
                break
    return text


def without_values(trace: str) -> str:
    """A traceback without what messages quote, and with short lines: where it happened, and what kind of thing."""
    for pattern, instead in _QUOTED:
        trace = pattern.sub(instead, trace)
    return "\n".join(line[:_LONGEST_LINE] for line in trace.splitlines())


# One line per fact, on stdout, picked up by CloudWatch. The level comes from LOG_LEVEL.
logger = Logger(service=_SERVICE, logger_formatter=_Lines())
_handler = cast("logging.StreamHandler[TextIO]", logger.registered_handler)


def log_request(**told: object) -> None:
    """The line that each request leaves, written at once: a record that handlers look at would take as long again."""
    if logger.log_level <= logging.INFO:
        with _handler.lock or nullcontext():
            _handler.stream.write(_line("INFO", "request", time.time(), told) + "\n")
            _handler.flush()


@contextmanager
def facts(**known: object) -> Iterator[None]:
    """Have every line in here carry these: the request, the user's hash, the item."""
    token = _facts.set({**_facts.get({}), **known})
    try:
        yield
    finally:
        _facts.reset(token)


def note(**known: object) -> None:
    """Add to what the lines of the surrounding `facts` carry, also from another of its threads."""
    _facts.get({}).update(known)


@lru_cache(maxsize=1024)
def user_hash(user_id: UUID) -> str:
    """Enough to follow one user through the logs, too little to know who it is."""
    return hashlib.sha256(user_id.bytes).hexdigest()[:12]
