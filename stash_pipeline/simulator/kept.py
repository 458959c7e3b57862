"""Databases that outlive the process: an SQLite file, made at the first start and changed from then on.

Contains making the file at once or not at all, refusing one that was made otherwise, and counting what has happened to
it. A library in memory needs none of this.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from stash_pipeline.simulator.database import Database

_Made = TypeVar("_Made", bound=Database)

STATE_TABLE = "simulator_state"
"""Beside the tables of a server; snapshots leave it out."""


def keep(
    path: Path,
    options: Mapping[str, Any],
    make: Callable[[Path], _Made],
    open_again: Callable[[Path], _Made],
) -> _Made:
    """Open the file, or make it if there is none.

    Args:
        path: the file. options: what it is made from; a file that was made from others is refused.
        make: makes the database in a new file. open_again: opens the database of an existing file.

    Raises:
        ValueError: the file was made from other options, or is no such file.
    """
    text = json.dumps(options, sort_keys=True)
    if not path.exists():
        # a process that ends in between leaves no half of a library
        started = path.with_name(path.name + ".new")
        for leftover in (started, *_beside(started)):
            leftover.unlink(missing_ok=True)
        made = make(started)
        made.execute(f"CREATE TABLE {STATE_TABLE} (options TEXT NOT NULL, changes INTEGER NOT NULL)")
        made.insert(STATE_TABLE, {"options": text, "changes": 0})
        made.close()
        started.replace(path)
    elif (other := _options(path)) != text:
        known = "no simulator made it" if other is None else f"it was made with {_readable(other)}"
        raise ValueError(f"{path} cannot be served with these options, because {known}; name another file with --keep.")
    opened = open_again(path)
    # commits wait for no disk: a change is lost only if the machine fails
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute("PRAGMA synchronous = NORMAL")
    return opened


def changes_so_far(database: Database) -> int:
    """How many changes of ``life`` the database has seen; 0 for one in memory."""
    try:
        return int(database.scalar(f"SELECT changes FROM {STATE_TABLE}") or 0)
    except sqlite3.OperationalError:
        return 0


def count_change(database: Database) -> None:
    """Count one change more; in memory, nothing is counted."""
    try:
        database.execute(f"UPDATE {STATE_TABLE} SET changes = changes + 1")
    except sqlite3.OperationalError:
        return


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in ("-journal", "-wal", "-shm")]


def _options(path: Path) -> str | None:
    with closing(sqlite3.connect(path)) as connection:
        try:
            row = connection.execute(f"SELECT options FROM {STATE_TABLE}").fetchone()
        except sqlite3.DatabaseError:
            return None
    return None if row is None else str(row[0])


def _readable(options: str) -> str:
    given = {name: value for name, value in json.loads(options).items() if value not in (None, False)}
    return " ".join(
        f"--{name.replace('_', '-')}" + ("" if value is True else f" {value}") for name, value in given.items()
    )
