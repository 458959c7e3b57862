"""Reads decisions from CSV."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stash_pipeline.errors import UserError

COLUMNS: Final = ("entity", "left", "right", "decision", "field", "note")
"""The columns that are read; others are ignored."""

_REQUIRED: Final = ("entity", "left", "right", "decision")
_ERRORS_NAMED: Final = 5


@dataclass(frozen=True)
class Row:
    """One decision of a file.

    Attributes:
        line: its last line in the file.
    """

    line: int
    entity: str
    left: str
    right: str
    decision: str
    field: str | None
    note: str | None


def read_rows(path: Path) -> list[Row]:
    """Reads the rows of a file that have a decision.

    Raises:
        UserError: if it cannot be read, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(4096)
            file.seek(0)
            reader = csv.DictReader(file, delimiter=_delimiter(sample), strict=True)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            missing = [name for name in _REQUIRED if name not in columns]
            if missing:
                raise UserError(
                    f"{path} has no column {missing[0]}; it needs {', '.join(_REQUIRED)}, as in the file that "
                    "`stash-pipeline matches list --csv FILE` writes."
                )
            return [row for line in reader if (row := _row(reader.line_num, line)).decision]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8; save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise UserError(f"{path} is not valid CSV: {error}.") from error


def _delimiter(sample: str) -> str:
    """Spreadsheets in many countries write semicolons."""
    header = sample.splitlines()[0] if sample else ""
    return max((",", ";", "\t"), key=header.count)


def _row(line: int, values: Mapping[str, Any]) -> Row:
    cells = {name: (values.get(name) or "").strip() for name in COLUMNS}
    return Row(
        line,
        cells["entity"].lower(),
        cells["left"],
        cells["right"],
        cells["decision"].lower(),
        cells["field"] or None,
        cells["note"] or None,
    )


def refuse_errors(path: Path, errors: Sequence[tuple[int, str]]) -> None:
    """Reports what is wrong with a file, all at once.

    Raises:
        UserError: if there are errors.
    """
    if not errors:
        return
    lines = [f"line {line}: {sentence}" for line, sentence in errors[:_ERRORS_NAMED]]
    more = len(errors) - _ERRORS_NAMED
    raise UserError(
        f"Nothing was decided, because {path} has {len(errors):,} {'error' if len(errors) == 1 else 'errors'}. "
        + " ".join(lines)
        + (f" … and {more:,} more." if more > 0 else "")
    )
