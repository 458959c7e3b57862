"""Garbage collection while many objects without cycles are created."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_OBJECTS_BETWEEN_COLLECTIONS: Final = 1_000_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Makes collections rarer inside the block.

    Documents and the features of objects are trees of small objects without cycles: searching them for cycles took a
    fifth of the time.
    """
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
