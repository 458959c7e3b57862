"""A library: an SQLite database with the tables of a Stash server.

Contains opening, creating and copying the database, and reading and writing rows. Responses are built by ``resolvers``;
older backups are converted by ``backups``.
"""

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from stash_pipeline.simulator.backups import load_backup
from stash_pipeline.simulator.newest import newest_script
from stash_pipeline.stash.natural_order import natural_key, natural_key_of_v21

LAYOUT_VERSION = 75
Row = dict[str, Any]


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def _matches(pattern: str, text: str | None) -> bool:
    return text is not None and re.search(pattern, str(text)) is not None


def _of_texts(key: Callable[[str], str]) -> Callable[[Any], str | None]:
    return lambda value: None if value is None else key(str(value))


def _connect(location: str) -> sqlite3.Connection:
    connection = sqlite3.connect(location, check_same_thread=False, isolation_level=None)
    connection.row_factory = _row
    connection.create_function("natural_key", 1, _of_texts(natural_key), deterministic=True)
    connection.create_function("natural_key_of_v21", 1, _of_texts(natural_key_of_v21), deterministic=True)
    connection.create_function("regexp", 2, _matches, deterministic=True)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def layout_script() -> str:
    """The statements that create the tables and indexes of the newest layout."""
    return (resources.files("stash_pipeline.simulator.data") / "layout_75.sql").read_text("utf-8")


class Library:
    """An open library. Reads and writes are serialised, one statement at a time.

    `writer` is held by transactions and while the library is copied; if both locks are needed, acquire it first.
    `clip_previews` are the images that have a generated preview file.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = threading.RLock()
        self.writer = threading.RLock()
        self.clip_previews: set[int] = set()

    @classmethod
    def create(cls, path: Path | None = None) -> "Library":
        """A new, empty library, in memory or in a file that must not exist yet."""
        if path is not None and path.exists():
            raise FileExistsError(f"{path} exists already; open it instead, or name another file.")
        connection = _connect(":memory:" if path is None else str(path))
        connection.executescript(layout_script() + newest_script())
        connection.execute("INSERT INTO schema_migrations (version, dirty) VALUES (?, 0)", (LAYOUT_VERSION,))
        return cls(connection)

    @classmethod
    def open(cls, path: Path) -> "Library":
        """The library of a backup file of any supported schema, as a private copy in memory."""
        connection = load_backup(path, _connect(":memory:"), layout_script())
        # a file of the simulator's own may have them
        if connection.execute("SELECT 1 FROM pragma_table_info('studios') WHERE name = 'organized'").fetchone() is None:
            connection.executescript(newest_script())
        return cls(connection)

    def close(self) -> None:
        """Close the database; an in-memory library is lost."""
        self.connection.close()

    def rows(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """All rows of a query, as dictionaries by column name."""
        with self.lock:
            return self.connection.execute(sql, parameters).fetchall()

    def tuples(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query as plain tuples, for large results."""
        with self.lock:
            cursor = self.connection.cursor()
            cursor.row_factory = None
            return cursor.execute(sql, parameters).fetchall()

    def scalar(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first column of the first row; None if there is no row."""
        rows = self.tuples(sql, parameters)
        return rows[0][0] if rows else None

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> int:
        """Run a writing statement; returns the number of affected rows."""
        with self.lock:
            return self.connection.execute(sql, parameters).rowcount

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a writing statement for each row of parameters."""
        with self.lock:
            self.connection.executemany(sql, rows)

    def insert(self, table: str, values: Mapping[str, Any]) -> int:
        """Insert one row and return its id."""
        columns = ", ".join(f'"{column}"' for column in values)
        marks = ", ".join("?" for _ in values)
        with self.lock:
            cursor = self.connection.execute(
                f'INSERT INTO "{table}" ({columns}) VALUES ({marks})', tuple(values.values())
            )
            return int(cursor.lastrowid or 0)

    def update(self, table: str, row_id: int, values: Mapping[str, Any]) -> None:
        """Update columns of the row with this id."""
        columns = ", ".join(f'"{column}" = ?' for column in values)
        self.execute(f'UPDATE "{table}" SET {columns} WHERE id = ?', (*values.values(), row_id))

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested use joins the outer transaction."""
        with self.writer, self.lock:
            if self.connection.in_transaction:
                yield
                return
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def copy_into(self, path: Path, seconds: float = 0.0) -> None:
        """Write a consistent copy into a new file; transactions wait for it, at least for `seconds`."""
        with self.writer:
            with self.lock:
                self.connection.execute("VACUUM INTO ?", (str(path),))
            time.sleep(seconds)
