"""Rows of integers that are stored, compared with those that there should be; as arrays, because there are many."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.warehouse.connect import Connection

Rows = NDArray[np.int64]
"""One row per row of the table."""

_HEADER: Final = 19
_TRAILER: Final = 2


def read_rows(connection: Connection, query: str, widths: Sequence[int]) -> Rows:
    """The rows of a query without parameters whose columns are integers that are never null.

    Args:
        widths: the bytes of each column: 4 or 8.
    """
    fields = [("columns", ">i2")]
    for number, width in enumerate(widths):
        fields += [(f"length{number}", ">i4"), (f"value{number}", f">i{width}")]
    layout = np.dtype(fields)
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
        data = b"".join(copy)
    records = np.frombuffer(data, layout, (len(data) - _HEADER - _TRAILER) // layout.itemsize, _HEADER)
    rows = np.empty((len(records), len(widths)), np.int64)
    for number in range(len(widths)):
        rows[:, number] = records[f"value{number}"]
    return rows


def differing(stored: Rows, made: Rows) -> tuple[Rows, Rows]:
    """(stored rows that are not made, made rows that are not stored); no row is twice in either."""
    if not len(stored):
        return stored, made
    both = np.concatenate([stored, made])
    order = np.lexsort(both.T)
    ordered = both[order]
    same = np.zeros(len(both), np.bool_)
    equal = (ordered[1:] == ordered[:-1]).all(axis=1)
    same[order[1:]] |= equal
    same[order[:-1]] |= equal
    return stored[~same[: len(stored)]], made[~same[len(stored) :]]
