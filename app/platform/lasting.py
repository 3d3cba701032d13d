"""What lives as long as its process is kept out of the garbage collector's way."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def lasting() -> Iterator[None]:
    """Whatever is made within, imports included, is never garbage.

    So nothing is collected meanwhile, and a later full collection does not look through it: LangGraph and its models
    are 280,000 objects, and looking through them holds a turn up for a quarter of a second.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
