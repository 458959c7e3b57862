"""Output of the commands: tables and numbers for people, JSON for programs."""

import json
import os
import sys
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

_UNLIMITED: Final = 1 << 16

console = Console()
stderr = Console(stderr=True)


def print_json(value: Any) -> None:
    """Prints one JSON document to standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def print_no_instance() -> None:
    """Says how the first server is registered."""
    # a command must not be wrapped: it is copied
    console.print(
        "No instance yet. Add one with: stash-pipeline instances add home http://localhost:9999",
        highlight=False,
        soft_wrap=True,
    )


def table(title: str | None, columns: list[str], rows: list[list[Any]], *, numbers: int = 0) -> None:
    """Prints a table whose last ``numbers`` columns are right-aligned; in a narrow terminal, one paragraph per row.

    Output that does not go to a terminal is as wide as necessary: nothing is cut off or wrapped. A cell can be a
    :class:`Text` with styles; times are local, truths are yes or no.
    """
    result = Table(
        title=None if title is None else Text(title, style="table.title"), title_justify="left", header_style="bold"
    )
    for position, column in enumerate(columns):
        result.add_column(column, justify="right" if position >= len(columns) - numbers else "left")
    shown = [[_cell(value) for value in row] for row in rows]
    for row in shown:
        result.add_row(*row)
    width = result.__rich_measure__(console, console.options.update(max_width=_UNLIMITED)).maximum
    if width <= console.width:
        console.print(result)
    elif not console.is_terminal and "COLUMNS" not in os.environ:
        Console(width=width).print(result)
    else:
        _paragraphs(title, columns, shown)


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, datetime):
        return Text(value.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
    return Text("–" if value is None else f"{value:,}" if type(value) is int else str(value))


def _paragraphs(title: str | None, columns: list[str], rows: list[list[Text]]) -> None:
    """Prints one paragraph per row, one line per column."""
    if title is not None:
        console.print(Text(title, style="italic"), soft_wrap=True)
    for row in rows:
        console.print(Text.assemble(row[0], style="bold"), soft_wrap=True)
        for column, cell in zip(columns[1:], row[1:], strict=True):
            console.print(Text.assemble(f"  {column}: ", cell), soft_wrap=True)
