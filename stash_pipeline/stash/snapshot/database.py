"""A snapshot of a server's database, opened as untrusted input.

It comes over a network from another program, and may be truncated, damaged or malicious. Reading it either gives rows
or raises :class:`SnapshotError`.
"""

import codecs
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from stash_pipeline.stash.errors import StashError

OLDEST: Final = 45
NEWEST: Final = 75
"""The supported schema versions of the database: v0.20 to v0.30."""

_HEADER: Final = b"SQLite format 3\0"
_OPERATIONS_BETWEEN_CHECKS: Final = 200_000
_CACHE_KIB: Final = 65_536
_LONGEST_VALUE: Final = 8_000_000
"""Maximum bytes of a value; a snapshot with a larger one is rejected. Texts of a real library are far shorter."""

_LARGEST_IMAGE: Final = 64 * 1024 * 1024
"""Maximum bytes of an image that is stored in the database."""

Row = tuple[Any, ...]

ERRORS: Final = (sqlite3.Error, UnicodeDecodeError, OverflowError, MemoryError)
"""Exceptions while reading. Python decodes SQLite's messages, and damaged names in them are not valid UTF-8."""


class SnapshotError(StashError):
    """The snapshot cannot be read, or is not supported."""


def _one_mark_per_byte(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "\N{REPLACEMENT CHARACTER}" * (error.end - error.start), error.end


# replaces invalid UTF-8 as Go does
codecs.register_error("stash_pipeline.per_byte", _one_mark_per_byte)


class Snapshot:
    """An open snapshot.

    Args:
        path: of the file, which nobody else writes to.
        seconds: time limit for all queries; None for no limit.
        check: check the whole file for damage first.

    Attributes:
        version: of the database schema. tolerant: invalid UTF-8 in texts is replaced.

    Raises:
        SnapshotError: if it is not a database of Stash, is damaged, or has an unsupported version.
    """

    def __init__(self, path: Path, *, seconds: float | None = None, check: bool = True) -> None:
        self.path = path
        self.tolerant = False
        self._keyed: set[str] = set()
        self._deadline = None if seconds is None else time.monotonic() + seconds
        self._check_header()
        self.connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False, isolation_level=None
        )
        try:
            self._restrict()
            self._tables = self._ordinary_tables()
            self.version = self._version()
            if check:
                self._check_damage()
            self._only_ordinary_tables()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file."""
        self.connection.close()

    # --- content ----------------------------------------------------------------------------------------

    def has(self, table: str, column: str | None = None) -> bool:
        """Whether there is a table and, if given, a column in it."""
        return table in self._tables and (column is None or column in self._tables[table])

    def is_keyed(self, table: str) -> bool:
        """Whether every row of a table has a unique integer id."""
        return table in self._keyed

    def since(self, version: int) -> bool:
        """Whether the schema has this version or a later one."""
        return self.version >= version

    def rows(self, sql: str, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> Iterator[Row]:
        """The rows of a query, one by one.

        Raises:
            ERRORS: immediately or at any row, see :meth:`unusable`.
        """
        return self.connection.execute(sql, parameters)

    def blob(self, checksum: str) -> bytes | None:
        """An image that is stored in the database, by its checksum; None if the server stores images as files.

        Raises:
            SnapshotError: if the snapshot is damaged.
        """
        if not self.has("blobs", "blob"):
            return None
        self._limit_values(_LARGEST_IMAGE)
        try:
            row = self.connection.execute("SELECT blob FROM blobs WHERE checksum = ?", [checksum]).fetchone()
        except ERRORS as error:
            raise self.unusable(error) from None
        finally:
            self._limit_values(_LONGEST_VALUE)
        return bytes(row[0]) if row and isinstance(row[0], bytes) else None

    def tolerate(self) -> None:
        """From now on, replaces invalid UTF-8 as the server does."""
        self.tolerant = True
        self.connection.text_factory = lambda raw: raw.decode("utf-8", "stash_pipeline.per_byte")

    # --- protection -------------------------------------------------------------------------------------

    def _check_header(self) -> None:
        try:
            size = self.path.stat().st_size
            with self.path.open("rb") as file:
                header = file.read(100)
        except OSError as error:
            raise SnapshotError(f"The snapshot cannot be read: {error.strerror}.") from None
        if not header.startswith(_HEADER):
            raise SnapshotError("The server sent a file that is not an SQLite database.")
        page = int.from_bytes(header[16:18], "big")
        expected = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
        if expected != size:
            raise SnapshotError(f"The snapshot is truncated: {size:,} of {expected:,} bytes.")

    def _restrict(self) -> None:
        def is_late() -> int:
            return int(self._deadline is not None and time.monotonic() > self._deadline)

        self.connection.set_progress_handler(is_late, _OPERATIONS_BETWEEN_CHECKS)
        self._limit_values(_LONGEST_VALUE)
        for pragma in (
            "trusted_schema = off",
            "query_only = on",
            "cell_size_check = on",
            f"cache_size = -{_CACHE_KIB}",
        ):
            self._all(f"PRAGMA {pragma}")

    def _limit_values(self, size: int) -> None:
        if hasattr(self.connection, "setlimit"):  # Python 3.11
            self.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, size)

    def _all(self, sql: str) -> list[Row]:
        try:
            return self.connection.execute(sql).fetchall()
        except ERRORS as error:
            raise self.unusable(error) from None

    def unusable(self, error: Exception) -> SnapshotError:
        """Converts an SQLite error."""
        message = str(error)
        if isinstance(error, MemoryError) or "out of memory" in message:
            return SnapshotError("Reading the snapshot takes too much memory.")
        if "too big" in message:
            return SnapshotError(f"The snapshot has a value of more than {_LONGEST_VALUE:,} bytes.")
        if "interrupted" in message:
            return SnapshotError("Reading the snapshot took too long.")
        if any(words in message for words in ("no such", "prohibited", "not authorized")):
            return SnapshotError(f"The snapshot does not match its version ({message}).")
        return SnapshotError(f"The snapshot cannot be read: {message}.")

    def _ordinary_tables(self) -> dict[str, frozenset[str]]:
        """Tables with their columns, except views, virtual tables and computed columns, which would execute code."""
        tables: dict[str, frozenset[str]] = {}
        for name, sql in self._all("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"):
            if not isinstance(name, str) or '"' in name or not str(sql).upper().startswith("CREATE TABLE"):
                continue
            columns = self._all(f'PRAGMA table_xinfo("{name}")')
            if not any(hidden for *_, hidden in columns):
                tables[name] = frozenset(str(column[1]) for column in columns)
                keys = [(str(column[1]).lower(), str(column[2]).upper()) for column in columns if column[5]]
                if keys == [("id", "INTEGER")] and "WITHOUT ROWID" not in " ".join(str(sql).upper().split()):
                    self._keyed.add(name)
        return tables

    def _only_ordinary_tables(self) -> None:
        """From now on, rejects reads of anything else: views and virtual tables would execute code."""
        relations = {row[0] for row in self._all("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")}
        forbidden = {str(name).lower() for name in relations - self._tables.keys()}

        def authorize(action: int, table: str | None, *_: str | None) -> int:
            if action == sqlite3.SQLITE_READ:
                return sqlite3.SQLITE_DENY if (table or "").lower() in forbidden else sqlite3.SQLITE_OK
            return (
                sqlite3.SQLITE_OK if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION) else sqlite3.SQLITE_DENY
            )

        self.connection.set_authorizer(authorize)

    def _version(self) -> int:
        if not self.has("schema_migrations", "dirty"):
            raise SnapshotError("The server sent a database that is not a Stash database.")
        rows = self._all("SELECT version, dirty FROM schema_migrations")
        if len(rows) != 1 or type(rows[0][0]) is not int:
            raise SnapshotError("The server sent a database without a schema version.")
        version, dirty = rows[0]
        if dirty:
            raise SnapshotError(f"The migration of the server's database to version {version} is incomplete.")
        if not OLDEST <= version <= NEWEST:
            raise SnapshotError(
                f"The server's database has schema version {version}; the snapshot lane supports {OLDEST} to {NEWEST}."
            )
        return version

    def _check_damage(self) -> None:
        result = self._all("PRAGMA quick_check(1)")
        if result != [("ok",)]:
            message = str(result[0][0])[:200] if result else "no result"
            raise SnapshotError(f"The snapshot is damaged: {message}.")


def spelled(columns: dict[str, str]) -> str:
    """A SELECT list of expressions by name."""
    return ",\n    ".join(f'{sql} AS "{name}"' for name, sql in columns.items())
