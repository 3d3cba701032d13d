"""What the application logs, as CloudWatch would get it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.platform.logs import logger


@contextmanager
def captured_logs() -> Iterator[io.StringIO]:
    """The finished lines. pytest's own capture does not see a logger that was made before the test."""
    handler, lines = logger.registered_handler, io.StringIO()
    assert isinstance(handler, logging.StreamHandler)
    stream = handler.setStream(lines)
    try:
        yield lines
    finally:
        handler.setStream(stream)
