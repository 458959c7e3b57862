"""A library: an SQLite database with the tables of a Stash server.

Contains opening, creating and copying the database. Reading and writing rows are in ``database``; responses are built
by ``resolvers``; older backups are converted by ``backups``.
"""

import re
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from stash_pipeline.simulator.backups import load_backup
from stash_pipeline.simulator.database import Database, connect
from stash_pipeline.simulator.database import Row as Row
from stash_pipeline.simulator.kept import STATE_TABLE
from stash_pipeline.simulator.newest import newest_script
from stash_pipeline.stash.natural_order import natural_key, natural_key_of_v21

LAYOUT_VERSION = 75

Identity = tuple[str, int]
"""The source of an object, and its number there."""


def _matches(pattern: str, text: str | None) -> bool:
    return text is not None and re.search(pattern, str(text)) is not None


def _of_texts(key: Callable[[str], str]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else key(str(value))


def _connect(location: str) -> sqlite3.Connection:
    connection = connect(location)
    connection.create_function("natural_key", 1, _of_texts(natural_key), deterministic=True)
    connection.create_function("natural_key_of_v21", 1, _of_texts(natural_key_of_v21), deterministic=True)
    connection.create_function("regexp", 2, _matches, deterministic=True)
    return connection


def layout_script() -> str:
    """The statements that create the tables and indexes of the newest layout."""
    return (resources.files("stash_pipeline.simulator.data") / "layout_75.sql").read_text("utf-8")


_empty_lock = threading.Lock()


@cache
def _empty() -> sqlite3.Connection:
    """An empty library to copy; executing its layout takes longer than filling a small library."""
    connection = _connect(":memory:")
    connection.executescript(layout_script() + newest_script())
    connection.execute("INSERT INTO schema_migrations (version, dirty) VALUES (?, 0)", (LAYOUT_VERSION,))
    return connection


class Library(Database):
    """An open library.

    Attributes:
        clip_previews: the images that have a generated preview file.
        identities: by kind ("scenes") and id, what is the same in several generated libraries. Scenes with the same
            content, whatever their files, have one identity.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self.identities: dict[str, dict[int, Identity]] = {}
        self.clip_previews: set[int] = set()

    @classmethod
    def create(cls, path: Path | None = None) -> "Library":
        """A new, empty library, in memory or in a file that must not exist yet."""
        if path is not None and path.exists():
            raise FileExistsError(f"{path} exists already; open it instead, or name another file.")
        connection = _connect(":memory:" if path is None else str(path))
        connection.execute("PRAGMA synchronous = OFF")
        with _empty_lock:
            _empty().backup(connection)
        return cls(connection)

    @classmethod
    def reopen(cls, path: Path) -> "Library":
        """The library in a file that `create` made; changes are written to the file."""
        return cls(_connect(str(path)))

    @classmethod
    def open(cls, path: Path) -> "Library":
        """The library of a backup file of any supported schema, as a private copy in memory."""
        connection = load_backup(path, _connect(":memory:"), layout_script())
        # a file of the simulator's own may have them
        if connection.execute("SELECT 1 FROM pragma_table_info('studios') WHERE name = 'organized'").fetchone() is None:
            connection.executescript(newest_script())
        return cls(connection)

    def copied(self) -> "Library":
        """A copy in memory."""
        connection = _connect(":memory:")
        with self.lock:
            self.connection.backup(connection)
        made = type(self)(connection)
        made.identities = {kind: dict(identities) for kind, identities in self.identities.items()}
        made.clip_previews = set(self.clip_previews)
        return made

    def copy_into(self, path: Path, seconds: float = 0.0) -> None:
        """Write a consistent copy into a new file; transactions wait for it, at least for `seconds`."""
        with self.writer:
            with self.lock:
                self.connection.execute("VACUUM INTO ?", (str(path),))
            with closing(sqlite3.connect(path)) as copy, copy:
                copy.execute(f"DROP TABLE IF EXISTS {STATE_TABLE}")
            time.sleep(seconds)
