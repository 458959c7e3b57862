"""COPY of columns that are numpy arrays: several times faster than row by row.

The rows are written in Postgres' binary format: per row the number of columns, per column its length and its bytes.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.warehouse.connect import Connection

Column = NDArray[np.generic]
"""Values of one type; a single value is repeated in every row."""

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_ROWS_AT_ONCE: Final = 50_000


def int4(values: NDArray[np.int64]) -> Column:
    """A column of type integer."""
    return values.astype(">i4")


def int8(values: NDArray[np.int64]) -> Column:
    """A column of type bigint."""
    return values.astype(">i8")


def uuids(values: Iterable[bytes]) -> Column:
    """A column of type uuid; of each its 16 bytes."""
    return np.frombuffer(b"".join(values), "V16")


def text(value: str) -> Column:
    """A column of type text that has the same value in every row."""
    return np.array([np.void(value.encode())])


def copy_columns(connection: Connection, table: str, names: Sequence[str], columns: Sequence[Column]) -> None:
    """Appends rows to a table.

    Args:
        columns: of the types of the table, all of one length or of a single value.
    """
    size = max((len(column) for column in columns if len(column) != 1), default=1)
    if any(not len(column) for column in columns):
        return
    fields = [("columns", ">i2")]
    for number, column in enumerate(columns):
        fields += [(f"length{number}", ">i4"), (f"value{number}", column.dtype.str)]
    statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT binary)"
    with connection.cursor().copy(statement) as copy:
        copy.write(_HEADER)
        for start in range(0, size, _ROWS_AT_ONCE):
            rows = np.zeros(min(_ROWS_AT_ONCE, size - start), np.dtype(fields))
            rows["columns"] = len(columns)
            for number, column in enumerate(columns):
                rows[f"length{number}"] = column.dtype.itemsize
                rows[f"value{number}"] = column if len(column) == 1 else column[start : start + len(rows)]
            copy.write(rows.tobytes())
        copy.write(_TRAILER)
