"""What the application logs, as CloudWatch would get it."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from app.platform.logs import logger


@contextmanager
def captured_logs() -> Iterator[io.StringIO]:
    """The finished lines. pytest's own capture does not see a logger that was made before the test."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(logger.registered_formatter)
    logger.addHandler(handler)
    try:
        yield handler.stream
    finally:
        logger.removeHandler(handler)
