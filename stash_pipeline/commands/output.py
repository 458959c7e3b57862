"""What the commands print: tables and numbers for people, JSON for programs."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console()
stderr = Console(stderr=True)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")


def table(title: str | None, columns: list[str], rows: list[list[Any]], *, numbers: int = 0) -> None:
    """A table whose last ``numbers`` columns are right-aligned."""
    result = Table(title=title, title_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        result.add_column(column, justify="right" if position >= len(columns) - numbers else "left")
    for row in rows:
        result.add_row(*["–" if value is None else f"{value:,}" if type(value) is int else str(value) for value in row])
    console.print(result)
