"""An SQLite database that several threads share.

Contains reading and writing rows. The tables are those of ``library`` and ``box``.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

Row = dict[str, Any]


def _row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> Row:
    return {column[0]: value for column, value in zip(cursor.description, values, strict=True)}


def connect(location: str) -> sqlite3.Connection:
    """A connection whose rows are dictionaries, in autocommit mode, with foreign keys."""
    connection = sqlite3.connect(location, check_same_thread=False, isolation_level=None)
    connection.row_factory = _row
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


class Database:
    """An open database. Reads and writes are serialised, one statement at a time.

    `writer` is held by transactions and while the database is copied; if both locks are needed, acquire it first.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.lock = threading.RLock()
        self.writer = threading.RLock()

    def close(self) -> None:
        """Close the database; one in memory is lost."""
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

    def update(self, table: str, row_id: int | str, values: Mapping[str, Any]) -> None:
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
