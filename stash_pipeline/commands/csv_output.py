"""Rows of commands as CSV, in a file or on standard output."""

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from stash_pipeline.errors import UserError

STANDARD_OUTPUT: Final = "-"


def write_csv(target: Path | str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes a header and rows; values of other columns are left out.

    Args:
        target: a file, or ``-`` for standard output.

    Raises:
        UserError: if the file cannot be written.
    """
    if str(target) == STANDARD_OUTPUT:
        _write(sys.stdout, columns, rows)
        return
    try:
        # spreadsheets recognise UTF-8 by the mark
        with Path(target).open("w", encoding="utf-8-sig", newline="") as file:
            _write(file, columns, rows)
    except OSError as error:
        raise UserError(f"{target} cannot be written: {error.strerror or error}; give another file.") from error


def _write(file: Any, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    writer = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
    writer.writeheader()
    writer.writerows(rows)
