"""Structured JSON logs: ids and numbers; never image bytes, prompts, tokens or presigned links.

Nothing of the kind is given to the logger. What slips in all the same, inside an exception's message above all, is cut
out of the finished line.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any
from uuid import UUID

from aws_lambda_powertools import Logger

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


_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode


def _serialized(line: dict[str, Any]) -> str:
    if "exception" in line:
        line["exception"] = without_values(line["exception"])
    known = {name: value for name, value in _facts.get({}).items() if value is not None and name not in line}
    text = _encode(line | known)
    for signs, pattern, instead in _SECRET:
        if any(sign in text for sign in signs):
            text = pattern.sub(instead, text)
    return text


def without_values(trace: str) -> str:
    """A traceback without what messages quote, and with short lines: where it happened, and what kind of thing."""
    for pattern, instead in _QUOTED:
        trace = pattern.sub(instead, trace)
    return "\n".join(line[:_LONGEST_LINE] for line in trace.splitlines())


# One line per fact, on stdout, picked up by CloudWatch. The level comes from LOG_LEVEL.
logger = Logger(
    service="collections",
    use_rfc3339=True,
    utc=True,
    json_serializer=_serialized,
    # Messages are words of ours: nobody needs to try whether they are JSON.
    json_deserializer=str,
    serialize_stacktrace=False,
)


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
